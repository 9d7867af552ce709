//! Commands and scripts: from what is evaluated to what they hand over.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use stepwell_expr::{StepOutputs, Values};
use stepwell_plan::{PlannedDefinition, PlannedFunction};
use stepwell_schema::{OutputsSpec, Value};

use crate::call::Call;
use crate::ending::{command_end, exit_code};
use crate::event::StepFacts;
use crate::execute::Action;
use crate::exports::variables;
use crate::failure::Failed;
use crate::frame::{Context, Item};
use crate::item::{Ended, function_facts};
use crate::lines;
use crate::outputs::{check_outputs, parse_delegate};
use crate::result::{ExecResult, StepResult};
use crate::scratch::StepFiles;
use crate::sequencer::Sequencer;

impl Sequencer {
    pub(crate) async fn script(&mut self, item: &Item, text: &str, call: &Call, result: &mut StepResult) -> Ended {
        self.prepared(item, call, script_facts());
        self.begin(item).await;
        let action = Action::Script { text: text.to_owned() };
        let outcome = self.execute(item, call.layers.environment().plain(), action).await?;
        result.exec = Some(ExecResult {
            command: vec![text.to_owned()],
            work_dir: self.work_dir.clone(),
            exit_code: exit_code(&outcome),
        });
        command_end(outcome, &self.stop).map(|()| None)
    }

    pub(crate) async fn exec(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        result: &mut StepResult,
    ) -> Ended {
        if function.is_decided() {
            // The output and export files are no part of what a function may ask for.
            let context = self.enter_context(function, call, None, result)?;
            self.decide(item, function, call, &context)?;
        } else {
            self.prepared(item, call, function_facts(function, Vec::new()));
        }
        let files = self.files(function)?;
        self.begin(item).await;
        let ended = self.command(item, function, call, files.as_ref(), result).await;
        if let Some(files) = files {
            files.remove();
        }
        ended.map(|()| None)
    }

    async fn command(
        &mut self,
        item: &Item,
        function: &Arc<PlannedFunction>,
        call: &Call,
        files: Option<&StepFiles>,
        result: &mut StepResult,
    ) -> Result<(), Failed> {
        let context = self.enter_context(function, call, files.cloned(), result)?;
        let (arguments, directory) = self.command_line(function, &context).map_err(|failed| failed.within("exec"))?;
        self.decide_program(item, function, &arguments)?;
        let exec = ExecResult { command: arguments.clone(), work_dir: directory.clone(), exit_code: 0 };
        let action = Action::Command { arguments, directory: directory.into() };
        let outcome = self.execute(item, context.layers.environment().plain(), action).await?;
        result.exec = Some(ExecResult { exit_code: exit_code(&outcome), ..exec });
        command_end(outcome, &self.stop)?;
        let Some(files) = files else {
            let outputs = check_outputs(&function.function.spec, []);
            result.outputs = outputs.map_err(|problems| output_file(&problems))?;
            return Ok(());
        };
        let (files, callee, quote) = (files.clone(), Arc::clone(function), self.options.quote_lines);
        let collected = tokio::task::spawn_blocking(move || collect(&callee, &files, quote))
            .await
            .map_err(|error| Failed::engine(format!("reading the output file broke off: {error}")))?;
        let (outputs, exports) = collected?;
        self.decide_exports(item, function, exports.keys())?;
        (result.outputs, result.exports) = (outputs, exports);
        Ok(())
    }

    /// Evaluates program, arguments and working directory.
    fn command_line(&self, function: &PlannedFunction, context: &Context) -> Result<(Vec<String>, String), Failed> {
        let PlannedDefinition::Exec { command, work_dir } = &function.definition else {
            return Err(Failed::engine("the definition is no command"));
        };
        let arguments = self.arguments(command, context)?;
        let none = StepOutputs::new();
        let directory = match work_dir {
            None => self.work_dir.clone(),
            Some(template) => {
                let (text, sensitive) = template
                    .evaluate_text(&self.scope(context, &none))
                    .map_err(|error| Failed::step(format!("interpolate work_dir {:?}: {error}", template.text())))?;
                self.masks.text(&text, sensitive);
                join(&self.work_dir, &text)
            }
        };
        Ok((arguments, directory))
    }
}

/// Reads the two files of a command that succeeded: outputs first, and exports only if they are good. `quote` says whether
/// a message may hold the line that it is about.
fn collect(
    function: &PlannedFunction,
    files: &StepFiles,
    quote: bool,
) -> Result<(Values, BTreeMap<String, String>), Failed> {
    let spec = &function.function.spec;
    let bytes = lines::read(files.output.as_ref()).map_err(|error| output_file(&error))?;
    let outputs = match &spec.outputs {
        OutputsSpec::Delegate(_) => parse_delegate(&bytes).map_err(|error| output_file(&error))?,
        OutputsSpec::Declared(_) => {
            let entries = parse(&bytes, quote).map_err(|error| output_file(&error))?;
            check_outputs(spec, entries).map_err(|problems| output_file(&problems))?
        }
    };
    drop(bytes);
    let exports = read_exports(files, quote)?;
    Ok((outputs, exports))
}

fn read_exports(files: &StepFiles, quote: bool) -> Result<BTreeMap<String, String>, Failed> {
    let bytes = lines::read(files.export.as_ref()).map_err(|error| export_file(&error))?;
    let entries = parse(&bytes, quote).map_err(|error| export_file(&error))?;
    variables(entries).map_err(|error| export_file(&error))
}

fn parse(bytes: &[u8], quote: bool) -> Result<Vec<(String, Value)>, String> {
    lines::parse(bytes).map_err(|error| if quote { error.quoting(bytes) } else { error.to_string() })
}

fn output_file(error: &dyn fmt::Display) -> Failed {
    Failed::step(format!("output file: read output file: {error}"))
}

fn export_file(error: &dyn fmt::Display) -> Failed {
    Failed::step(format!("export file: read env file: {error}"))
}

pub(crate) fn script_facts() -> StepFacts {
    StepFacts { kind: "script", reference: String::new(), function: None, module: None, decisions: Vec::new() }
}

/// Makes a path absolute. Paths of a job are UTF-8.
fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder.trim_end_matches('/')) }
}
