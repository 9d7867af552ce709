use std::fmt::Write as _;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;

const COBERTURA: &str = r#"<?xml version="1.0"?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.1"><sources><source>.</source></sources><packages><package name="p"><classes>
  <class name="A" filename="src\a.rs"><methods><method name="m"><lines><line number="1" hits="0"/></lines></method></methods>
    <lines><line number="1" hits="3"/><line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/>
    <line number="3" hits="18446744073709551616"/></lines></class>
  <class name="B" filename="src/b.rs"><lines><line number="7" hits="0"/></lines></class>
</classes></package></packages></coverage>"#;
const LCOV: &str = "TN:unit\nSF:src/a.rs\nFN:1,f\nDA:2,1\nDA:4,0,checksum\nBRDA:2,0,0,-\nBRDA:2,0,x > 1, y,4\nLF:2\nend_of_record\n\
    SF:src/c.rs\r\nDA:1,1\r\nend_of_record\r\n";

fn work_dir(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let step = Fake::new(folder.path()).step();
    for (path, content) in files {
        step.write(path, content).expect("written");
    }
    folder
}

fn request(reports: &[&str]) -> Request {
    Request {
        source: ".".to_owned(),
        reports: reports.iter().map(|report| (*report).to_owned()).collect(),
        base: Vec::new(),
        min_lines: 0.0,
        min_branches: 0.0,
        max_drop: 0.0,
        worst: 10,
    }
}

fn call(request: Request) -> Result<Response, Failure> {
    let files = [("cobertura.xml", COBERTURA.as_bytes()), ("lcov.info", LCOV.as_bytes())];
    run(request, &mut Fake::new(work_dir(&files).path()).step())
}

#[test]
fn each_form_is_read() {
    #[track_caller]
    fn check(reports: &[&str], lines: (u64, u64), branches: (u64, u64)) {
        let response = call(request(reports)).expect("they are read");
        assert_eq!((response.lines_covered, response.lines_valid), lines);
        assert_eq!((response.branches_covered, response.branches_valid), branches);
    }
    check(&["cobertura.xml"], (2, 4), (1, 2));
    check(&["lcov.info"], (2, 3), (1, 2));
    // A line counts once, and is covered if it is in any report.
    check(&["*"], (4, 6), (2, 4));
}

#[test]
fn the_worst_files_are_shown() {
    let folder = work_dir(&[("cobertura.xml", COBERTURA.as_bytes()), ("lcov.info", LCOV.as_bytes())]);
    let fake = Fake::new(folder.path());
    let compared =
        Request { base: vec!["lcov.info".to_owned()], max_drop: 20.0, worst: 2, ..request(&["cobertura.xml"]) };
    let response = run(compared, &mut fake.step()).expect("it drops little");
    assert_eq!((response.lines, response.branches, response.change), (50.0, 50.0, -16.66));
    let lines: Vec<_> = fake.records().iter().map(|record| record.message.clone()).collect();
    let expected = [
        "file            lines  uncovered  change",
        "src/b.rs       0.00 %          1     new",
        "src/a.rs      66.66 %          1  +16.66",
        "all lines     50.00 %          2  -16.66",
        "all branches  50.00 %          1   +0.00",
    ];
    assert_eq!(lines, expected);
    assert_eq!((response.worst[0].file.as_str(), response.worst[1].lines_valid), ("src/b.rs", 3));
}

#[test]
fn thresholds_are_told_together() {
    let strict = Request {
        base: vec!["lcov.info".to_owned()],
        min_lines: 50.1,
        min_branches: 80.0,
        max_drop: 1.5,
        ..request(&["cobertura.xml"])
    };
    let failure = call(strict).expect_err("all are passed");
    assert_eq!(failure.message(), "too little is covered: 50.00 % of the lines");
    let expected = [
        "50.00 % of the lines are covered, and input `min_lines` asks for 50.1",
        "50.00 % of the branches are covered, and input `min_branches` asks for 80",
        "the lines lost 16.67 points, and input `max_drop` allows 1.5",
    ];
    assert_eq!(failure.causes(), expected);
    call(Request { min_lines: 50.0, ..request(&["cobertura.xml"]) }).expect("it is just enough");
}

#[test]
fn rounding_never_makes_all_of_almost_all() {
    let share = Share { covered: 99_999, valid: 100_000 };
    assert_eq!((share.percent(), Share::default().percent()), (99.99, 100.0));
}

#[test]
fn reports_that_are_refused() {
    #[track_caller]
    fn check(report: impl AsRef<[u8]>, expected: &str) {
        let folder = work_dir(&[("r", report.as_ref())]);
        let failure = run(request(&["r"]), &mut Fake::new(folder.path()).step()).expect_err("it is refused");
        assert_eq!((failure.kind(), failure.message()), (FailureKind::Failed, expected));
    }
    check("", "r, line 1: the report is empty");
    check("TN:\n", "the reports of input `reports` know no line");
    check("SF:a\nDA:1,1\n", "r, line 2: the report ends within the section of `a`");
    check("SF:a\nSF:b\n", "r, line 2: the section of `a` has no `end_of_record`");
    check("DA:1,1\n", "r, line 1: `DA` stands outside of a section, which begins with `SF`");
    check("SF:a\nDA:x,1\n", "r, line 2: `DA:x,1` is not one of a line and its hits");
    check("SF:a\nDA:99999999999,1\n", "r, line 2: `DA:99999999999,1` is not one of a line and its hits");
    check("SF:a\nBRDA:1,2,3\n", "r, line 2: `BRDA:1,2,3` is not one of a line, a block, a branch and its hits");
    check("SF:\n", "r, line 1: `` is no name of a file");
    check("SF:a\u{1b}b\n", "r, line 1: `a\u{1b}b` is no name of a file");
    check("{\"total\": 1}", "r, line 1: this is no line of an LCOV report");
    check(b"SF:\xe4\n", "r, line 1: the line is not UTF-8");
    check(format!("SF:{}\n", "x".repeat(100_000)), "r, line 1: the line is longer than 64 KiB");
    check("\n<testsuites/>", "r, line 2: the document is one of `testsuites`, not of `coverage`");
    check("<coverage><class/></coverage>", "r, line 1: a class has neither `filename` nor `name`");
    let line = |line: &str| format!("<coverage><class filename='a'><lines>{line}</lines></class></coverage>");
    check(line("<line number='1'/>"), "r, line 1: a line has no `hits`");
    check(line("<line number='-1' hits='1'/>"), "r, line 1: `-1` is no number of a line");
    check(line("<line number='1' hits='many'/>"), "r, line 1: `many` is no number of hits");
    for conditions in ["half", "50% (2/1)", "0% (0/4000000000)"] {
        let report = line(&format!("<line number='1' hits='1' condition-coverage='{conditions}'/>"));
        check(report, &format!("r, line 1: `{conditions}` is no coverage of conditions"));
    }
    check("<a>".repeat(100_000), "r, line 1: the document is one of `a`, not of `coverage`");
    check("<coverage>".repeat(100_000), "r, line 1: elements are nested more than 128 deep");
    check(
        "<!DOCTYPE coverage [<!ENTITY a 'a'>]><coverage/>",
        "r, line 1: the document type declares entities or elements, which is refused",
    );
    check(b"\xff\xfe<\0a\0", "r, line 1: the encoding is UTF-16, and only UTF-8 is read");
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(request: Request, kind: FailureKind, expected: &str) {
        let failure = call(request).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (kind, expected));
    }
    let invalid = FailureKind::InvalidInput;
    check(request(&[]), invalid, "input `reports` names no report");
    check(Request { min_lines: -1.0, ..request(&["*"]) }, invalid, "input `min_lines` is -1, not between 0 and 100");
    check(Request { max_drop: 200.0, ..request(&["*"]) }, invalid, "input `max_drop` is 200, not between 0 and 100");
    check(request(&["/etc/passwd"]), invalid, "input `reports` has `/etc/passwd`, no path in the source");
    let base = Request { base: vec!["old.info".to_owned()], ..request(&["*"]) };
    check(base, FailureKind::Failed, "cannot read `old.info`");
}

#[test]
fn a_long_report_is_read_line_by_line() {
    let mut report = String::new();
    for file in 0..200 {
        writeln!(report, "SF:src/{file}.rs").expect("written");
        (1..=500).for_each(|line| writeln!(report, "DA:{line},{}", line % 2).expect("written"));
        report.push_str("end_of_record\n");
    }
    let folder = work_dir(&[("r", report.as_bytes())]);
    let response = run(Request { worst: 1_000_000, ..request(&["r"]) }, &mut Fake::new(folder.path()).step());
    let response = response.expect("it is read");
    assert_eq!((response.lines_valid, response.lines, response.worst.len()), (100_000, 50.0, 30));
}
