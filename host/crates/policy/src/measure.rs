//! How long decisions take, for the benchmarks.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_schema::{Place, Source, Span};

use crate::capability::{Capability, Request};
use crate::facts::{FunctionFacts, Subject};
use crate::policy::Policy;

/// How long it takes to decide one step that calls a function with three needs: to read, to write and to see a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionTimes {
    /// Median where no such question was asked before.
    pub anew: Duration,
    /// Median where all answers are kept.
    pub kept: Duration,
}

/// Decides the same step many times, half of the times for a job that was not seen before.
pub fn decision_times(policy: &Policy, rounds: usize) -> DecisionTimes {
    let step = Step::new();
    let same = Arc::new(Subject::of_source("job.yml"));
    step.decide(policy, &same);
    let (mut anew, mut kept) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds {
        let other = Arc::new(Subject::of_source(format!("{round}.yml")));
        anew.push(step.decide(policy, &other));
        // The answers of the other jobs may have filled the place for answers.
        step.decide(policy, &same);
        kept.push(step.decide(policy, &same));
    }
    DecisionTimes { anew: median(anew), kept: median(kept) }
}

struct Step {
    function: Arc<FunctionFacts>,
    requests: Vec<Request>,
    place: Place,
}

impl Step {
    fn new() -> Self {
        let requests = [
            Capability::Read { path: "src/lib".to_owned() },
            Capability::Write { path: "dist".to_owned(), bytes: Some(1 << 20), files: Some(100) },
            Capability::Env { name: "CI".to_owned() },
        ];
        let requests = requests.map(|capability| Request { capability, reason: None, optional: false, place: None });
        Self {
            function: Arc::new(FunctionFacts {
                name: "https://gitlab.com/org/project/-/pack@v1".to_owned(),
                protocol: "git",
                host: "gitlab.com".to_owned(),
                path: "org/project".to_owned(),
                digest: format!("sha256:{}", "0".repeat(64)),
                pinned: true,
                kind: "wasm",
                module: Some(format!("sha256:{}", "1".repeat(64))),
            }),
            requests: requests.into(),
            place: Place::new(Source::new("job.yml", ""), Span::default()),
        }
    }

    fn decide(&self, policy: &Policy, job: &Arc<Subject>) -> Duration {
        let run = Capability::Run { function: self.function.name.clone() };
        let place = self.place.clone();
        let start = Instant::now();
        black_box(policy.decide_act(job, &self.function, run, place));
        black_box(policy.decide(job, &self.function, &self.requests, &[], Path::new("/work")));
        start.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_measured() {
        let times = decision_times(&Policy::local(), 10);
        assert!(times.anew > Duration::ZERO && times.kept > Duration::ZERO, "{times:?}");
    }
}
