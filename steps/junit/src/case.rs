//! One test case of a report.

use std::fmt::{self, Display};

use serde::Serialize;
use stepwell_step_parts::xml::Element;

/// Longest suite, name and message that are kept; the merged report has them whole. A hundred of each, in characters of
/// four bytes, stay below the 256 KiB that an output may hold.
const MAX_CHARACTERS: usize = 160;

/// How a test case ended. Of several the worst counts, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    #[default]
    Passed,
    Skipped,
    Failed,
    Error,
}

impl Ending {
    /// Returns what an element in a test case says. Repeats that a framework tells of beside the end, such as
    /// `flakyFailure`, say nothing.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "failure" => Some(Self::Failed),
            "error" => Some(Self::Error),
            "skipped" | "disabled" => Some(Self::Skipped),
            _ => None,
        }
    }
}

/// A test case as far as the summary wants it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Case {
    pub(crate) suite: String,
    pub(crate) name: String,
    pub(crate) seconds: f64,
    pub(crate) ending: Ending,
    pub(crate) message: String,
}

impl Case {
    /// Returns the test case that an element begins, in the suite of that name.
    pub(crate) fn new(element: &Element, suite: &str) -> Self {
        let class = element.attribute("classname").filter(|class| !class.is_empty());
        let ending = if element.attribute("status") == Some("notrun") { Ending::Skipped } else { Ending::Passed };
        Self {
            suite: cut(class.unwrap_or(suite)),
            name: cut(element.attribute("name").unwrap_or_default()),
            seconds: element.attribute("time").map(seconds).unwrap_or_default(),
            ending,
            message: String::new(),
        }
    }

    /// Takes note of an element in it.
    pub(crate) fn end(&mut self, ending: Ending, element: &Element) {
        if ending > self.ending {
            self.ending = ending;
            let message = element.attribute("message").or(element.attribute("type"));
            self.message = cut(message
                .unwrap_or_default()
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .trim());
        }
    }

    /// Takes note of the text of the element that told of the end: its first line stands for a message that is missing.
    pub(crate) fn explain(&mut self, text: &str) {
        if self.message.is_empty() {
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            self.message = cut(line.unwrap_or_default());
        }
    }
}

/// A test that failed, as the output has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failed {
    pub(crate) suite: String,
    pub(crate) name: String,
    pub(crate) result: &'static str,
    pub(crate) message: String,
}

impl Failed {
    /// Returns the test case if it failed or ended with an error.
    pub(crate) fn of(case: Case) -> Option<Self> {
        let result = match case.ending {
            Ending::Passed | Ending::Skipped => return None,
            Ending::Failed => "failure",
            Ending::Error => "error",
        };
        Some(Self { suite: case.suite, name: case.name, result, message: case.message })
    }
}

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suite, name, result: _, message } = self;
        match (suite.as_str(), message.as_str()) {
            ("", "") => f.write_str(name),
            ("", message) => write!(f, "{name}: {message}"),
            (suite, "") => write!(f, "{suite} › {name}"),
            (suite, message) => write!(f, "{suite} › {name}: {message}"),
        }
    }
}

/// Returns a time as reports write it, `1,234.5` among others; zero for what is none.
fn seconds(text: &str) -> f64 {
    let number = text.trim().replace(',', "").parse::<f64>().unwrap_or_default();
    if number.is_finite() && number > 0.0 { number } else { 0.0 }
}

/// Returns the start of a text, with blanks for control characters.
fn cut(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).map(|character| if character.is_control() { ' ' } else { character }).collect()
}
