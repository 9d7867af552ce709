//! What a step costs beyond the program it runs: medians of a bare spawn and wait, and of a whole invocation. The two
//! take turns, so that they see the same machine. The aim is a ratio of at most 1.2.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "the bare program is what is compared with")]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_process::NativeExecutor;
use stepwell_run::{Action, Control, Invocation, MaskSink, Outcome, StepPath, event_channel};
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = "/bin/true";
const ROUNDS: usize = 2000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut bare, mut step) = runtime.block_on(async { tokio::spawn(measure()).await.unwrap() });
    let (bare, step) = (median(&mut bare), median(&mut step));
    println!("bare {bare:?}, step {step:?}, ratio {:.2}", step.as_secs_f64() / bare.as_secs_f64());
}

async fn measure() -> (Vec<Duration>, Vec<Duration>) {
    let (events, _stream) = event_channel();
    let mask = MaskSink(Arc::new(|_| {}));
    let control = Control { events, cancelled: CancellationToken::new(), grace: Duration::ZERO, mask };
    let executor = NativeExecutor::default();
    let invocation = invocation();
    let (mut bare, mut step) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(run_bare());
        let start = Instant::now();
        let outcome = executor.run_command(&invocation, &control).await;
        step.push(start.elapsed());
        assert!(matches!(outcome, Outcome::Exited { code: 0 }), "{outcome:?}");
    }
    (bare, step)
}

fn run_bare() -> Duration {
    let start = Instant::now();
    let mut command = Command::new(PROGRAM);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.spawn().unwrap().wait().unwrap().success());
    start.elapsed()
}

fn invocation() -> Invocation {
    let variables = std::env::vars().collect::<BTreeMap<_, _>>();
    Invocation {
        step: StepPath::job().child(0, "step"),
        id: "1".to_owned(),
        attempt: 1,
        environment: Arc::new(variables),
        work_dir: "/".into(),
        action: Action::Command { arguments: vec![PROGRAM.to_owned()], directory: "/".into() },
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
