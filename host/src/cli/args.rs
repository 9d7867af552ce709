//! The command line as types. clap stays in this folder.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::language::Language;
use super::lenient::LenientArguments;
use super::policies::PolicyArguments;
use super::step_runner::CiArguments;
use super::variables;

/// Runs the steps of a CI job: native commands, scripts, and WebAssembly functions that get only what they ask for.
#[derive(Debug, Parser)]
#[command(name = "stepwell", version, arg_required_else_help = true, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  success                      4  denied
    1  a step failed                6  content without the digest it must have
    2  wrong usage                  7  the engine or its surroundings failed
    3  a document is not valid    124  time limit        130  cancelled";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs a job.
    #[command(
        after_help = "Examples:\n    stepwell run examples/release/job.yml\n    stepwell run job.yml --var VERSION=1.2.3 --results step-results.json\n    stepwell run job.yml --dry-run\n    stepwell run .gitlab-ci.yml --job build"
    )]
    Run(RunArguments),
    /// Calls one function and prints its outputs as JSON.
    #[command(
        after_help = "Examples:\n    stepwell call builtin://stepwell/template --input 'template={{ 6 * 7 }}'\n    stepwell call ./greet --input name=you --input times:=3"
    )]
    Call(CallArguments),
    /// Shows what a job would run, with digests, needs and decisions, without running anything.
    #[command(after_help = "Examples:\n    stepwell plan examples/release/job.yml\n    stepwell plan job.yml --json")]
    Plan(PlanArguments),
    /// Shows what one step asks for, what it is given and by which rule, and the text that would change a denial.
    #[command(
        after_help = "Examples:\n    stepwell explain examples/release/job.yml pack\n    stepwell explain job.yml build/compile --policy profile:hardened"
    )]
    Explain(ExplainArguments),
    /// Shows the jobs of a pipeline.
    #[command(after_help = "Example:\n    stepwell list .gitlab-ci.yml")]
    List(ListArguments),
    /// Checks step, function and job files and shows all problems at once.
    #[command(
        after_help = "Examples:\n    stepwell check examples/release/job.yml\n    stepwell check examples\n    stepwell check --strict gitlab .gitlab-ci.yml"
    )]
    Check(CheckArguments),
    /// Makes a project for a function: function file, code, a test.
    #[command(after_help = "Examples:\n    stepwell new hello --lang rust\n    stepwell new functions/hello --lang go")]
    New(NewArguments),
    /// Builds a function with the tools of its language, and checks it against its function file.
    #[command(
        after_help = "Examples:\n    stepwell build functions/hello\n    stepwell build functions/hello --lang go"
    )]
    Build(BuildArguments),
    /// Runs the tables of cases of a function, `tests/*.yml`, in the sandbox.
    #[command(after_help = "Examples:\n    stepwell test greet\n    stepwell test greet --junit report.xml")]
    Test(TestArguments),
    /// Shows what a function or a module is: interface, needs, imports, size and digest. Nothing of it is run or compiled.
    #[command(
        after_help = "Examples:\n    stepwell inspect builtin://stepwell/checksum\n    stepwell inspect ./greet --format json\n    stepwell inspect examples/denied/stranger/stranger.wasm"
    )]
    Inspect(InspectArguments),
    /// Lists the functions that come with the program.
    #[command(after_help = "Examples:\n    stepwell functions\n    stepwell functions --format json")]
    Functions(FunctionsArguments),
    /// Shows the page of a function and its interface.
    #[command(after_help = "Examples:\n    stepwell docs builtin://stepwell/checksum\n    stepwell docs ./greet")]
    Docs(DocsArguments),
    /// Runs the list of steps that GitLab Runner leaves in the variable STEPS, as its step-runner does.
    #[command(
        after_help = "Example:\n    STEPS='[{name: hello, script: echo hello}]' stepwell ci\n\nExit codes: 0 success, 1 anything else."
    )]
    Ci(CiArguments),
    /// Installs this program under the name that GitLab Runner looks for.
    #[command(after_help = "Example:\n    stepwell install --as step-runner /usr/local/bin")]
    Install(InstallArguments),
    /// Looks after the fetched trees that are kept between jobs.
    #[command(
        after_help = "Examples:\n    stepwell cache list\n    stepwell cache verify\n    stepwell cache prune --to 1GiB"
    )]
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
    },
    /// Shows policies, checks them, or holds them against a table of expected decisions.
    #[command(
        after_help = "Examples:\n    stepwell policy show --policy profile:hardened\n    stepwell policy check --policy profile:local"
    )]
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Prints a completion script for a shell.
    #[command(after_help = "Example:\n    stepwell completions bash")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    #[command(after_help = "Example:\n    stepwell manual")]
    Manual,
}

/// What every command that reads a job takes.
#[derive(Clone, Debug, Args)]
pub(super) struct JobArguments {
    /// The job file: `run:` with a list of steps; or the file of a pipeline.
    #[arg(value_name = "FILE.yml", value_hint = ValueHint::FilePath)]
    pub(super) file: PathBuf,
    /// The job of the pipeline.
    #[arg(long, value_name = "NAME")]
    pub(super) job: Option<String>,
    /// The job's work dir, where commands run and what functions may be granted parts of [default: where you stand; of
    /// a pipeline the root of its project].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) workdir: Option<PathBuf>,
    /// A job variable, `${{ vars.K }}`; may be repeated.
    #[arg(long = "var", value_name = "K=V", value_parser = pair)]
    pub(super) vars: Vec<(String, String)>,
    /// A file of job variables: a JSON object of texts, or lines `K=V`; `--var` wins over it.
    #[arg(long, value_name = "F.json|F.env", value_hint = ValueHint::FilePath)]
    pub(super) vars_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) policy: PolicyArguments,
}

/// Where WebAssembly steps run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum IsolationChoice {
    /// In the process of the engine.
    InProcess,
    /// In processes of their own, behind Landlock, seccomp and limits.
    Worker,
}

/// What every command that runs something takes.
#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// Writes what came of each step to a file, in the form of GitLab's `step-results.json`.
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub(super) results: Option<PathBuf>,
    /// Writes every event to a file as JSON, one a line.
    #[arg(long, value_name = "F", value_hint = ValueHint::FilePath)]
    pub(super) events: Option<PathBuf>,
    /// Ends the run after this time, such as `90s` or `10m`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) timeout: Option<std::time::Duration>,
    #[command(flatten)]
    pub(super) lenient: LenientArguments,
    /// Where WebAssembly steps run [default: in-process; with `profile:hardened` worker].
    #[arg(long, value_name = "WHERE", value_enum)]
    pub(super) isolation: Option<IsolationChoice>,
    /// Shows only the log of the steps and what went wrong.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Shows everything there is to show.
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) job: JobArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// Shows the plan and runs nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Gives WebAssembly steps nothing that differs from one run to the next: no real clock, no real random numbers.
    #[arg(long)]
    pub(super) deterministic: bool,
}

#[derive(Debug, Args)]
pub(super) struct CallArguments {
    /// The function: a path that starts with `.` or `/`, `builtin://NAME`, or `HOST/PROJECT@REVISION`.
    #[arg(value_name = "REF")]
    pub(super) reference: String,
    /// An input: `K=V` is typed as in a YAML file when the function does not want text, `K:=JSON` is JSON.
    #[arg(long = "input", value_name = "K=V|K:=JSON")]
    pub(super) inputs: Vec<String>,
    #[command(flatten)]
    pub(super) policy: PolicyArguments,
    /// An environment variable for the function; may be repeated.
    #[arg(long = "env", value_name = "K=V", value_parser = pair)]
    pub(super) env: Vec<(String, String)>,
    /// The work dir [default: where you stand].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) workdir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    pub(super) job: JobArguments,
    /// Prints the plan as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    pub(super) job: JobArguments,
    /// The step: the names on the way to it, with `/` between them.
    #[arg(value_name = "STEP")]
    pub(super) step: String,
}

#[derive(Debug, Args)]
pub(super) struct LearnArguments {
    /// Events of runs, as `--events` writes them.
    #[arg(value_name = "EVENTS", required = true, value_hint = ValueHint::FilePath)]
    pub(super) events: Vec<PathBuf>,
    /// The policy file that was tried out [default: none; the least policy is made from nothing].
    #[arg(long = "change", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct NewArguments {
    /// The folder to make; the function has the name of its last part.
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
    /// The language.
    #[arg(long, value_enum)]
    pub(super) lang: Language,
    /// The folder of the SDK, `guest-sdk` in a clone of the project [default: the project gets a copy of its own].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) sdk: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct BuildArguments {
    /// The folder of the function file.
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
    /// The language [default: as the files say].
    #[arg(long, value_enum)]
    pub(super) lang: Option<Language>,
}

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// The folder of the function file.
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
    /// Writes what came into the tables in place of what was expected: outputs, exports, files and messages.
    #[arg(long)]
    pub(super) update: bool,
    /// Writes what came of the cases to a file in the form of JUnit.
    #[arg(long, value_name = "F.xml", value_hint = ValueHint::FilePath)]
    pub(super) junit: Option<PathBuf>,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct InspectArguments {
    /// A function, as for `call`, or a file: a module, or a function file.
    #[arg(value_name = "REF|FILE", value_hint = ValueHint::AnyPath)]
    pub(super) subject: String,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct FunctionsArguments {
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct DocsArguments {
    /// The function: a reference as for `call`, or the last word of the name of one that comes with the program.
    #[arg(value_name = "REF")]
    pub(super) reference: String,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// The file of the pipeline.
    #[arg(value_name = "FILE.yml", value_hint = ValueHint::FilePath)]
    pub(super) pipeline: PathBuf,
    /// Prints the jobs as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Files, or folders that are searched for `*.yml` and `*.yaml`.
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub(super) paths: Vec<PathBuf>,
    /// Also refuses what only Stepwell understands.
    #[arg(long, value_name = "ENGINE", value_enum)]
    pub(super) strict: Option<Strict>,
}

/// The engines for which files can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Strict {
    /// GitLab's.
    Gitlab,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Shows the policies that hold.
    Show(PolicyArguments),
    /// Checks policies and shows all problems at once.
    Check(PolicyArguments),
    /// Prints the least policy for what recorded runs did, as a change of a policy file.
    Learn(LearnArguments),
    /// Holds policies against a table of expected decisions, in TOML.
    Test {
        /// The table.
        #[arg(value_name = "TABLE.toml", value_hint = ValueHint::FilePath)]
        table: PathBuf,
        #[command(flatten)]
        policy: PolicyArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CacheCommand {
    /// Lists the commits whose trees are kept.
    List {
        /// Prints them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reads every tree and says which are damaged; a job that needs one of these fetches it anew.
    Verify,
    /// Removes trees that no running job uses: all of them, where --to does not say otherwise.
    Prune(PruneArguments),
}

#[derive(Debug, Args)]
pub(super) struct PruneArguments {
    /// Removes only what was used longest ago, until this much is left, such as `1GiB`.
    #[arg(long, value_name = "SIZE")]
    pub(super) to: Option<bytesize::ByteSize>,
}

#[derive(Debug, Args)]
pub(super) struct InstallArguments {
    /// The name to answer to.
    #[arg(long = "as", value_name = "NAME", value_enum)]
    pub(super) name: InstallName,
    /// The folder; made where it is missing.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
}

/// The names that the program answers to besides its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InstallName {
    /// GitLab's engine.
    StepRunner,
}

/// Splits `K=V` of a variable.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if !variables::is_variable(name) {
        return Err(format!("`{name}` is not the name of a variable: it is empty, or blanks are in it"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; expected a time such as `90s` or `10m`"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Arguments;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
