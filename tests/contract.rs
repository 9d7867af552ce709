//! The contract of GitLab's steps, rule by rule, through the command that GitLab's runner calls: `step-runner ci`.
//!
//! `tests/cases/contract/rules.yml` lists the rules; the other tables beside it hold the cases. A case is files, a list
//! of steps and variables in; exit code, streams, results and files out. Nothing may be left behind: no process, and no
//! file in the folder for temporary files. `STEPWELL_CASES=word` runs the cases whose table or name holds the word.

mod judge;
mod run;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use judge::problems;
use run::{Outcome, Program};
use table::{Case, Rule, Table};

/// How many cases each chapter has at least, so that none is lost unseen. `protocol` is the runner's side.
const AT_LEAST: [(&str, usize); 7] =
    [("2", 128), ("3", 84), ("4", 154), ("5", 143), ("6", 10), ("8", 18), ("protocol", 4)];

/// Cases that run at the same time: most of each is waiting for programs.
const WORKERS: usize = 4;

#[test]
fn every_rule_has_a_case_or_says_why_not() {
    let (rules, tables) = (table::rules(), table::tables());
    let wrong = wrong_names(&rules, &tables);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let shown: BTreeSet<&str> = tables.iter().flat_map(Table::rules).collect();
    let (mut wrong, mut without) = (Vec::new(), String::new());
    for rule in &rules {
        match (shown.contains(&*rule.rule), &rule.not_shown) {
            (true, None) => {}
            (false, Some(reason)) => {
                writeln!(without, "no case for {}: {reason}", rule.rule).expect("a string takes everything");
            }
            (false, None) => wrong.push(format!("{} has no case and no reason: {}", rule.rule, rule.says)),
            (true, Some(_)) => wrong.push(format!("{} has a case and a reason to have none", rule.rule)),
        }
    }
    show(&without);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes past the test harness, which keeps back what a test that passes prints.
fn show(lines: &str) {
    // Standard error may be closed; what the tests assert holds all the same.
    let _ = io::stderr().write_all(format!("\n{lines}").as_bytes());
}

#[test]
fn no_case_is_lost() {
    let tables = table::tables();
    let mut chapters: BTreeMap<&str, usize> = BTreeMap::new();
    let mut counts = String::new();
    for table in &tables {
        writeln!(counts, "{:<24} {:>3} cases", table.name, table.cases.len()).expect("a string takes everything");
        *chapters.entry(table.section().split(['.', '-']).next().unwrap_or_default()).or_default() += table.cases.len();
    }
    let all = chapters.values().sum::<usize>();
    show(&format!("{counts}{:<24} {all:>3} cases, {} rules, none skipped\n", "all", table::rules().len()));
    for (chapter, least) in AT_LEAST {
        let found = chapters.get(chapter).copied().unwrap_or_default();
        assert!(found >= least, "chapter {chapter} has {found} cases, it had {least}");
    }
}

#[test]
fn every_case_holds() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests")]
    let wanted = std::env::var("STEPWELL_CASES").unwrap_or_default();
    let (rules, tables, program) = (table::rules(), table::tables(), Program::new());
    let cases: Vec<(&Table, &Case)> = tables
        .iter()
        .flat_map(|table| table.cases.iter().map(move |case| (table, case)))
        .filter(|(table, case)| table.name.contains(&wanted) || case.case.contains(&wanted))
        .collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((table, case)) = cases.get(index) else { return };
            let outcome = program.run(case);
            let problems = problems(case, &outcome);
            if !problems.is_empty() {
                let told = told(table, case, &rules, &outcome, &problems);
                failures.lock().expect("no worker panics while it holds the lock").insert(index, told);
            }
        }
    };
    thread::scope(|scope| (0..WORKERS).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().expect("no worker panicked");
    let all: String = failures.values().map(String::as_str).collect();
    assert!(failures.is_empty(), "{all}\n{} of {} cases failed", failures.len(), cases.len());
}

/// Returns what is wrong with the names in the tables: of cases that stand twice, of rules that are not there.
fn wrong_names(rules: &[Rule], tables: &[Table]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for rule in rules {
        if !known.insert(&*rule.rule) {
            wrong.push(format!("rule {} stands twice", rule.rule));
        }
    }
    for table in tables {
        let mut names = BTreeSet::new();
        for case in &table.cases {
            let place = format!("{}: {}", table.name, case.case);
            if !names.insert(&*case.case) {
                wrong.push(format!("{place} stands twice"));
            }
            if !case.rules.iter().any(|rule| table.is_about(rule)) {
                wrong.push(format!("{place} shows no rule of its section"));
            }
            let unknown = case.rules.iter().filter(|rule| !known.contains(rule.as_str()));
            wrong.extend(unknown.map(|rule| format!("{place} names {rule}, which is no rule")));
        }
    }
    wrong
}

/// Writes all that is needed to understand why a case failed.
fn told(table: &Table, case: &Case, rules: &[Rule], outcome: &Outcome, problems: &[String]) -> String {
    let mut told = format!("\n=== {}: {}\n", table.name, case.case);
    for rule in rules.iter().filter(|rule| case.rules.contains(&rule.rule)) {
        writeln!(told, "rule {}: {}", rule.rule, rule.says).expect("a string");
    }
    for problem in problems {
        writeln!(told, "  * {problem}").expect("a string");
    }
    let steps = case.steps.as_deref().unwrap_or("(none)");
    write!(told, "--- steps\n{steps}\n--- stdout\n{}\n--- stderr\n{}\n", outcome.stdout, outcome.stderr)
        .expect("a string");
    if let Some(results) = &outcome.results {
        writeln!(told, "--- results\n{results:#}").expect("a string");
    }
    told
}
