//! `stepwell.toml`: the numbers of an operator.
//!
//! ```toml
//! [ceilings]
//! memory = "2GiB"        # linear memory of a step
//! cpu = "10m"            # processor time of a step
//! wall = "30m"           # time of a step on the wall
//! log = "8MiB"           # log of a step
//! bytes = "4GiB"         # growth of one writable folder
//! files = 100_000        # new files in one writable folder
//! steps-at-once = 16     # steps side by side
//! ```

use std::sync::Arc;
use std::time::Duration;

use stepwell_schema::{Problems, Source};
use toml::de::{DeTable, DeValue};

use crate::amount;
use crate::ceiling::Ceilings;
use crate::code;
use crate::toml_text::{TomlText, Wanted, span, whole};

/// The one table of the file.
const CEILINGS: &str = "ceilings";

/// The keys of that table.
const KEYS: [&str; 7] = ["memory", "cpu", "wall", "log", "bytes", "files", "steps-at-once"];

impl Ceilings {
    /// Reads `stepwell.toml`. What is not set is as high as the engine can hold.
    ///
    /// # Errors
    /// All problems: a text that is no TOML, keys that there are not, values that are no amounts, and ceilings above what
    /// the engine can hold.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Problems> {
        TomlText::read(source, |text, table| {
            text.only(table, &[CEILINGS]);
            let wanted = Wanted { what: "a table", example: "[ceilings]" };
            let ceilings = text.value(table, CEILINGS, &wanted, |value| value.as_table());
            ceilings.map_or_else(Self::default, |ceilings| Self::read(text, ceilings))
        })
    }

    fn read(text: &mut TomlText, table: &DeTable<'_>) -> Self {
        text.only(table, &KEYS);
        let most = Self::default();
        let count = |number: u64| number.to_string();
        Self {
            memory: below(text, table, "memory", most.memory, &SIZE, size, amount::bytes),
            cpu: below(text, table, "cpu", most.cpu, &TIME, time, amount::time),
            wall: below(text, table, "wall", most.wall, &TIME, time, amount::time),
            log: below(text, table, "log", most.log, &SIZE, size, amount::bytes),
            bytes: below(text, table, "bytes", most.bytes, &SIZE, size, amount::bytes),
            files: below(text, table, "files", most.files, &COUNT, whole, count),
            steps_at_once: below(text, table, "steps-at-once", most.steps_at_once, &STEPS, positive, count),
        }
    }
}

const SIZE: Wanted = Wanted { what: "a size", example: "\"64MiB\"" };
const TIME: Wanted = Wanted { what: "a time with its unit", example: "\"20s\"" };
const COUNT: Wanted = Wanted { what: "a whole number from 0 up", example: "100" };
const STEPS: Wanted = Wanted { what: "a whole number from 1 up", example: "16" };

/// Returns the amount of a key, which may be at most what the engine can hold and is that where the key is missing.
fn below<'v, 't, T: Copy + PartialOrd>(
    text: &mut TomlText,
    table: &'v DeTable<'t>,
    key: &'static str,
    most: T,
    wanted: &Wanted,
    read: impl FnOnce(&'v DeValue<'t>) -> Option<T>,
    show: impl Fn(T) -> String,
) -> T {
    let Some(amount) = text.value(table, key, wanted, read) else { return most };
    if amount > most {
        let message = format!("`{key}` is {}, more than this engine can hold", show(amount));
        let place = table.get(key).map(span).unwrap_or_default();
        text.push(code::SETTING_VALUE, message, place, Some(format!("at most {}", show(most))));
    }
    amount
}

/// Reads a size: a whole number of bytes, or a text with a unit.
fn size(value: &DeValue<'_>) -> Option<u64> {
    let Some(text) = value.as_str() else { return whole(value) };
    let starts_well = text.starts_with(|first: char| first.is_ascii_digit());
    text.parse::<bytesize::ByteSize>().ok().filter(|size| starts_well && size.0 < u64::MAX).map(|size| size.0)
}

fn time(value: &DeValue<'_>) -> Option<Duration> {
    humantime::parse_duration(value.as_str()?.trim()).ok()
}

fn positive(value: &DeValue<'_>) -> Option<u64> {
    whole(value).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Ceilings, Problems> {
        Ceilings::parse(&Source::new("stepwell.toml", text))
    }

    #[track_caller]
    fn check_problem(text: &str, expected: &[&str]) {
        let problems = parse(text).expect_err("the settings have no problems");
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| {
                let place = &problem.labels[0].place;
                let under = &place.source.text()[place.span.start..place.span.end];
                format!("{}: {problem} `{under}` {}", problem.code, problem.help.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_not_set_is_as_high_as_can_be() {
        assert_eq!(parse(""), Ok(Ceilings::default()));
        assert_eq!(parse("[ceilings]"), Ok(Ceilings::default()));
    }

    #[test]
    fn every_ceiling_can_be_set() {
        let text = "[ceilings]\nmemory = \"2GiB\"\ncpu = \"10m\"\nwall = \"1m 30s\"\nlog = 1000\nbytes = \"1KB\"\n\
            files = 1_000\nsteps-at-once = 16\n";
        let expected = Ceilings {
            memory: 2 << 30,
            cpu: Duration::from_secs(600),
            wall: Duration::from_secs(90),
            log: 1000,
            bytes: 1000,
            files: 1000,
            steps_at_once: 16,
        };
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn mistakes_have_a_place() {
        check_problem(
            "[ceiling]\n[ceilings]\nmemroy = 1\nx = 2\n",
            &[
                "unknown-setting: stepwell.toml:1:2: unknown key `ceiling` `ceiling` did you mean `ceilings`?",
                "unknown-setting: stepwell.toml:3:1: unknown key `memroy` `memroy` did you mean `memory`?",
                "unknown-setting: stepwell.toml:4:1: unknown key `x` `x` \
                 known keys: memory, cpu, wall, log, bytes, files, steps-at-once",
            ],
        );
        check_problem(
            "[ceilings]\nmemory = \"8GiB\"\ncpu = 20\nfiles = -1\nsteps-at-once = 0\nlog = \".5MB\"\n",
            &[
                "setting-value: stepwell.toml:2:10: `memory` is 8 GiB, more than this engine can hold `\"8GiB\"` \
                 at most 4 GiB",
                "setting-value: stepwell.toml:3:7: `cpu` must be a time with its unit `20` such as `\"20s\"`",
                "setting-value: stepwell.toml:4:9: `files` must be a whole number from 0 up `-1` such as `100`",
                "setting-value: stepwell.toml:5:17: `steps-at-once` must be a whole number from 1 up `0` such as `16`",
                "setting-value: stepwell.toml:6:7: `log` must be a size `\".5MB\"` such as `\"64MiB\"`",
            ],
        );
    }

    #[test]
    fn no_toml() {
        let problems = parse("[ceilings\n").expect_err("that is no TOML");
        assert!(problems.iter().all(|problem| problem.code == code::SETTINGS_SYNTAX && problem.labels.len() == 1));
    }
}
