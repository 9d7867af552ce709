//! Runs three jobs at once in one host and prints their events as they come.
//!
//!     cargo run --example embed

use std::error::Error;
use std::thread;

use stepwell::{EventKind, Host, JobHandle, JobRequest, Status, Stream};

const JOB: &str = r#"
run:
  - name: greet
    func: builtin://stepwell/template
    inputs:
      template: "Hello {{ who }}!"
      values: { who: "${{ vars.WHO }}" }
  - name: say
    script: echo "${{ steps.greet.outputs.text }}"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::builder().build()?;
    let mut watchers = Vec::new();
    for who in ["Ada", "Grace", "Barbara"] {
        let job = JobRequest::from_text("embedded.yml", JOB)?
            .work_dir("/tmp")
            .environment([("PATH".to_owned(), "/usr/bin:/bin".to_owned())])
            .variable("WHO", who);
        let handle = host.run(job)?;
        watchers.push(thread::spawn(move || watch(who, handle)));
    }
    let statuses: Vec<Status> = watchers.into_iter().map(|watcher| watcher.join().unwrap_or(Status::Lost)).collect();
    match statuses.iter().all(|status| *status == Status::Succeeded) {
        true => Ok(()),
        false => Err(format!("not every job succeeded: {statuses:?}").into()),
    }
}

/// Prints the events of one job until it is over. The job itself is the step without a name.
fn watch(name: &str, mut handle: JobHandle) -> Status {
    while let Some(event) = handle.next_event() {
        match event.kind {
            EventKind::Transition { to, .. } => println!("{name:8} {:6} {to}", event.step.to_string()),
            EventKind::Log { stream: Stream::Out, bytes } => print!("{name:8} {}", String::from_utf8_lossy(&bytes)),
            _ => {}
        }
    }
    handle.wait().status
}
