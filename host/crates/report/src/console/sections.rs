//! GitLab's foldable sections of a log.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use stepwell_run::StepPath;

use crate::terminal_text::own_text;

/// The sections that are open, outermost first, and the names that have been used.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    open: Vec<Section>,
    used: BTreeSet<String>,
}

#[derive(Debug)]
struct Section {
    step: StepPath,
    is_group: bool,
    name: String,
}

impl Sections {
    /// Returns the line that opens the section of a step.
    pub(crate) fn open_step(&mut self, step: &StepPath, title: &str, time: SystemTime) -> String {
        self.open(step, false, &format!("step_{step}"), title, time)
    }

    /// Returns the line that opens a section of the guest's.
    pub(crate) fn open_group(&mut self, step: &StepPath, title: &str, time: SystemTime) -> String {
        self.open(step, true, &format!("group_{step}_{title}"), title, time)
    }

    /// Returns the line that closes a step's innermost group; empty where none is open.
    pub(crate) fn close_group(&mut self, step: &StepPath, time: SystemTime) -> String {
        let innermost = self.open.pop_if(|section| section.is_group && section.step == *step);
        innermost.map(|section| end(&section.name, time)).unwrap_or_default()
    }

    /// Returns the lines that close the section of a step and all in it; empty where it is not open.
    pub(crate) fn close_step(&mut self, step: &StepPath, time: SystemTime) -> String {
        let first = self.open.iter().position(|section| section.step == *step).unwrap_or(self.open.len());
        self.open.drain(first..).rev().map(|section| end(&section.name, time)).collect()
    }

    fn open(&mut self, step: &StepPath, is_group: bool, name: &str, title: &str, time: SystemTime) -> String {
        let name = self.unique(name);
        let title = own_text(title).replace('\n', " ");
        let line = format!("\u{1b}[0Ksection_start:{}:{name}[collapsed=true]\r\u{1b}[0K{title}\n", seconds(time));
        self.open.push(Section { step: step.clone(), is_group, name });
        line
    }

    /// Names may hold letters, digits, `_`, `.` and `-`, and each section of a log needs one of its own.
    fn unique(&mut self, name: &str) -> String {
        let sound = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        let name = name.chars().take(MAX_NAME_CHARS).map(|character| if sound(character) { character } else { '_' });
        let name = name.collect::<String>();
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = [name.clone()].into_iter().chain(numbered).find(|name| !self.used.contains(name)).unwrap_or(name);
        self.used.insert(free.clone());
        free
    }
}

/// Titles of guests may be long; names are for programs only.
const MAX_NAME_CHARS: usize = 80;

fn end(name: &str, time: SystemTime) -> String {
    format!("\u{1b}[0Ksection_end:{}:{name}\r\u{1b}[0K\n", seconds(time))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::path;

    #[test]
    fn names_are_sound_and_unique() {
        let mut sections = Sections::default();
        assert_eq!(sections.unique("step_a/b"), "step_a_b");
        assert_eq!(sections.unique("step_a b"), "step_a_b_2");
        assert_eq!(sections.unique("step_a_b"), "step_a_b_3");
        assert_eq!(sections.unique("x]\r\u{1b}ä-1.0"), "x____-1.0");
    }

    #[test]
    fn a_step_closes_what_is_open_in_it() {
        let mut sections = Sections::default();
        let time = UNIX_EPOCH;
        let (outer, inner) = (path("a"), path("a/b"));
        assert_eq!(sections.close_group(&outer, time), "");
        let opened = sections.open_step(&outer, "a", time);
        assert_eq!(opened, "\u{1b}[0Ksection_start:0:step_a[collapsed=true]\r\u{1b}[0Ka\n");
        sections.open_step(&inner, "b", time);
        sections.open_group(&inner, "g\n\u{1b}[2J", time);
        assert_eq!(sections.close_group(&outer, time), "");
        let closed = sections.close_step(&outer, time);
        let names = closed.lines().filter_map(|line| line.split(':').nth(2)).collect::<Vec<_>>();
        assert_eq!(names, ["group_a_b_g___2J\r\u{1b}[0K", "step_a_b\r\u{1b}[0K", "step_a\r\u{1b}[0K"]);
        assert_eq!(sections.close_step(&outer, time), "");
    }
}
