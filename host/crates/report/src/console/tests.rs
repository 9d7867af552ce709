//! Whole runs, as people see them.

use std::time::{Duration, UNIX_EPOCH};

use stepwell_run::{Capability, DecidedBy, Decision, Request, Verdict};
use stepwell_run::{EventKind, Level, Status, StepFacts};
use stepwell_schema::{Place, Source, Span};

use super::*;
use crate::output::Broken;
use crate::script::Script;

/// Returns what a run leaves on the log writer and on the view writer.
fn show(script: Script, settings: ConsoleSettings) -> (String, String) {
    let (mut log, mut view) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut log, &mut view, settings);
    script.events().iter().for_each(|event| console.take(event));
    console.finish().unwrap();
    (String::from_utf8(log).unwrap(), String::from_utf8(view).unwrap())
}

#[track_caller]
fn check(script: Script, settings: ConsoleSettings, log: &str, view: &str) {
    let shown = show(script, settings);
    assert_eq!(shown.0, log, "log:\n{}", shown.0);
    assert_eq!(shown.1, view, "view:\n{}", shown.1);
}

const PLAIN: ConsoleSettings = ConsoleSettings {
    color: false,
    terminal: false,
    verbosity: Verbosity::Normal,
    gitlab_sections: false,
    level: Level::Info,
};

const TERMINAL: ConsoleSettings = ConsoleSettings { terminal: true, ..PLAIN };

fn decision(capability: Capability, verdict: Verdict) -> Decision {
    let remedy = (verdict == Verdict::Denied).then(|| "to allow it, the operator writes a policy".to_owned());
    Decision {
        request: Request { capability, reason: None, optional: false, place: None },
        verdict,
        decided_by: DecidedBy::Rule("no-rule"),
        reason: "no policy allows it".to_owned(),
        remedy,
    }
}

fn pack() -> EventKind {
    let read = Capability::Read { path: "guest-sdk".to_owned() };
    let write = Capability::Write { path: "dist".to_owned(), bytes: None, files: None };
    EventKind::Prepared(StepFacts {
        kind: "wasm",
        reference: "builtin://stepwell/archive".to_owned(),
        function: None,
        module: None,
        decisions: vec![decision(read, Verdict::Allowed), decision(write, Verdict::Allowed)],
    })
}

/// A list with two steps of which the second fails, and a step that does not run any more.
fn release() -> Script {
    Script::new()
        .start("")
        .event("pack", pack())
        .start("pack")
        .event("pack", EventKind::Record { level: Level::Info, message: "packed".to_owned(), fields: vec![] })
        .end("pack", Status::Succeeded)
        .prepared("check", "sequence", "./check")
        .start("check")
        .prepared("check/sums", "exec", "./sums")
        .start("check/sums")
        .log("check/sums", "Running step name=sums\none\ntwo")
        .end("check/sums", Status::Succeeded)
        .prepared("check/verify", "script", "")
        .start("check/verify")
        .log("check/verify", "Running step name=verify\n")
        .error_log("check/verify", "\u{1b}[31mFAILED\u{1b}[2J\n")
        .fail("check/verify", "exit status 1", Some("again from here: stepwell run --from verify"))
        .fail("check", "step \"verify\": exit status 1", None)
        .skip("show")
        .fail("", "step \"check\": step \"verify\": exit status 1", None)
}

const TABLE: &str = "
┌──────────────┬────────┬────────┬───────┬───────────────┐
│ step         ┆ status ┆ kind   ┆ time  ┆ reason        │
╞══════════════╪════════╪════════╪═══════╪═══════════════╡
│ check/verify ┆ failed ┆ native ┆ 41 ms ┆ exit status 1 │
└──────────────┴────────┴────────┴───────┴───────────────┘

2 succeeded, 1 failed, 1 skipped in 41 ms   1 sandboxed, 2 native
";

const ERROR: &str = "
error: step `check/verify` failed: exit status 1
  = again from here: stepwell run --from verify
";

const LOG: &str = "\
INFO packed
Running step name=sums
one
twoRunning step name=verify
";

#[test]
fn a_file_gets_the_log_as_it_is_and_the_view_beside_it() {
    let view = "\
step `pack` may use: read guest-sdk, write dist
step `pack` runs: wasm  builtin://stepwell/archive
step `pack` succeeded after 41 ms
step `check` runs: steps  ./check
step `check/sums` runs: native  ./sums
step `check/sums` succeeded after 41 ms
step `check/verify` runs: native  script
\u{1b}[31mFAILED\u{1b}[2J
step `check/verify` failed after 41 ms: exit status 1
step `check` failed after 41 ms: step \"verify\": exit status 1
step `show` was skipped
";
    check(release(), PLAIN, LOG, &[view, TABLE, ERROR].concat());
}

#[test]
fn a_quiet_file_gets_the_log_and_what_went_wrong() {
    let view = "\
\u{1b}[31mFAILED\u{1b}[2J
step `check/verify` failed after 41 ms: exit status 1
step `check` failed after 41 ms: step \"verify\": exit status 1
";
    let quiet = ConsoleSettings { verbosity: Verbosity::Quiet, ..PLAIN };
    check(release(), quiet, LOG, &[view, ERROR].concat());
}

#[test]
fn a_terminal_gets_a_tree() {
    let tree = "  ✓ pack     builtin://stepwell/archive   wasm      41 ms   read guest-sdk, write dist
    INFO packed
  · check    ./check                      steps
    ✓ sums   ./sums                       native    41 ms
      one
      two
    ✗ verify script                       native    41 ms   exit status 1
      FAILED
  – show                                                    skipped
";
    check(release(), TERMINAL, &[tree, TABLE].concat(), ERROR);
}

#[test]
fn a_quiet_terminal_gets_what_went_wrong() {
    let tree = "    ✗ verify script                       native    41 ms   exit status 1
      FAILED
";
    check(release(), ConsoleSettings { verbosity: Verbosity::Quiet, ..TERMINAL }, tree, ERROR);
}

#[test]
fn a_verbose_terminal_gets_the_log_as_it_comes() {
    let script = Script::new().prepared("a", "script", "").start("a").log("a", "one\ntw").log("a", "o");
    let tree = "  · a        script                       native
    one
  ✓ a        script                       native    41 ms
    two

1 succeeded   1 native
";
    let script = script.end("a", Status::Succeeded);
    check(script, ConsoleSettings { verbosity: Verbosity::Verbose, ..TERMINAL }, tree, "");
}

#[test]
fn the_log_of_a_step_that_succeeded_stays_short() {
    let log = (1..=7).map(|number| format!("line {number}\n")).collect::<String>();
    let script = Script::new().prepared("a", "script", "").start("a").log("a", &log);
    let shown = show(script.end("a", Status::Succeeded), TERMINAL).0;
    assert!(shown.contains("\n    … 2 lines before, -v shows them\n    line 3\n"), "{shown}");
    let script = Script::new().prepared("a", "script", "").start("a").log("a", &log);
    let shown = show(script.fail("a", "exit status 1", None), TERMINAL).0;
    assert!(shown.contains("exit status 1\n    line 1\n"), "{shown}");
}

#[test]
fn sections_stand_around_steps_and_groups() {
    let script = Script::new()
        .start("")
        .start("a")
        .log("a", "mid")
        .event("a", EventKind::GroupOpened { title: "fetch it".to_owned() })
        .log("a", "x\n")
        .event("a", EventKind::GroupClosed)
        .event("a", EventKind::GroupClosed)
        .event("a", EventKind::GroupOpened { title: "fetch it".to_owned() })
        .end("a", Status::Succeeded)
        .end("", Status::Succeeded);
    let log = "\
\u{1b}[0Ksection_start:1767225600:step_a[collapsed=true]\r\u{1b}[0Ka
mid
\u{1b}[0Ksection_start:1767225600:group_a_fetch_it[collapsed=true]\r\u{1b}[0Kfetch it
x
\u{1b}[0Ksection_end:1767225600:group_a_fetch_it\r\u{1b}[0K
\u{1b}[0Ksection_start:1767225600:group_a_fetch_it_2[collapsed=true]\r\u{1b}[0Kfetch it
\u{1b}[0Ksection_end:1767225600:group_a_fetch_it_2\r\u{1b}[0K
\u{1b}[0Ksection_end:1767225600:step_a\r\u{1b}[0K
";
    assert_eq!(show(script, ConsoleSettings { gitlab_sections: true, ..PLAIN }).0, log);
}

#[test]
fn groups_are_titles_on_a_terminal() {
    let group = |title: &str| EventKind::GroupOpened { title: title.to_owned() };
    let script = Script::new().prepared("a", "wasm", "./a").start("a").event("a", group("out")).event("a", group("in"));
    let script = script.event("a", EventKind::GroupClosed).event("a", group("\u{1b}[2J")).end("a", Status::Succeeded);
    let shown = show(script, TERMINAL).0;
    assert!(shown.contains("    ▸ out\n      ▸ in\n      ▸ \\u{1b}[2J\n"), "{shown}");
}

#[test]
fn refusals_end_with_what_would_change_them() {
    let http = Capability::Http { host: "example.com".to_owned(), port: 443, methods: vec![], paths: vec![] };
    let facts = StepFacts {
        kind: "wasm",
        reference: "./notify".to_owned(),
        function: None,
        module: None,
        decisions: vec![decision(http, Verdict::Denied)],
    };
    let script = || Script::new().event("notify", EventKind::Prepared(facts.clone()));
    let refusal = "\
denied: step `notify` may not http example.com:443: no policy allows it (no-rule)
  = to allow it, the operator writes a policy
";
    let (_, view) = show(script(), PLAIN);
    assert!(view.starts_with(&format!("step `notify` may use: nothing beyond its inputs\n{refusal}")), "{view}");
    let (tree, _) = show(script(), TERMINAL);
    assert!(tree.starts_with(refusal), "{tree}");
}

#[test]
fn what_a_running_step_was_refused_is_said() {
    let denied = || EventKind::Denied { capability: "read".to_owned(), asked: "/etc".to_owned() };
    let expected = "\
denied: step `a` asked for read `/etc`
  = to change it, the author of its function lists it under `spec.needs`
";
    assert!(show(Script::new().event("a", denied()), PLAIN).1.starts_with(expected));
    assert!(show(Script::new().event("a", denied()), TERMINAL).0.starts_with(expected));
}

#[test]
fn warnings_have_a_place() {
    let place = Place::new(Source::new("job.yml", "a\nbc"), Span::new(3, 4));
    let warning = |place| EventKind::Warning { message: "odd \u{1b}[2J".to_owned(), place };
    let view = show(Script::new().event("", warning(Some(place))).event("", warning(None)), PLAIN).1;
    assert!(view.starts_with("warning: job.yml:2:2: odd \\u{1b}[2J\nwarning: odd \\u{1b}[2J\n"), "{view}");
}

#[test]
fn long_work_is_said_when_it_is_over_and_short_work_is_not() {
    let busy = || EventKind::Busy { what: "compiling ./a.wasm".to_owned() };
    let mut events = Script::new().event("a", busy()).event("a", EventKind::BusyOver).events();
    let mut view = Vec::new();
    let mut console = Console::new(io::sink(), &mut view, PLAIN);
    events.iter().for_each(|event| console.take(event));
    events[1].time += Duration::from_secs(2);
    events.iter().for_each(|event| console.take(event));
    console.finish().unwrap();
    let view = String::from_utf8(view).unwrap();
    assert_eq!(view, "step `a`: compiling ./a.wasm took 2.0 s\n\nno steps\n");
}

#[test]
fn records_below_the_level_are_left_out() {
    let record = |level| EventKind::Record { level, message: "m".to_owned(), fields: vec![] };
    let script = || Script::new().event("a", record(Level::Debug)).event("a", record(Level::Warn));
    assert_eq!(show(script(), PLAIN).0, "WARN m\n");
    assert_eq!(show(script(), ConsoleSettings { level: Level::Debug, ..PLAIN }).0, "DEBUG m\nWARN m\n");
}

#[test]
fn our_lines_never_stand_behind_an_open_line_of_a_step() {
    let script = Script::new().error_log("a", "half").end("a", Status::Succeeded);
    assert!(show(script, PLAIN).1.starts_with("half\nstep `a` succeeded after 41 ms\n"));
}

#[test]
fn colours_are_for_the_view() {
    let colored = ConsoleSettings { color: true, ..TERMINAL };
    let (tree, error) = show(release(), colored);
    assert!(tree.contains("  \u{1b}[32m✓\u{1b}[0m pack"), "{tree}");
    assert!(tree.contains("      \u{1b}[31mFAILED\u{1b}[0m\n"), "{tree}");
    assert!(error.contains("\u{1b}[1m\u{1b}[31merror\u{1b}[0m: "), "{error}");
    assert_eq!(show(release(), ConsoleSettings { color: true, ..PLAIN }).0, LOG);
}

#[test]
fn the_moving_line_goes_before_anything_else_comes() {
    let mut log = Vec::new();
    let mut console = Console::new(&mut log, io::sink(), TERMINAL);
    let script = Script::new().prepared("a", "script", "").start("a").log("a", "working\n").end("a", Status::Succeeded);
    let events = script.events();
    events[..3].iter().for_each(|event| console.take(event));
    console.tick(events[1].time + Duration::from_secs(3), 80);
    console.tick(UNIX_EPOCH, 12);
    console.take(&events[3]);
    console.tick(events[3].time, 80);
    console.finish().unwrap();
    let shown = String::from_utf8(log).unwrap();
    let expected = "\r\u{1b}[K  ⣾ a  3.0 s  working\r\u{1b}[K  ⣽ a  0 ms\r\u{1b}[K  ✓ a ";
    assert!(shown.starts_with(expected), "{shown:?}");
}

#[test]
fn a_run_without_steps() {
    check(Script::new().end("", Status::Succeeded), PLAIN, "", "\nno steps in 41 ms\n");
}

#[test]
fn writers_that_fail_stop_nothing() {
    for settings in [PLAIN, TERMINAL] {
        let mut view = Vec::new();
        let mut console = Console::new(Broken::after(4), &mut view, settings);
        release().events().iter().for_each(|event| console.take(event));
        assert_eq!(console.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(String::from_utf8(view).unwrap().ends_with(ERROR));
    }
}
