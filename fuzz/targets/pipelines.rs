//! Pipelines of several files, and variables that refer to each other.
//!
//! The first piece of an input is the main file; the others are `/1.yml`, `/2.yml` and so on, or what a pattern matches.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::{check_job, check_problems, check_same, check_span, pieces, text};
use stepwell_schema::pipeline::variables::{MAX_ALL_BYTES, MAX_VALUE_BYTES, Variable, expand};
use stepwell_schema::pipeline::{Included, is_pipeline};
use stepwell_schema::{Pipeline, PipelineJob, PipelineWork, Problems, Source};

/// Most files of one input.
const MAX_FILES: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let text = text(bytes);
    let files: Vec<Arc<Source>> = pieces(&text, MAX_FILES)
        .into_iter()
        .enumerate()
        .map(|(index, text)| Source::new(format!("{index}.yml"), text))
        .collect();
    let _ = is_pipeline(&files[0]);
    let pipeline = load(&files);
    check_same(&pipeline, &load(&files), |one, other| comparable(one) == comparable(other));
    match pipeline {
        Ok(pipeline) => check_pipeline(&pipeline),
        Err(problems) => {
            assert!(problems.has_errors(), "refused without a reason: {problems}");
            check_problems(&problems);
        }
    }
    check_variables(&text);
});

fn load(files: &[Arc<Source>]) -> Result<Pipeline, Problems> {
    let mut include = |path: &str| -> Included {
        let name = path.trim_start_matches('/');
        if name.contains('*') {
            return Ok(files[1..].to_vec());
        }
        let found = files.iter().find(|source| source.name() == name);
        found.map(|source| vec![Arc::clone(source)]).ok_or_else(|| "there is no such file".to_owned())
    };
    Pipeline::load(Arc::clone(&files[0]), &mut include)
}

/// All that can be seen of a pipeline.
fn comparable(pipeline: &Pipeline) -> String {
    let job = |job: &PipelineJob| {
        format!("{:?}", (&job.name, &job.stage, &job.work, &job.not_honoured, &job.warnings, job.variables()))
    };
    let jobs: Vec<String> = pipeline.jobs().iter().map(job).collect();
    format!("{:?}", (pipeline.stages(), pipeline.warnings(), jobs))
}

fn check_pipeline(pipeline: &Pipeline) {
    assert!(!pipeline.warnings().has_errors());
    check_problems(pipeline.warnings());
    for (index, stage) in pipeline.stages().iter().enumerate() {
        assert!(!pipeline.stages()[..index].contains(stage), "the stage {stage:?} occurs twice");
    }
    for job in pipeline.jobs() {
        let found = pipeline.find(&job.name).expect("a job is found by its name");
        assert_eq!(found.name, job.name);
        check_pipeline_job(job);
    }
    let problem = pipeline.find(".none").expect_err("a hidden name is no job");
    check_problems(&problem.into());
}

fn check_pipeline_job(job: &PipelineJob) {
    assert!(!job.name.starts_with('.'));
    check_span(&job.place.source, job.place.span);
    assert!(!job.warnings.has_errors());
    check_problems(&job.warnings);
    for (_, place) in &job.not_honoured {
        check_span(&place.source, place.span);
    }
    match &job.work {
        PipelineWork::Run(job) => check_job(job),
        PipelineWork::Script(script) => {
            assert!(!script.script.is_empty());
            check_job(&script.job());
        }
        PipelineWork::Nothing(_) => {}
    }
    let variables = job.variables();
    for variable in &variables {
        assert!(!variable.name.is_empty() && !variable.name.contains(['=', '\0']), "{:?}", variable.name);
        check_span(&variable.place.source, variable.place.span);
    }
    let variables: Vec<Variable> = variables.into_iter().map(Variable::from).collect();
    let names = check_expanded(&variables);
    assert_eq!(names, variables.len(), "each name once");
}

/// Reads the lines of a text as `NAME=VALUE`, or `NAME:VALUE` for one that is taken as it is.
fn check_variables(text: &str) {
    let variables: Vec<Variable> = text
        .lines()
        .filter_map(|line| {
            let at = line.find(['=', ':'])?;
            let (name, value) = (line[..at].to_owned(), line[at + 1..].to_owned());
            Some(Variable { name, value, raw: line[at..].starts_with(':') })
        })
        .collect();
    check_expanded(&variables);
}

/// Expands variables; returns how many names there are.
fn check_expanded(variables: &[Variable]) -> usize {
    let expanded = expand(variables);
    assert_eq!(expanded, expand(variables), "two expansions differ");
    match expanded {
        Ok(values) => {
            let bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
            assert!(bytes <= MAX_ALL_BYTES && values.iter().all(|(_, value)| value.len() <= MAX_VALUE_BYTES));
            for (name, value) in &values {
                let last = variables.iter().rfind(|variable| variable.name == *name).expect("no name is made up");
                if last.raw || !last.value.contains('$') {
                    assert_eq!(*value, last.value, "nothing in it is expanded");
                }
            }
            values.len()
        }
        Err(error) => {
            assert!(variables.iter().any(|variable| variable.name == error.name));
            variables.len()
        }
    }
}
