//! Jobs of shell commands, and the text that a shell is given for them.

use std::sync::Arc;

use crate::job::Job;
use crate::literal::literal;
use crate::problem::Problems;
use crate::source::{Source, Span, Spanned};
use crate::step::{Passes, Step, StepAction, When};

/// What stands in front of the commands: the first that fails ends the shell with its exit code, in a pipe too where the
/// shell can. A plain `sh` may end at an option that it does not know, so a shell of its own tries it.
const OPTIONS: &str = "if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi\nset -e\n";

/// A job with `script:`.
#[derive(Clone, Debug)]
pub struct ScriptJob {
    /// The text of the pipeline, in which the spans of the commands lie.
    pub source: Arc<Source>,
    /// `before_script`, the job's own or the default one.
    pub before: Vec<Spanned<String>>,
    /// `script`; at least one command.
    pub script: Vec<Spanned<String>>,
    /// `after_script`, the job's own or the default one.
    pub after: Vec<Spanned<String>>,
}

impl ScriptJob {
    /// Returns the text of the commands of `before_script` and `script`, which share one shell, for `bash -c` or `sh -c`.
    ///
    /// Each command is written to standard output before it runs, as GitLab Runner does: `$ COMMAND`, of a command of
    /// several lines the first with `# collapsed multi-line command`. The first command that fails ends the shell with
    /// its exit code; under `bash` a pipe fails with any of its commands. White space around a command is dropped.
    pub fn main_script(&self) -> String {
        shell_text(self.before.iter().chain(&self.script))
    }

    /// Returns the text of the commands of `after_script` in the same way, if there are any: for a shell of their own,
    /// behind the others whether they succeeded or not. Their failure changes nothing about the job.
    pub fn after_script(&self) -> Option<String> {
        (!self.after.is_empty()).then(|| shell_text(&self.after))
    }

    /// Returns the commands as a job: a step called `script`, and one called `after_script` that runs afterwards, if there
    /// are commands for it. Nothing in them is read as an expression, since GitLab reads none there.
    pub fn job(&self) -> Job {
        let main = step("script", &self.main_script(), &self.script, When::OnSuccess);
        let after = self.after_script().map(|text| step("after_script", &text, &self.after, When::Afterwards));
        Job {
            source: Arc::clone(&self.source),
            steps: [main].into_iter().chain(after).collect(),
            env: Vec::new(),
            outputs: Vec::new(),
            warnings: Problems::default(),
        }
    }
}

/// Makes a step that stands where the first of its commands does.
fn step(name: &str, text: &str, commands: &[Spanned<String>], when: When) -> Step {
    let span = commands.first().map_or(Span::default(), |command| command.span);
    let action = StepAction::Script(Spanned::new(literal(text), span));
    Step { name: Spanned::new(name.to_owned(), span), action, env: Vec::new(), passes: Passes::default(), when, span }
}

fn shell_text<'c>(commands: impl IntoIterator<Item = &'c Spanned<String>>) -> String {
    let mut text = OPTIONS.to_owned();
    for command in commands {
        let command = command.value.trim();
        text.push_str(&announcement(command));
        text.push_str(command);
        text.push('\n');
    }
    text
}

/// Returns the line that shows a command before it runs.
fn announcement(command: &str) -> String {
    match command.split_once('\n') {
        None if command.is_empty() => "echo\n".to_owned(),
        None => format!("printf '%s\\n' {}\n", quoted(&format!("$ {command}"))),
        Some((first, _)) => {
            format!("printf '%s\\n' {}\n", quoted(&format!("$ {first} # collapsed multi-line command")))
        }
    }
}

/// Returns a text as one word of a shell, whatever it holds.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
