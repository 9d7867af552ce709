//! The attacks: each case by number, under every step ABI and every isolation that there is, and what came of it.
//!
//! The table is printed case by case while the tests run. After each attack the same things hold: the engine lives, steps
//! beside it and after it end well, nothing outside of what was granted has changed, nothing is left in the scratch
//! folder, and no word of what was not granted is in what the step said.

mod driver;
mod exhaustion;
mod files;
mod freshness;
mod modules;
mod network;

use std::io::Write as _;

use driver::{Abi, Attack, Case, ISOLATIONS, Runner};

/// How many cases there are.
const CASES: u32 = 72;

fn all() -> Vec<Case> {
    [files::cases(), exhaustion::cases(), network::cases(), freshness::cases()].into_iter().flatten().collect()
}

#[test]
fn each_case_is_there_once() {
    let numbers: Vec<u32> = all().iter().map(|case| case.number).collect();
    assert_eq!(numbers, (1..=CASES).collect::<Vec<_>>());
    for case in all() {
        assert!(!case.attacks.is_empty() || case.elsewhere.is_some(), "case {} has neither", case.number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attacks() {
    let mut table = Table::default();
    for isolation in ISOLATIONS {
        let runner = Runner::new(*isolation);
        for case in all() {
            for attack in &case.attacks {
                for abi in attack.abis() {
                    table.add(&case, attack, *abi, &runner).await;
                }
            }
            if let Some(reason) = case.elsewhere {
                print(&format!("{:>4}  {:<44} {reason}", case.number, case.title));
                table.elsewhere += u32::from(case.attacks.is_empty());
            }
        }
    }
    table.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dropped_at_every_await() {
    let step = driver::words("write /work/dist/f 8 over-and-over /work/dist/f 5");
    for isolation in ISOLATIONS {
        let runner = Runner::new(*isolation);
        for microseconds in (0..4_000).step_by(250) {
            for abi in driver::ALL {
                let after = std::time::Duration::from_micros(microseconds);
                let faults = runner.drop_after(&step, *abi, after).await;
                assert!(faults.is_empty(), "{faults:?}");
            }
        }
    }
}

/// What is printed, and what went wrong.
#[derive(Default)]
struct Table {
    runs: u32,
    elsewhere: u32,
    faults: Vec<String>,
}

impl Table {
    async fn add(&mut self, case: &Case, attack: &Attack, abi: Abi, runner: &Runner) {
        let (class, faults) = runner.attack(attack, abi).await;
        self.runs += 1;
        let line = format!(
            "{:>4}  {:<44} {:<6} {:<11} {:<16} {}",
            case.number,
            case.title,
            abi.name(),
            runner.isolation().name(),
            class,
            attack.title()
        );
        print(&line);
        self.faults.extend(faults.into_iter().map(|fault| format!("{line}\n      {fault}")));
    }

    fn finish(self) {
        print(&format!("{CASES} cases, {} attacks run, {} cases elsewhere", self.runs, self.elsewhere));
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

/// Past the capture of the test harness: the table is there to be read.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
