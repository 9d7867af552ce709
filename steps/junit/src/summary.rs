//! The numbers of all reports.

use stepwell_sdk::{Failure, Step};
use stepwell_step_parts::xml::{Document, Node};

use crate::case::{Case, Ending, Failed};

/// Most failed tests that are kept, for log and output.
pub(crate) const MAX_FAILED: usize = 100;

/// Numbers of test cases.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) tests: u64,
    pub(crate) failures: u64,
    pub(crate) errors: u64,
    pub(crate) skipped: u64,
    pub(crate) seconds: f64,
}

impl Counts {
    fn count(&mut self, case: &Case) {
        self.tests += 1;
        self.seconds += case.seconds;
        match case.ending {
            Ending::Passed => {}
            Ending::Skipped => self.skipped += 1,
            Ending::Failed => self.failures += 1,
            Ending::Error => self.errors += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
        self.seconds += other.seconds;
    }

    /// Returns the share of the tests that were skipped, in percent; zero of none.
    pub(crate) fn skipped_percent(&self) -> f64 {
        if self.tests == 0 { 0.0 } else { self.skipped as f64 * 100.0 / self.tests as f64 }
    }

    /// Returns the numbers that did not pass, in words.
    pub(crate) fn unsuccessful(&self) -> String {
        format!("{} failed, {} ended with an error, {} were skipped", self.failures, self.errors, self.skipped)
    }
}

/// What all reports say together, and each of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) counts: Counts,
    /// Paths and numbers, in the order of the paths.
    pub(crate) reports: Vec<(String, Counts)>,
    /// The first [`MAX_FAILED`].
    pub(crate) failed: Vec<Failed>,
}

impl Summary {
    /// Reads a report.
    pub(crate) fn add(&mut self, step: &Step, report: &str) -> Result<(), Failure> {
        let mut reading = Reading::default();
        let mut document = Document::open(step, report)?;
        while let Some(node) = document.next_node()? {
            if let Some(case) = reading.take(node, &document)? {
                reading.counts.count(&case);
                if self.failed.len() < MAX_FAILED {
                    self.failed.extend(Failed::of(case));
                }
            }
        }
        self.counts.add(&reading.counts);
        self.reports.push((report.to_owned(), reading.counts));
        Ok(())
    }
}

/// Where in a report the reader is.
#[derive(Debug, Default)]
struct Reading {
    counts: Counts,
    depth: usize,
    /// Names of the open suites, with their depths.
    suites: Vec<(usize, String)>,
    /// The open test case and its depth.
    case: Option<(usize, Case)>,
    /// Whether the reader is in the element that tells how the case ended.
    explains: bool,
}

impl Reading {
    /// Takes a node, and returns the test case that ends with it.
    fn take(&mut self, node: Node, document: &Document<'_>) -> Result<Option<Case>, Failure> {
        match node {
            Node::Start(element) => {
                self.depth += 1;
                let name = element.local_name();
                if self.depth == 1 && !matches!(name, "testsuites" | "testsuite") {
                    let problem = format!("the document is one of `{name:.40}`, not of `testsuites` or `testsuite`");
                    return Err(document.failure(problem).hint("input `reports` chooses JUnit reports only"));
                }
                match (&mut self.case, name) {
                    (None, "testsuite") => {
                        let name = element.attribute("name").unwrap_or_default();
                        self.suites.push((self.depth, name.to_owned()));
                    }
                    (None, "testcase") => {
                        let suite = self.suites.last().map(|(_, name)| name.as_str()).unwrap_or_default();
                        self.case = Some((self.depth, Case::new(&element, suite)));
                    }
                    (Some((depth, case)), name) if self.depth == *depth + 1 => {
                        if let Some(ending) = Ending::of(name) {
                            case.end(ending, &element);
                            self.explains = case.ending == ending;
                        }
                    }
                    (Some(_) | None, _) => {}
                }
            }
            Node::Text(text) => {
                if let (Some((_, case)), true) = (&mut self.case, self.explains) {
                    case.explain(&text);
                }
            }
            Node::End => {
                self.explains = false;
                self.depth -= 1;
                self.suites.pop_if(|(depth, _)| *depth > self.depth);
                return Ok(self.case.take_if(|(depth, _)| *depth > self.depth).map(|(_, case)| case));
            }
        }
        Ok(None)
    }
}
