//! Job files, lists of steps, function files, tables of cases and values, as whoever writes them gives them.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stepwell_fuzz::{check_function, check_job, check_node, check_outcome, check_problems, check_same, text};
use stepwell_schema::strict::{beyond_gitlab, job_beyond_gitlab};
use stepwell_schema::{CaseTable, Function, Job, Node, Problems, Source, Value};

fuzz_target!(|bytes: &[u8]| {
    if let Err(problem) = Source::from_bytes("document.yml", bytes.to_vec()) {
        check_problems(&problem.into());
    }
    let source = Source::new("document.yml", text(bytes));
    jobs(&source, Job::parse);
    jobs(&source, Job::parse_list);
    functions(&source);
    tables(&source);
    values(&source);
});

fn jobs(source: &Arc<Source>, parse: fn(Arc<Source>) -> Result<Job, Problems>) {
    let job = parse(Arc::clone(source));
    check_outcome(&job, |job| &job.warnings);
    check_same(&job, &parse(Arc::clone(source)), |one, other| {
        let parts = |job: &Job| (job.steps.clone(), job.env.clone(), job.outputs.clone(), job.warnings.clone());
        comparable(&parts(one)) == comparable(&parts(other))
    });
    if let Ok(job) = job {
        check_job(&job);
        check_problems(&job_beyond_gitlab(&job));
    }
}

fn functions(source: &Arc<Source>) {
    let function = Function::parse(Arc::clone(source));
    check_outcome(&function, |function| &function.warnings);
    check_same(&function, &Function::parse(Arc::clone(source)), |one, other| {
        let parts =
            |function: &Function| (function.spec.clone(), function.definition.clone(), function.warnings.clone());
        comparable(&parts(one)) == comparable(&parts(other))
    });
    if let Ok(function) = function {
        check_function(&function);
        check_problems(&beyond_gitlab(&function));
    }
}

fn tables(source: &Arc<Source>) {
    let table = CaseTable::parse(Arc::clone(source));
    check_outcome(&table, |table| &table.warnings);
    check_same(&table, &CaseTable::parse(Arc::clone(source)), |one, other| {
        comparable(&(&one.cases, &one.warnings)) == comparable(&(&other.cases, &other.warnings))
    });
}

fn values(source: &Arc<Source>) {
    let node = Node::parse(Arc::clone(source));
    check_same(&node, &Node::parse(Arc::clone(source)), |one, other| comparable(one) == comparable(other));
    match node {
        Ok(node) => {
            check_node(source, &node);
            read_back(&node.to_value());
        }
        Err(problems) => {
            assert!(problems.has_errors(), "refused without a reason: {problems}");
            check_problems(&problems);
        }
    }
}

/// A number that is none differs from itself, its text does not.
fn comparable(document: &impl std::fmt::Debug) -> String {
    format!("{document:?}")
}

/// JSON is YAML: what is written as JSON is read as the same value.
fn read_back(value: &Value) {
    // YAML has no place for some characters that JSON writes as they are, and takes some for line breaks.
    let awkward = |character| {
        matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    match value.to_json_text() {
        Ok(json) if !json.contains(awkward) => {
            let read = Node::parse(Source::new("value.json", json)).expect("JSON is YAML").to_value();
            assert_eq!(&read, value);
        }
        Ok(_) | Err(_) => {}
    }
}
