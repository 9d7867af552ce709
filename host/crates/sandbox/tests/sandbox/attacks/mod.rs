//! The attacks: each case by number, under every step ABI, in this process and in a worker, and what came of it.
//!
//! An attack has the same expectation in both: a wall more is no other answer.
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

use std::fs;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use driver::{Abi, Attack, Case, Class, Elsewhere, ISOLATIONS, Isolation, Runner};

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

#[test]
fn tests_elsewhere_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    for case in all() {
        for test in case.elsewhere.map_or(&[][..], |elsewhere| elsewhere.tests) {
            let (file, name) = test.split_once("::").unwrap();
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            let mut lines = text.lines().map(str::trim_start);
            // A test is the function right below its attribute.
            let is_test = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let named = format!("fn {name}(");
            let found = loop {
                match lines.next() {
                    None => break false,
                    Some(line) if is_test(line) && lines.next().is_some_and(|next| next.contains(&named)) => {
                        break true;
                    }
                    Some(_) => {}
                }
            };
            assert!(found, "case {}: there is no test {test}", case.number);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attacks() {
    let mut table = Table::default();
    let [here, worker] = ISOLATIONS.map(Runner::new);
    print(&row("case", "", "guest", ISOLATIONS.map(Isolation::name), "attack"));
    for case in all() {
        for attack in &case.attacks {
            for abi in attack.abis() {
                let (here, worker) = tokio::join!(here.attack(attack, *abi), worker.attack(attack, *abi));
                table.add(&case, attack, *abi, [here, worker]);
            }
        }
        if let Some(Elsewhere { reason, tests }) = case.elsewhere {
            print(&format!("{:>4}  {:<44} {}", case.number, case.title, [&[reason], tests].concat().join("; ")));
            table.elsewhere += u32::from(case.attacks.is_empty());
        }
    }
    table.faults.extend([here, worker].into_iter().filter_map(Runner::end));
    table.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dropped_at_every_await() {
    let step = driver::words("write /work/dist/f 8 over-and-over /work/dist/f 5");
    for isolation in ISOLATIONS {
        let runner = Runner::new(isolation);
        for microseconds in (0..4_000).step_by(250) {
            for abi in driver::ALL {
                let after = std::time::Duration::from_micros(microseconds);
                let faults = runner.drop_after(&step, *abi, after).await;
                assert!(faults.is_empty(), "{faults:?}");
            }
        }
        assert_eq!(runner.end(), None);
    }
}

/// Set for the process in which [`files_without_openat2`] runs.
const WITHOUT_OPENAT2: &str = "SANDBOX_TEST_WITHOUT_OPENAT2";

/// On kernels and under filters without `openat2` paths are resolved part by part. That it is missing is found out once
/// for a whole process, so this test starts itself in another one, and there a filter takes the call away. All ways to
/// the engine share the resolution; the way with the most freedom takes them all.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test that runs itself again")]
fn files_without_openat2() {
    if std::env::var_os(WITHOUT_OPENAT2).is_none() {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "attacks::files_without_openat2", "--nocapture"]).env(WITHOUT_OPENAT2, "1");
        let ran = again.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        return;
    }
    take_away_openat2();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let runner = Runner::new(Isolation::InProcess);
    let mut wrong = Vec::new();
    for case in files::cases() {
        for attack in case.attacks.iter().filter(|attack| attack.abis().contains(&Abi::Preview1)) {
            let (class, faults) = runtime.block_on(runner.attack(attack, Abi::Preview1));
            wrong.extend(faults.into_iter().map(|fault| format!("{}: {class}: {fault}", attack.title())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Takes a system call away from this thread and those that it starts, as if the kernel did not know it.
fn take_away_openat2() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let rules = [(libc::SYS_openat2, Vec::new())].into();
    let refusal = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let architecture = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, architecture).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
    let (flags, mode, resolve) = (OFlags::PATH, Mode::empty(), ResolveFlags::BENEATH);
    assert_eq!(openat2(CWD, ".", flags, mode, resolve).unwrap_err(), Errno::NOSYS);
}

/// What is printed, and what went wrong.
#[derive(Default)]
struct Table {
    runs: u32,
    elsewhere: u32,
    faults: Vec<String>,
}

impl Table {
    fn add(&mut self, case: &Case, attack: &Attack, abi: Abi, results: [(Class, Vec<String>); 2]) {
        self.runs += 1;
        let classes = results.each_ref().map(|(class, _)| class.to_string());
        let line = row(
            &case.number.to_string(),
            case.title,
            abi.name(),
            classes.each_ref().map(String::as_str),
            &attack.title(),
        );
        print(&line);
        for (isolation, (_, faults)) in ISOLATIONS.into_iter().zip(results) {
            self.faults.extend(faults.into_iter().map(|fault| format!("{line}\n      {}: {fault}", isolation.name())));
        }
    }

    fn finish(self) {
        let [here, worker] = ISOLATIONS.map(Isolation::name);
        print(&format!(
            "{CASES} cases, {} attacks run {here} and in a {worker}, {} cases elsewhere",
            self.runs, self.elsewhere
        ));
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

fn row(number: &str, case: &str, abi: &str, classes: [&str; 2], attack: &str) -> String {
    let [here, worker] = classes;
    format!("{number:>4}  {case:<44} {abi:<6} {here:<16} {worker:<16} {attack}")
}

/// Past the capture of the test harness: the table is there to be read.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
