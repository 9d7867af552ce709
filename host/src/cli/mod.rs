//! The command line: arguments in, text and exit code out. It adds no logic of its own to the library.

mod args;
mod build;
mod cache;
mod call;
mod check;
mod diagnostics;
mod error;
mod explain;
mod fetches;
mod functions;
mod inputs;
mod inspect;
mod install;
mod interface;
mod language;
mod learn;
mod lenient;
mod new;
mod page;
mod pipeline;
mod plan;
mod policies;
mod refusal;
mod run;
mod settings;
mod signals;
mod step_runner;
mod surroundings;
mod table;
mod terminal;
mod test;
mod tools;
mod variables;
mod watch;
mod watcher;
mod worker;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Arguments, Command, InstallArguments, InstallName};
use self::error::{CommandError, Exit};

/// Runs the program with the given arguments, the first being its name, and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if watcher::is_called_by(arguments.first()) {
        return watcher::main();
    }
    if worker::is_called_by(arguments.first()) {
        return worker::main();
    }
    if step_runner::is_called_by(arguments.first()) {
        return step_runner::main(&arguments);
    }
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => dispatch(arguments.command),
        Err(answer) => {
            // Nothing more can be said when the stream itself is gone.
            let _ = answer.print();
            if answer.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() }
        }
    }
}

fn dispatch(command: Command) -> ExitCode {
    let done = match command {
        Command::Ci(arguments) => return step_runner::ci(&arguments),
        Command::Cache { command } => cache::cache(&command),
        Command::Policy { command } => policies::policy(&command),
        Command::Install(arguments) => install(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Call(arguments) => call::call(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::List(arguments) => pipeline::list(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::New(arguments) => new::new(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Build(arguments) => build::build(&arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::Functions(arguments) => functions::functions(&arguments),
        Command::Docs(arguments) => functions::docs(&arguments),
        Command::Completions { shell } => completions(shell),
        Command::Manual => manual(),
    };
    done.unwrap_or_else(|error| error.report(&mut io::stderr(), terminal::color_on_stderr())).into()
}

fn install(arguments: &InstallArguments) -> Result<Exit, CommandError> {
    let InstallName::StepRunner = arguments.name;
    let installed = install::install(&arguments.folder, step_runner::NAME)?;
    print(format!("{}\n", installed.display()).as_bytes())
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "stepwell", &mut script);
    print(&script)
}

fn manual() -> Result<Exit, CommandError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(print_failed)?;
    print(&page)
}

/// Writes data that was asked for to standard output.
fn print(data: &[u8]) -> Result<Exit, CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(data).and_then(|()| out.flush()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(print_failed(error)),
        Ok(()) => Ok(Exit::Success),
    }
}

fn print_failed(cause: io::Error) -> CommandError {
    CommandError::Environment { message: "cannot write to standard output".to_owned(), cause, hint: None }
}
