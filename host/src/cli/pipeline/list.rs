//! `stepwell list`: the jobs of a pipeline.

use serde_json::{Value, json};
use stepwell_schema::pipeline::{NoWork, PipelineJob, PipelineWork};

use super::super::args::ListArguments;
use super::super::diagnostics::counted;
use super::super::error::{CommandError, Exit};
use super::super::table;
use super::Project;
use crate::request;

/// Shows the jobs in the order of their stages.
pub(in super::super) fn list(arguments: &ListArguments) -> Result<Exit, CommandError> {
    let source = request::read(&arguments.pipeline).map_err(CommandError::Document)?;
    let project = Project::load(&arguments.pipeline, source)?;
    let jobs = project.pipeline.jobs();
    if arguments.json {
        let jobs: Vec<Value> = jobs
            .iter()
            .map(|job| json!({ "name": job.name, "stage": job.stage, "kind": kind(job), "not_honoured": ignored(job) }))
            .collect();
        return super::super::print(format!("{:#}\n", json!({ "version": 1, "jobs": jobs })).as_bytes());
    }
    let mut table = table::table(["job", "stage", "what it does"]);
    for job in jobs {
        table.add_row([&job.name, &job.stage, &what(job)]);
    }
    super::super::print(table::text(&table).as_bytes())
}

const fn kind(job: &PipelineJob) -> &'static str {
    match &job.work {
        PipelineWork::Run(_) => "run",
        PipelineWork::Script(_) => "script",
        PipelineWork::Nothing(NoWork::OtherPipeline) => "trigger",
        PipelineWork::Nothing(NoWork::NotIncluded) => "not-included",
    }
}

fn ignored(job: &PipelineJob) -> Vec<&str> {
    job.not_honoured.iter().map(|(keyword, _)| keyword.as_str()).collect()
}

fn what(job: &PipelineJob) -> String {
    match &job.work {
        PipelineWork::Run(run) => counted(run.steps.len(), "step"),
        PipelineWork::Script(script) => {
            counted(script.before.len() + script.script.len() + script.after.len(), "command")
        }
        PipelineWork::Nothing(NoWork::OtherPipeline) => "starts another pipeline".to_owned(),
        PipelineWork::Nothing(NoWork::NotIncluded) => "parts of it are not included".to_owned(),
    }
}
