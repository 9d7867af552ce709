//! What a user would pick instead of a sandboxed step: programs that start another one confined.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::jobs;
use crate::measure::{Figure, Row, Target, timed};

/// Starts of each program. The slowest takes a third of a second.
const STARTS: usize = 15;

/// A program to compare with: its name, its command or why there is none, and how many times faster a step should be.
type Candidate = (&'static str, Result<Vec<String>, String>, f64);

/// A warm WebAssembly step against confined starts of `/bin/true`.
pub(crate) fn alternatives() -> Vec<Row> {
    let host = jobs::host(&jobs::module());
    let step = Figure::of(jobs::step_times(&host, &jobs::wasm_job(500 + jobs::WARM_UP), jobs::WARM_UP));
    let bundle = tempfile::tempdir().expect("a temporary folder");
    let image = docker_image();
    let docker = image
        .as_deref()
        .map_err(Clone::clone)
        .map(|image| words("docker", &["run", "--rm", "--network=none", "--entrypoint=/bin/true", image]));
    let candidates: [Candidate; 4] = [
        ("bubblewrap /bin/true", Ok(words("bwrap", &["--ro-bind", "/", "/", "--unshare-all", "/bin/true"])), 50.0),
        ("crun /bin/true", container("crun", bundle.path()), 1_000.0),
        ("runc /bin/true", container("runc", bundle.path()), 1_000.0),
        ("docker run /bin/true", docker, 1_000.0),
    ];
    candidates
        .into_iter()
        .map(|(name, command, times)| match command.and_then(|command| starts(&command)) {
            Ok(times_taken) => Row {
                name: "warm WebAssembly step".to_owned(),
                figure: step,
                baseline: Some((name, Figure::of(times_taken))),
                target: Target::Ratio(1.0 / times),
            },
            Err(reason) => Row {
                name: format!("{name}: not measured: {reason}"),
                figure: Figure::Nothing,
                baseline: None,
                target: Target::None,
            },
        })
        .collect()
}

fn words(program: &str, arguments: &[&str]) -> Vec<String> {
    [program].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the baseline is the start of a program")]
fn run(command: &[String]) -> Result<Output, String> {
    let (program, arguments) = command.split_first().ok_or("no program")?;
    Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(|error| error.to_string())
}

/// Starts a command so many times. The first time is not counted, and says whether it works here at all.
fn starts(command: &[String]) -> Result<Vec<Duration>, String> {
    let works = |output: Output| match output.status.success() {
        true => Ok(()),
        false => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(text.lines().last().unwrap_or("it fails without a word").chars().take(100).collect::<String>())
        }
    };
    works(run(command)?)?;
    (0..STARTS)
        .map(|_| {
            let (time, output) = timed(|| run(command));
            works(output?).map(|()| time)
        })
        .collect()
}

/// Makes a bundle that shows the machine's own root, read-only, and returns the command that runs it.
fn container(program: &str, folder: &Path) -> Result<Vec<String>, String> {
    let bundle = folder.join(program);
    std::fs::create_dir_all(&bundle).map_err(|error| error.to_string())?;
    let folder = bundle.to_str().ok_or("a path that is no text")?;
    let made = run(&words("sh", &["-c", "cd \"$1\" && \"$2\" spec", "sh", folder, program]))?;
    let file = bundle.join("config.json");
    let text = std::fs::read_to_string(&file).map_err(|_| String::from_utf8_lossy(&made.stderr).trim().to_owned())?;
    let mut config: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    config["process"]["args"] = serde_json::json!(["/bin/true"]);
    config["process"]["terminal"] = false.into();
    config["root"] = serde_json::json!({ "path": "/", "readonly": true });
    std::fs::write(&file, config.to_string()).map_err(|error| error.to_string())?;
    let state = bundle.join("state");
    let state = state.to_str().ok_or("a path that is no text")?;
    let name = format!("stepwell-bench-{program}-{}", std::process::id());
    Ok(words(program, &["--root", state, "run", "--bundle", folder, &name]))
}

/// Returns some image that is there; none is fetched.
fn docker_image() -> Result<String, String> {
    let images = run(&words("docker", &["images", "--quiet"]))?;
    let text = String::from_utf8_lossy(&images.stdout).into_owned();
    text.lines().next().map(str::to_owned).ok_or_else(|| "no daemon, or no image".to_owned())
}
