//! Cases 25 to 50: taking more than there is.

use std::fs;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use stepwell_run::{EventKind, LimitKind, Stream};

use super::driver::{ALL, Attack, COMMANDS, CORE, Case, Class, TYPED, case, elsewhere, typed, words};
use super::modules;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(25, "endless loops, wherever they start", loops()),
        case(
            26,
            "endless cheap calls of the host",
            [words("spin-in-host").cpu(100), typed("loop-host-calls", "", 0).cpu(100)],
        ),
        case(27, "memory and tables to the limit and past it", memory()),
        case(28, "filling memory over and over", [words("fill-memory").cpu(300)]),
        case(29, "recursion", recursion()),
        case(30, "sleeping for ever", sleeps()),
        case(31, "a million pollables", pollables()),
        case(32, "a million open files", open_files()),
        case(33, "a million handles", [typed("handles", "", 1_000_000).is(Class::Internal)]),
        case(34, "one call with too much in it", calls()),
        case(35, "random bytes without end", random()),
        case(36, "streams with impossible lengths", streams()).besides(
            "write-zeroes and splice are cut to what a stream permits: the stream's own tests show it",
            &["host/crates/sandbox/src/file_stream.rs::the_limit_ends_the_stream"],
        ),
        case(37, "standard output without end", output()),
        case(38, "log, groups and masks without end", log()),
        case(
            39,
            "progress without end",
            [typed("progress", "", 200_000).is(Class::Harmless).check(|ended| {
                assert!(ended.count(|kind| matches!(kind, EventKind::Progress { .. })) < 1_000);
            })],
        ),
        case(40, "filling the disk", disk()),
        case(41, "listing a large folder over and over", listings()),
        case(42, "outputs that do not validate", outputs()).besides(
            "names that occur twice or are not declared are refused by the sequence of steps, in its tests",
            &["host/crates/run/src/outputs/tests.rs::all_problems_are_told_once_each"],
        ),
        case(
            43,
            "huge failure",
            [typed("fail-huge", "", 900).ends_as(&[Class::Refused, Class::Limit(LimitKind::Message)])],
        ),
        case(44, "exits and traps", exits()),
        elsewhere(
            45,
            "floods of requests",
            "needs a server: the tests of the client run it",
            &[
                "host/crates/http/tests/http/limits.rs::so_many_at_once",
                "host/crates/http/tests/http/limits.rs::a_response_keeps_its_place_until_it_is_dropped",
            ],
        ),
        case(46, "a thousand pipes at once", [pipes()]),
        case(47, "modules that take long to compile", modules::bombs()).besides(
            "a module within the limits that still takes long is held in a worker alone, and fails alike",
            &["tests/worker.rs::a_module_that_cannot_be_compiled_is_refused_alike"],
        ),
        case(48, "files that are no module", modules::damaged()),
        case(49, "stopped while it writes", writes_stopped()),
        elsewhere(
            50,
            "a thousand steps at once",
            "needs more places than this sandbox has: the tests of tenants and ends run it",
            &[
                "host/crates/sandbox/tests/sandbox/ends.rs::more_calls_than_places_wait",
                "host/crates/sandbox/tests/sandbox/tenants.rs::steps_run_beside_the_spinning_guests_of_another_tenant",
                "host/crates/sandbox/src/admission.rs::a_flood_leaves_places_to_others",
            ],
        ),
    ]
}

fn loops() -> Vec<Attack> {
    let mut attacks = vec![words("spin").cpu(100), words("spin").wall(100)];
    attacks.extend(modules::loops());
    attacks
}

fn memory() -> Vec<Attack> {
    let mut attacks = vec![words("exhaust").memory(32), words("exhaust").memory(1)];
    attacks.push(typed("grow", "", 0).memory(32).is(Class::Harmless));
    attacks.push(typed("grow-and-fail", "", 0).memory(32).is(Class::Harmless));
    attacks.extend(modules::memories());
    attacks
}

fn recursion() -> Vec<Attack> {
    let stack = Class::Limit(LimitKind::Stack);
    vec![
        words("recurse").is(stack),
        typed("recurse-in-memory", "", 0).ends_as(&[stack, Class::Internal]),
        modules::recursion(),
    ]
}

fn sleeps() -> Vec<Attack> {
    vec![
        words("sleep 100000000000").wall(100),
        words("sleep 18446744073709551").wall(100),
        // One clock that never rings: by a span, by a time; and both together.
        words("raw poll-for-ever 0 1").on(CORE).wall(100),
        words("raw poll-for-ever 1 1").on(CORE).wall(100),
        words("raw poll-for-ever 0 2").on(CORE).wall(100),
    ]
}

fn pollables() -> Vec<Attack> {
    let too_many = &[Class::Internal, Class::Limit(LimitKind::Message), Class::Refused];
    vec![
        words("raw poll 1000000").on(CORE).ends_as(too_many),
        words("raw poll 2000").on(CORE).ends_as(too_many),
        words("raw poll 100").on(CORE).is(Class::Harmless),
        words("raw poll 0").on(CORE).is(Class::Refused),
    ]
}

fn open_files() -> Vec<Attack> {
    let too_many = &[Class::Internal, Class::Refused];
    vec![
        words("hold-many /work/src/a 1000000").ends_as(too_many),
        words("hold-many /work/dist/old 1000000").ends_as(too_many),
        words("hold-many /work/src/a 900 release hold-many /work/src/a 900").is(Class::Harmless),
    ]
}

fn calls() -> Vec<Attack> {
    let limit = Class::Limit(LimitKind::Message);
    let mut attacks = vec![
        words("print {long:6000000}").ends_as(&[Class::Harmless, Class::Internal, limit]),
        words("raw huge-path").on(CORE).is(limit),
        words("raw path-from-nowhere").on(CORE).is(Class::Internal),
        words("raw write-from-nowhere 3").on(CORE).is(Class::Internal),
        words("raw write-many 1").on(CORE).ends_as(&[Class::Internal, limit, Class::Refused]),
    ];
    attacks.extend(modules::lists());
    attacks
}

fn random() -> Vec<Attack> {
    let mut attacks: Vec<_> = [5_000, 4_000_000].map(|mib| typed("random", "", mib).is(Class::Internal)).into();
    attacks.push(words("raw random 1000000").on(CORE).ends_as(&[
        Class::Internal,
        Class::Limit(LimitKind::Message),
        Class::Refused,
    ]));
    attacks.push(words("raw random -1").on(CORE).ends_as(&[
        Class::Internal,
        Class::Limit(LimitKind::Message),
        Class::Refused,
    ]));
    attacks.push(words("entropy 200").ends_as(&[Class::Harmless, Class::Refused]));
    attacks
}

fn streams() -> Vec<Attack> {
    vec![
        words("raw write-many 1").on(CORE).ends_as(&[
            Class::Internal,
            Class::Refused,
            Class::Limit(LimitKind::Message),
        ]),
        words("hold /work/dist/old raw write-from-nowhere 7").on(CORE).is(Class::Internal),
    ]
}

fn output() -> Vec<Attack> {
    let within = |attack: Attack| {
        attack
            .with(|mut call| {
                call.grants.limits.log = 64 << 10;
                call
            })
            .is(Class::Harmless)
            .check(|ended| {
                assert_eq!(ended.stream(Stream::Out).len(), 64 << 10);
                assert_eq!(ended.warnings().len(), 1);
            })
    };
    vec![
        within(words("flood 2000")),
        within(words("line 2000")),
        within(typed("flood-stdout", "", 2_000)),
        within(typed("long-line", "", 2_000)),
    ]
}

fn log() -> Vec<Attack> {
    vec![
        typed("flood-log", "", 6_000).is(Class::Harmless).check(|ended| assert_eq!(ended.warnings().len(), 1)),
        typed("groups", "", 100_000).is(Class::Harmless).check(|ended| {
            assert_eq!(ended.count(|kind| matches!(kind, EventKind::GroupOpened { .. })), 16);
        }),
        typed("masks", "", 100_000).is(Class::Harmless).check(|ended| {
            assert_eq!(ended.masked.len(), 200);
            assert!(ended.masked.iter().all(|mask| mask.len() >= 4));
        }),
    ]
}

fn disk() -> Vec<Attack> {
    // The C library of preview 2 tells of every stream that fails as of an I/O error. That nothing more is written is
    // looked at after each attack.
    let written = |text: &str| words(text).ends_as(&[Class::Quota, Class::Refused]);
    vec![
        written("write /work/dist/f 1025"),
        written("write /work/dist/f 600 write /work/dist/g 600"),
        words("resize /work/dist/old 1099511627776").is(Class::Quota),
        words("resize /work/dist/old 9223372036854775807").ends_as(&[Class::Quota, Class::Refused]),
        written("seek-write /work/dist/old 1099511627776"),
        words("many /work/dist 1000000").is(Class::Quota),
        words("mkdirs /work/dist/{deep:1000}").is(Class::Quota),
        written("write /work/dist/f 600 hold /work/dist/f remove /work/dist/f write /work/dist/g 600"),
        // Rewriting in place is no growth.
        words("write /work/dist/f 64 over-and-over /work/dist/f 200").is(Class::Harmless),
        // The private folder of a command has a budget as well.
        words("many /tmp 1000000").on(COMMANDS).is(Class::Quota),
        words("resize /out/outputs 1099511627776").on(COMMANDS).is(Class::Quota),
        words("hold /work/dist/old raw resize 7 2000000").on(CORE).ends_as(&[
            Class::Quota,
            Class::Refused,
            Class::NotPermitted,
        ]),
    ]
}

fn listings() -> Vec<Attack> {
    let planted = |work: &std::path::Path| {
        (0..500).for_each(|number| fs::write(work.join(format!("src/f{number}")), "").unwrap());
    };
    vec![words("list-often /work/src 20").is(Class::Harmless).planted(planted)]
}

fn outputs() -> Vec<Attack> {
    let mut attacks: Vec<_> = [
        ("nan", 0),
        ("infinity", 0),
        ("null", 0),
        ("nul", 0),
        ("bad-name", 0),
        ("bad-json", 0),
        ("duplicate-keys", 0),
        ("too-many", 300),
        ("too-many", 10_000),
        ("huge-output", 300),
        ("deep-json", 200),
        ("deep-json", 50_000),
    ]
    .map(|(what, count)| typed(what, "", count).is(Class::Internal))
    .into();
    attacks.push(
        typed("huge-output", "", 100_000).ends_as(&[Class::Limit(LimitKind::Message), Class::Limit(LimitKind::Memory)]),
    );
    let line = |text: &str| words(format!("text /out/outputs {text}")).on(COMMANDS).is(Class::Internal);
    attacks.extend([
        line("nonsense"),
        line("{\"name\":\"a\"}"),
        line("{\"name\":\"a\",\"value\":1e999}"),
        line("{\"name\":\"a\",\"value\":NaN}"),
        line("{\"name\":1,\"value\":2}"),
        line("{\"name\":\"a\",\"value\":"),
        line("{\"name\":\"a\",\"value\":\"\\ud800\"}"),
        line("[[[[[[[[[[[[[[[[[[[["),
        words("write /out/outputs 300").on(COMMANDS).is(Class::Internal),
    ]);
    attacks.extend(modules::completions());
    attacks
}

fn exits() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for code in [1, 2, 125] {
        attacks.push(words(format!("exit {code}")).on(COMMANDS).is(Class::Refused));
    }
    for code in [0, 1, 125, 126, 255] {
        attacks.push(words(format!("exit {code}")).on(TYPED).is(Class::Internal));
    }
    for code in [126, 255, 256, -1] {
        attacks.push(words(format!("raw exit {code}")).on(CORE).is(Class::Internal));
    }
    for text in ["abort", "panic", "divide 0", "index 9", "null", "call"] {
        attacks.push(words(text).on(ALL).is(Class::Internal));
    }
    attacks.extend(modules::traps());
    attacks
}

fn pipes() -> Attack {
    words("read /work/dist/p0 read /work/dist/p1").is(Class::NotPermitted).planted(|work| {
        for number in 0..1_000 {
            let pipe = work.join(format!("dist/p{number}"));
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
    })
}

/// The folder is used again right away, and nothing writes to it any more: the picture taken afterwards holds.
fn writes_stopped() -> Vec<Attack> {
    let text = "write /work/dist/f 64 over-and-over /work/dist/f 100000000";
    vec![words(text).wall(100), words(text).cpu(100)]
}
