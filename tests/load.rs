//! Great amounts and odd processes: jobs end right, and the engine stays small.
//!
//! Memory is that of the engine alone, at its peak, and the bounds are generous: they tell a stream from a heap.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use stepwell_git_server::{Repository, Server};

use crate::support::runner::Runner;
use crate::support::{Place, Ran};

/// Most memory of an engine that only passes things on, in MiB. An idle one has some 30 MiB, most of it its own code.
const PASSING_MIB: u64 = 64;

/// Most memory of an engine that holds the largest things it takes, in MiB.
const HOLDING_MIB: u64 = 256;

fn script(name: &str, script: &str) -> Value {
    json!({ "name": name, "script": script })
}

/// Makes a named pipe in the work dir.
fn fifo(place: &Place, name: &str) -> PathBuf {
    let path = place.work().join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("a pipe can be made");
    path
}

fn steps(items: &[Value]) -> String {
    Value::from(items).to_string()
}

fn to_text(mut out: ChildStdout) -> String {
    let mut text = String::new();
    out.read_to_string(&mut text).expect("the log is text");
    text
}

/// Reads to the end and returns how many bytes there were, and how many of them were `byte`.
fn count(mut out: ChildStdout, byte: u8) -> (usize, usize) {
    let (mut all, mut found) = (0, 0);
    let mut buffer = vec![0; 64 << 10];
    // Comparing all at once is fast in an unoptimised build too.
    let alike = vec![byte; buffer.len()];
    loop {
        let length = out.read(&mut buffer).expect("the log can be read");
        let read = &buffer[..length];
        match length {
            0 => return (all, found),
            _ if *read == alike[..length] => found += length,
            _ => found += read.iter().filter(|other| **other == byte).count(),
        }
        all += length;
    }
}

#[test]
fn a_line_of_one_gibibyte() {
    const GIB: usize = 1 << 30;
    let runner = Runner::new();
    let items =
        vec![script("a", &format!("head -c {GIB} /dev/zero | tr '\\0' '#'")), script("b", "echo; echo 'after it'")];
    let measured = runner.measure(items, |out| count(out, b'#'));
    measured.ran.code(0);
    assert_eq!(measured.out.1, GIB);
    measured.within_mib(PASSING_MIB);
}

#[test]
fn bytes_of_all_kinds_pass_as_they_are() {
    const ROUNDS: usize = 1000;
    let runner = Runner::new();
    let bytes: Vec<u8> =
        (0..ROUNDS).flat_map(|round| (0..=255).map(move |byte: u8| byte.rotate_left(round as u32))).collect();
    runner.place.write("bytes", &bytes);
    let mut command = runner.command(&["ci"], &steps(&[script("a", "cat bytes"), script("b", "cat bytes >&2")]));
    let output = command.output().expect("the program starts");
    assert!(output.status.success());
    let expected = [b"Running step name=a\n".as_slice(), &bytes, b"Running step name=b\n"].concat();
    assert!(output.stdout.ends_with(&expected), "standard output differs");
    assert!(output.stderr == bytes, "standard error differs");
}

#[test]
fn a_thousand_steps() {
    let runner = Runner::new();
    let items: Vec<Value> = (0..1000).map(|number| script(&format!("s{number}"), ":")).collect();
    let measured = runner.measure(items, to_text);
    measured.ran.code(0);
    assert_eq!(measured.out.matches("Running step name=s").count(), 1000);
    let results = measured.results["subStepResults"].as_array().expect("a list");
    assert_eq!(results.len(), 1000);
    assert!(results.iter().all(|result| result["status"] == "success"));
    measured.within_mib(PASSING_MIB);
    assert_eq!(runner.place.left_over(), Vec::<String>::new());
}

/// Writes a function for each level; the innermost prints, each other one calls the next.
fn nested(place: &Place, levels: usize) {
    place.write("level1/step.yml", "spec:\n---\nexec: { command: [echo, innermost] }\n");
    for level in 2..=levels {
        place.write(
            &format!("level{level}/step.yml"),
            format!("spec:\n---\nrun: [{{ name: n{level}, step: ../level{} }}]\n", level - 1),
        );
    }
}

#[test]
fn fifty_levels_and_no_more() {
    let runner = Runner::new();
    nested(&runner.place, 51);
    let measured = runner.measure(vec![json!({ "name": "n", "step": "./level50" })], to_text);
    measured.ran.code(0);
    assert!(measured.out.ends_with("\ninnermost\n"), "{}", measured.out);
    let mut innermost = &measured.results;
    for _ in 0..50 {
        innermost = &innermost["subStepResults"][0];
    }
    assert_eq!(innermost["execResult"]["command"], json!(["echo", "innermost"]));
    measured.within_mib(PASSING_MIB);

    let ran = runner.ci(&steps(&[json!({ "name": "n", "step": "./level51" })]));
    ran.code(1).says("functions are nested deeper than 50 levels").never_shows("innermost");
    // `stepwell` sees it before anything runs.
    runner.place.write("job.yml", "run:\n  - { name: first, script: echo ran }\n  - { name: n, step: ./level51 }\n");
    runner.place.run(["run", "job.yml"]).code(3).says("deeper than 50 levels").never_shows("\nran\n");
}

#[test]
fn ten_thousand_exports() {
    let runner = Runner::new();
    runner.place.write("lines.awk", "BEGIN { for (i = 0; i < 10000; i++) printf \"{\\\"name\\\":\\\"E%d\\\",\\\"value\\\":\\\"value %d\\\"}\\n\", i, i }");
    runner.place.write(
        "many/step.yml",
        "spec:\n---\nexec: { command: [sh, -c, 'awk -f lines.awk > \"${{ export_file }}\"'] }\n",
    );
    let items = vec![
        json!({ "name": "many", "step": "./many" }),
        script("count", "env | grep -c '^E[0-9]*=value [0-9]*$'"),
        script("last", "echo ${{ env.E0 }}, $E9999"),
    ];
    let measured = runner.measure(items, to_text);
    measured.ran.code(0);
    assert!(
        measured.out.ends_with("name=count\n10000\nRunning step name=last\nvalue 0, value 9999\n"),
        "{}",
        measured.out
    );
    assert_eq!(measured.results["subStepResults"][0]["exports"].as_object().map(serde_json::Map::len), Some(10_000));
    measured.within_mib(HOLDING_MIB);
}

/// A function that writes an output whose line has this many bytes without its line feed.
fn line_of(runner: &Runner, bytes: usize) {
    const AROUND: usize = r#"{"name":"line","value":""}"#.len();
    let text = bytes - AROUND;
    runner.place.write(
        "line/step.yml",
        format!(
            "spec: {{ outputs: {{ line: {{ type: string }} }} }}\n---\nexec: {{ command: [sh, -c, '(printf %s {}; head -c {text} /dev/zero | tr \"\\0\" y; echo {}) > \"${{{{ output_file }}}}\"'] }}\n",
            r#"\{\"name\":\"line\",\"value\":\""#, r#"\"\}"#,
        ),
    );
}

#[test]
fn lines_of_sixteen_mebibytes_and_no_more() {
    const MOST: usize = 16 << 20;
    let runner = Runner::new();
    let items = || vec![json!({ "name": "line", "step": "./line" }), script("after", "echo all is well")];
    line_of(&runner, MOST);
    let measured = runner.measure(items(), to_text);
    measured.ran.code(0);
    let output = measured.results["subStepResults"][0]["outputs"]["line"].as_str().expect("a text");
    assert_eq!(output.len(), MOST - 26);
    assert!(output.bytes().all(|byte| byte == b'y'));
    measured.within_mib(HOLDING_MIB);

    line_of(&runner, MOST + 1);
    let measured = runner.measure(items(), to_text);
    measured.ran.code(1).says(
        "Error: failed to run steps: step \"line\": output file: read output file: failed to unmarshal JSON at line 1: the line is longer than 16777216 bytes\n",
    );
    assert!(!measured.out.contains("all is well"));
    measured.within_mib(HOLDING_MIB);
}

#[test]
fn values_that_need_more_memory_than_text() {
    let runner = Runner::new();
    // A step writes this often enough to fill a line: a struct of one member takes some hundred bytes.
    let line_of = |item: &str| {
        let times = (16 << 20) / (item.len() + 1) - 32;
        let fill = format!("yes '{item},' | head -n {times} | tr -d '\\n'");
        let file = "'${{ output_file }}'";
        runner
            .place
            .write("fill.sh", format!("printf '{{\"name\":\"a\",\"value\":['; {fill}; printf '%s]}}\\n' '{item}'\n"));
        runner.place.write(
            "fill/step.yml",
            format!("spec: {{ outputs: {{ a: {{ type: array }} }} }}\n---\nexec: {{ command: [sh, -c, \"sh fill.sh > {file}\"] }}\n"),
        );
        vec![json!({ "name": "fill", "step": "./fill" })]
    };
    let measured = runner.measure(line_of("{\"\":0}"), to_text);
    measured.ran.code(1).says("the values of the file need more than 301989888 bytes of memory");
    measured.within_mib(2 * HOLDING_MIB);
    let mut command = runner.command(&["ci"], &steps(&line_of("0")));
    Ran::from(command.output().expect("the program starts")).code(0);
}

#[test]
fn a_step_without_streams_goes_on() {
    let runner = Runner::new();
    // It ends when the file is there, which it makes itself after its streams are gone.
    let items = [script("a", "exec >&- 2>&-\nsh -c 'echo written > late'\nexit 3"), script("b", "echo never")];
    let ran = runner.ci(&steps(&items));
    ran.code(1).never_shows("never");
    assert_eq!(ran.stderr, "Error: failed to run steps: step \"a\": exec: exit status 3\n");
    assert_eq!(runner.place.read("late"), "written\n");
}

#[test]
fn a_daemon_holds_nothing_up_and_ends_with_the_job() {
    let runner = Runner::new();
    // Both fork twice and lead a session of their own; the first keeps the streams of its step.
    let start = |redirect: &str, file: &str| {
        format!("(setsid sh -c 'echo $$ > {file}; exec sleep 1000' {redirect} &)\nuntil [ -s {file} ]; do :; done")
    };
    let ran = runner.ci(&steps(&[
        script("holds", &start("", "first")),
        script("closes", &start("<&- >&- 2>&-", "second")),
        script("alive", "kill -0 $(cat first) && kill -0 $(cat second) && echo both run"),
    ]));
    ran.code(0).logs("\nboth run\n");
    for file in ["first", "second"] {
        let process = runner.place.read(file);
        assert!(!fs::exists(format!("/proc/{}", process.trim())).expect("it can be asked"), "{file} still runs");
    }
    assert_eq!(runner.place.left_over(), Vec::<String>::new());
}

#[test]
fn a_time_limit_ends_what_ignores_sigterm_with_all_it_started() {
    let place = Place::new();
    // The second of the two leads a session of its own.
    let stubborn = "(setsid sh -c 'echo $$ > away; exec sleep 1000' &)\ntrap '' TERM\necho $$ > here\nwhile :; do sleep 1000; done\n";
    place.write("stubborn.sh", stubborn);
    place.write(
        "job.yml",
        "run:\n  - { name: stubborn, script: exec sh stubborn.sh }\n  - { name: never, script: echo ran }\n",
    );
    let ran = place.run(["run", "job.yml", "--timeout", "500ms", "--results", "results.json"]);
    ran.code(124).says("the job's time limit of 500ms was reached").says("stubborn");
    assert!(!ran.stdout.contains("\nran\n"), "{}", ran.stdout);
    for file in ["here", "away"] {
        let process = place.read(file);
        assert!(!fs::exists(format!("/proc/{}", process.trim())).expect("it can be asked"), "{file} still runs");
    }
    assert!(place.read("results.json").contains("\"failure\""));
    assert_eq!(place.left_over(), Vec::<String>::new());
}

#[test]
fn two_at_once_in_one_project() {
    let runner = Runner::new();
    let repository = Repository::new();
    let files = [
        (
            "steps/step.yml",
            "spec: { outputs: { word: { type: string } } }\n---\nexec: { command: [sh, -c, 'cat ${{ step_dir }}/word > \"${{ output_file }}\"'] }\n",
        ),
        ("steps/word", "{\"name\":\"word\",\"value\":\"shared\"}"),
    ];
    for (path, content) in files {
        repository.write(path, content);
    }
    repository.commit("word");
    repository.tag("v1");
    let server = Server::of(&repository);
    // Each of the two waits for the other in the middle of its job, so that they do run at once.
    fifo(&runner.place, "to-one");
    fifo(&runner.place, "to-two");
    let start = |mine: &str, meet: &str| {
        let folder = runner.place.work().join(mine);
        fs::create_dir(&folder).expect("a folder");
        let items = [
            json!({ "name": "word", "step": format!("{}@v1", server.url("project.git")) }),
            script("meet", meet),
            script("say", &format!("echo \"${{{{ steps.word.outputs.word }}}} {mine}\"")),
        ];
        let mut command = runner.command(&["ci", "--write-steps-results"], &steps(&items));
        command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    };
    let one = start("one", "echo > to-two; read -r _ < to-one");
    let two = start("two", "read -r _ < to-two; echo > to-one");
    let end = |child: Child| Ran::from(child.wait_with_output().expect("it ends"));
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| end(one));
        let two = end(two);
        (one.join().expect("it waits"), two)
    });
    one.code(0).logs("\nshared one\n");
    two.code(0).logs("\nshared two\n");
    for (mine, meet) in [("one", "echo > to-two"), ("two", "read")] {
        let results = runner.place.read(&format!("{mine}/step-results.json"));
        let results: Value = serde_json::from_str(&results).expect("results are JSON");
        let met = results["subStepResults"][1]["execResult"]["command"].to_string();
        assert!(met.contains(meet), "{mine}: {met}");
    }
    assert_eq!(runner.place.left_over(), Vec::<String>::new());
    // One that comes a little later finds what the other has fetched; two at the same moment both fetch.
    assert!((1..=2).contains(&server.fetches()), "{} fetches", server.fetches());
}

/// Kills an engine whose first step has left something running and whose second one runs.
fn check_killed(kill: impl FnOnce(Pid)) {
    let runner = Runner::new();
    // Whoever lives on says so after a while; the pipe ends when nobody can any more.
    let lives = |who: &str| format!("sleep 10; echo {who} lives >&9");
    let left = format!("({}) &", lives("what an earlier step left"));
    let away = format!("setsid sh -c '{}' &", lives("one in a session of its own"));
    let grandchild = format!("({}) &", lives("a grandchild"));
    let takes_files = json!({ "name": "files", "step": "./files" });
    runner.place.write("files/step.yml", "spec:\n---\nexec: { command: [test, -f, '${{ export_file }}'] }\n");
    let items = [
        takes_files.clone(),
        script("leaves", &format!("exec 9> pipe\n{left}\necho ready >&9")),
        script(
            "stays",
            &format!("trap '' TERM HUP\nexec 9> pipe\n{away}\n{grandchild}\necho ready >&9\n{}", lives("the step")),
        ),
    ];
    let pipe = fifo(&runner.place, "pipe");
    let mut command = runner.command(&["ci"], &steps(&items));
    command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
    let mut engine = command.spawn().expect("the program starts");
    let mut pipe = BufReader::new(fs::File::open(pipe).expect("the step opens it too"));
    for _ in 0..2 {
        let mut line = String::new();
        pipe.read_line(&mut line).expect("the pipe can be read");
        assert_eq!(line, "ready\n");
    }
    kill(Pid::from_child(&engine));
    assert_eq!(engine.wait().expect("it was killed").signal(), Some(9));
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).expect("the pipe can be read");
    assert_eq!(rest, "");

    // Its temporary files go with the next job that makes some.
    assert_eq!(runner.place.left_over().len(), 1, "{:?}", runner.place.left_over());
    runner.ci(&steps(&[takes_files])).code(0);
    assert_eq!(runner.place.left_over(), Vec::<String>::new());
}

#[test]
fn no_step_outlives_a_killed_engine() {
    check_killed(|engine| kill_process(engine, Signal::KILL).expect("it runs"));
}

#[test]
fn no_step_outlives_an_engine_that_is_killed_with_its_group() {
    check_killed(|engine| kill_process_group(engine, Signal::KILL).expect("it runs"));
}
