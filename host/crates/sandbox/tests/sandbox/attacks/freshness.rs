//! Cases 63 to 72: isolation and freshness.

use super::driver::{Attack, COMMANDS, Case, Class, bytes, case, elsewhere, typed, words};
use super::modules;
use crate::support::guest;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(63, "what the last instance left in memory", modules::canaries()),
        elsewhere(
            64,
            "what the last stack held",
            "nothing to run: no instruction reads a stack that it has not written",
            &[],
        ),
        case(65, "trap in the middle of a bulk operation", modules::bulk_traps()),
        elsewhere(
            66,
            "dropped at every await",
            "by the test beside this table",
            &["host/crates/sandbox/tests/sandbox/attacks/mod.rs::dropped_at_every_await"],
        ),
        case(67, "the clock ticks while it starts", modules::slow_starts()),
        elsewhere(
            68,
            "out of memory in the host",
            "memory that the machine does not give is growth that is refused; where the host itself has none left its process ends, as in case 70",
            &["host/crates/sandbox/src/limits.rs::what_the_machine_refuses_is_not_counted"],
        ),
        case(69, "clocks finer than granted", [clock()])
            .besides("what a program learns from its own speed is not hidden; the security policy says so", &[]),
        elsewhere(
            70,
            "the worker crashes",
            "needs somebody outside of it: the tests of workers run it",
            &["tests/worker.rs::a_worker_that_is_killed_fails_its_step_alone"],
        ),
        case(71, "modules of another world", confusions()),
        case(72, "a description that is not true", descriptions()).besides(
            "digests and the code cache are in the tests of the command line and of the cache",
            &[
                "tests/cli.rs::a_module_without_the_digest_it_must_have_is_6",
                "host/crates/sandbox/tests/sandbox/cache.rs::damaged_and_foreign_code_is_not_run",
            ],
        ),
    ]
}

fn clock() -> Attack {
    words("now now now").is(Class::Harmless).check(|ended| {
        for line in ended.stream(stepwell_run::Stream::Out).lines() {
            assert_eq!(line.parse::<u128>().unwrap() % 1_000_000, 0, "{line}");
        }
    })
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while at + from.len() <= bytes.len() {
        if &bytes[at..at + from.len()] == from.as_bytes() {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        at += 1;
    }
    bytes
}

fn confusions() -> Vec<Attack> {
    let echo = guest("echo", "wasm32-wasip2");
    let mut attacks: Vec<_> = [
        ("stepwell:step/log@0.1.0", "stepwell:step/log@0.9.0"),
        ("stepwell:step/log@0.1.0", "stepwell:step/lag@0.1.0"),
        ("stepwell:step/log@0.1.0", "somebodyx:els/log@0.1.0"),
        ("wasi:cli/environment@0.2", "wasi:cli/environment@0.3"),
    ]
    .map(|(from, to)| {
        bytes(format!("imports {to}"), super::driver::TYPED, replaced(&echo, from, to)).is(Class::NotLoaded)
    })
    .into();
    attacks.extend(modules::confusions());
    attacks
}

fn descriptions() -> Vec<Attack> {
    let mut two = guest("minimal", "wasm32-wasip2").to_vec();
    two.extend(b"\0\x0c\x09step-spec{}");
    vec![
        bytes("describes itself twice", super::driver::TYPED, two).is(Class::NotLoaded),
        typed("undeclared", "", 0).ends_as(&[Class::Harmless, Class::Internal]),
        typed("missing", "", 0).ends_as(&[Class::Harmless, Class::Internal]),
        typed("wrong-type", "", 0).ends_as(&[Class::Harmless, Class::Internal]),
        words("text /out/outputs {\"name\":\"undeclared\",\"value\":1}").on(COMMANDS).is(Class::Harmless),
    ]
}
