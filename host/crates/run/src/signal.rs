//! Signals in the words of the contract.

use std::borrow::Cow;

/// Returns the words for a signal in `signal: WORDS` (section 4.8 of the contract), such as `killed` for 9.
///
/// The words are those of the old program, which has them for 1 to 15; any other number is `signal N`.
pub(crate) fn signal_name(signal: i32) -> Cow<'static, str> {
    Cow::Borrowed(match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return Cow::Owned(format!("signal {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::signal_name;

    #[track_caller]
    fn check(signal: i32, expected: &str) {
        assert_eq!(signal_name(signal), expected);
    }

    #[test]
    fn names_are_those_of_the_contract() {
        check(9, "killed");
        check(15, "terminated");
        check(2, "interrupt");
        check(11, "segmentation fault");
        check(31, "signal 31");
        check(64, "signal 64");
        check(-1, "signal -1");
    }
}
