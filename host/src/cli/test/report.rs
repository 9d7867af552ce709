//! What came of the cases, for people: every difference, then a table.

use std::io::{self, Write as _};
use std::time::Duration;

use stepwell_run::Usage;

use super::Tried;
use crate::cli::error::{CommandError, Exit};
use crate::cli::{diagnostics, table};

/// Shows differences on standard error and the table on standard output.
pub(super) fn show(tried: &[Tried<'_>], color: bool) -> Result<Exit, CommandError> {
    for case in tried.iter().filter(|case| !case.judged.holds()) {
        // Standard error may be closed; the table says what did not hold.
        let _ = differences(case, color);
    }
    let mut rows = table::table(["case", "", "cpu", "memory", "cold", "warm"]);
    for case in tried {
        let usage = case.warm.as_ref().map_or(case.cold.usage, |warm| warm.usage);
        rows.add_row([
            case.case.name.value.clone(),
            if case.judged.holds() { "passed" } else { "failed" }.to_owned(),
            processor_time(&usage),
            usage.peak_memory_bytes.map(|bytes| bytesize::ByteSize::b(bytes).to_string()).unwrap_or_default(),
            time(case.cold.elapsed),
            case.warm.as_ref().map(|warm| time(warm.elapsed)).unwrap_or_default(),
        ]);
    }
    let failed = tried.iter().filter(|case| !case.judged.holds()).count();
    let text = format!("{}\n{} passed, {failed} failed\n", table::text(&rows), tried.len() - failed);
    crate::cli::print(text.as_bytes())?;
    Ok(if failed == 0 { Exit::Success } else { Exit::StepFailed })
}

/// Shows the differences of a case, and its log, which says more.
fn differences(case: &Tried<'_>, color: bool) -> io::Result<()> {
    let mut out = io::stderr().lock();
    for difference in &case.judged.differences {
        diagnostics::draw_one(&mut out, &difference.problem, color)?;
    }
    if case.cold.log.is_empty() {
        return Ok(());
    }
    writeln!(out, "log of case `{}`", case.case.name.value)?;
    case.cold.log.lines().try_for_each(|line| writeln!(out, "  {line}"))?;
    writeln!(out)
}

/// Processor time is told in whole ticks of the engine; of a native function nothing is known.
fn processor_time(usage: &Usage) -> String {
    match (usage.cpu, usage.peak_memory_bytes) {
        (Some(cpu), _) => time(cpu),
        (None, Some(_)) => "< 5 ms".to_owned(),
        (None, None) => String::new(),
    }
}

/// Writes a time as people compare it: with its unit, and three digits or so.
fn time(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros @ 1_000..10_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        micros @ 10_000..10_000_000 => format!("{} ms", micros / 1_000),
        micros => format!("{} s", micros / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |micros, expected| assert_eq!(time(Duration::from_micros(micros)), expected);
        check(0, "0 µs");
        check(999, "999 µs");
        check(1_234, "1.2 ms");
        check(45_678, "45 ms");
        check(12_345_678, "12 s");
    }
}
