use std::fmt::Write as _;
use std::fs;

use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;

const UNIT: &str = "<?xml version=\"1.0\"?>\n<testsuites tests=\"99\">\n  <testsuite name=\"unit\">\n    \
    <testcase classname=\"math\" name=\"adds\" time=\"0.5\"/>\n    <testcase name=\"divides\" time=\"1,000.25\">\n\
    <failure message=\"&lt;0&gt; is not 1&#10;at line 3\" type=\"assert\"><![CDATA[trace <here>]]></failure></testcase>\n  \
    </testsuite></testsuites>";
const NESTED: &str = "<testsuite name='outer'><properties><property name='a' value='b'/></properties>\
    <testsuite name='inner'><testcase name='x'><skipped/></testcase>\
    <testcase name='y'><skipped/><error>\n  boom\n  more</error><system-out>a\u{1f600}&amp;<![CDATA[\u{1b}]]></system-out></testcase>\
    <testcase name='z' status='notrun' time='NaN'/><testcase name='w'><flakyFailure message='once'/></testcase>\
    </testsuite></testsuite>";

fn work_dir(files: &[(&str, &str)]) -> TempDir {
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
        destination: String::new(),
        name: "junit.xml".to_owned(),
        min_tests: 1,
        max_failures: 1,
        max_errors: 1,
        max_skipped_percent: 100.0,
    }
}

fn call(files: &[(&str, &str)], request: Request) -> Result<Response, Failure> {
    run(request, &mut Fake::new(work_dir(files).path()).step())
}

#[test]
fn reports_become_one() {
    let folder = work_dir(&[("a/one.xml", UNIT), ("a/b/two.xml", NESTED)]);
    let fake = Fake::new(folder.path());
    let merged = || Request { destination: "dist".to_owned(), ..request(&["a/**/*.xml"]) };
    let response = run(merged(), &mut fake.step()).expect("nothing passes a threshold");
    assert_eq!((response.tests, response.failures, response.errors, response.skipped), (6, 1, 1, 2));
    assert_eq!((response.seconds, response.file.as_str()), (1000.75, "dist/junit.xml"));
    let failed: Vec<_> = response.failed.iter().map(ToString::to_string).collect();
    assert_eq!(failed, ["inner › y: boom", "unit › divides: <0> is not 1"]);
    let text = fs::read_to_string(folder.path().join("dist/junit.xml")).expect("it is there");
    assert!(text.starts_with(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"6\" failures=\"1\" errors=\"1\" skipped=\"2\" time=\"1000.750\">\n\
         <testsuite name=\"outer\"><properties><property name=\"a\" value=\"b\"/></properties>"
    ));
    assert!(text.contains(
        "<failure message=\"&lt;0&gt; is not 1&#10;at line 3\" type=\"assert\">trace &lt;here&gt;</failure>"
    ));
    assert!(text.contains("<system-out>a\u{1f600}&amp;\u{fffd}</system-out>"));
    // Merged once more it is the same, and the merged report is not in itself.
    let again = Request { source: "dist".to_owned(), ..merged() };
    let again = Request { reports: vec!["junit.xml".to_owned()], destination: "again".to_owned(), ..again };
    let response = run(again, &mut fake.step()).expect("nothing passes a threshold");
    assert_eq!((response.tests, response.seconds), (6, 1000.75));
    let lines: Vec<_> = fake.records().iter().map(|record| record.message.clone()).collect();
    assert_eq!(lines[0], "report       tests  failures  errors  skipped   seconds");
    assert_eq!(lines[1], "a/b/two.xml      4         0       1        2     0.000");
    assert_eq!(lines[3], "all              6         1       1        2  1000.750");
}

#[test]
fn thresholds_are_told_together() {
    let files = [("one.xml", UNIT), ("two.xml", NESTED)];
    let strict = Request { min_tests: 7, max_failures: 0, max_errors: 0, max_skipped_percent: 33.0, ..request(&[]) };
    let failure = call(&files, strict).expect_err("all are passed");
    assert_eq!(failure.message(), "of 6 tests 1 failed, 1 ended with an error, 2 were skipped");
    let expected = [
        "1 failed, and input `max_failures` allows 0",
        "1 ended with an error, and input `max_errors` allows 0",
        "6 are reported, and input `min_tests` asks for 7",
        "33.3 % were skipped, and input `max_skipped_percent` allows 33",
        "unit › divides: <0> is not 1",
        "inner › y: boom",
    ];
    assert_eq!(failure.causes(), expected);
    let failure = call(&[("a.xml", "<testsuites/>")], request(&[])).expect_err("it has none");
    assert_eq!(failure.causes(), ["0 are reported, and input `min_tests` asks for 1"]);
    assert_eq!(
        call(&[("a.xml", "<testsuites/>")], Request { min_tests: 0, ..request(&[]) }).expect("none is asked for").tests,
        0
    );
}

#[test]
fn what_makes_no_sense() {
    #[track_caller]
    fn check(request: Request, kind: FailureKind, expected: &str) {
        let files = [("one.xml", UNIT), ("html.xml", "\n<html/>"), ("cut.xml", &UNIT[..200])];
        let failure = call(&files, request).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.message()), (kind, expected));
    }
    let failed = FailureKind::Failed;
    check(request(&["x/*.xml"]), failed, "cannot read `x`");
    check(request(&["*.json"]), failed, "input `reports`: no file of `.` matches `*.json`");
    let html = "html.xml, line 2: the document is one of `html`, not of `testsuites` or `testsuite`";
    check(request(&["html.xml"]), failed, html);
    check(
        request(&["cut.xml"]),
        failed,
        "cut.xml, line 6: not well-formed XML: syntax error: attribute value not closed: `\"` not found before end of input",
    );
    let invalid = FailureKind::InvalidInput;
    check(
        Request { max_skipped_percent: 101.0, ..request(&[]) },
        invalid,
        "input `max_skipped_percent` is 101, not between 0 and 100",
    );
    let outside = Request { destination: "d".to_owned(), name: "../x".to_owned(), ..request(&[]) };
    check(outside, invalid, "input `name` is `../x`, no path in the destination");
    let itself = Request { destination: ".".to_owned(), name: "one.xml".to_owned(), ..request(&["one.xml"]) };
    check(itself, invalid, "input `reports` chooses no file but the one to write");
}

#[test]
fn a_failed_merge_leaves_nothing() {
    let folder = work_dir(&[("one.xml", UNIT), ("two.xml", "<testsuite><testcase>")]);
    let request = Request { destination: "dist".to_owned(), ..request(&["*.xml"]) };
    run(request, &mut Fake::new(folder.path()).step()).expect_err("one is cut");
    assert!(!folder.path().join("dist").exists());
}

#[test]
fn many_tests_and_long_texts_are_held_in_bounds() {
    let mut report = "<testsuite name='s'>".to_owned();
    for number in 0..20_000 {
        write!(report, "<testcase name='{number}'><failure message='{}'/></testcase>", "m".repeat(400))
            .expect("written");
    }
    report.push_str("</testsuite>");
    let response =
        call(&[("a.xml", &report)], Request { max_failures: 20_000, ..request(&[]) }).expect("all are allowed");
    assert_eq!((response.failures, response.failed.len()), (20_000, 100));
    assert_eq!(response.failed[0].message.len(), 160);
    let deep = "<testsuite>".repeat(100_000);
    let failure = call(&[("a.xml", &deep)], request(&[])).expect_err("it is too deep");
    assert_eq!(failure.message(), "a.xml, line 1: elements are nested more than 128 deep");
}
