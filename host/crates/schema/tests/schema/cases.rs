//! Tables of cases: what they hold, and what is said about mistakes in them.

use stepwell_schema::{Case, CaseTable, Ending, ExpectedFile, Source, Value};

use crate::support::summary;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let problems =
        CaseTable::parse(Source::new("cases.yml", text)).map_or_else(|problems| problems, |table| table.warnings);
    assert_eq!(summary(&problems), expected, "{text}");
    assert!(problems.iter().all(|problem| problem.help.is_some()));
}

fn one(text: &str) -> Case {
    let text = format!("cases:\n  - {text}\n");
    let table = CaseTable::parse(Source::new("cases.yml", text)).unwrap_or_else(|problems| panic!("{problems}"));
    table.cases.into_iter().next().expect("there is one")
}

#[test]
fn a_whole_case() {
    let case =
        one("name: all of it\n    inputs: { n: 1, t: '${{ x }}' }\n    env: { A: 1 }\n    files: { a/b.txt: x }\n    \
         secrets: { token: s }\n    allow: { read: [ a ] }\n    policy: profile:hardened\n    expect:\n      \
         outputs: { n: 2 }\n      exports: { V: 1 }\n      files: { c.txt: y, d.txt: ~ }\n      log: [ one, two ]");
    assert_eq!(case.name.value, "all of it");
    assert_eq!(case.inputs[1].1.to_value(), Value::from("${{ x }}"));
    assert_eq!(case.passes.allow.expect("it is there").read.len(), 1);
    let expect = case.expect;
    assert_eq!(expect.ending, Ending::Success);
    assert_eq!(expect.outputs.expect("it is there").value[0].1.to_value(), Value::from(2.0));
    assert_eq!(expect.exports.expect("it is there").value[0].1.value, "1");
    assert!(matches!(&expect.files[0].1, ExpectedFile::Text(text) if text.value == "y"));
    assert!(matches!(expect.files[1].1, ExpectedFile::Absent(_)));
    assert_eq!(expect.log.len(), 2);
    assert!(matches!(one("{ name: a, expect: { failure: x } }").expect.ending, Ending::Failure(_)));
    assert!(matches!(one("{ name: a, expect: { denied: x } }").expect.ending, Ending::Denial(_)));
    assert!(one("name: a").expect.outputs.is_none());
}

#[test]
fn mistakes() {
    check("", &["error wrong-documents 1 : the table of cases is empty []"]);
    check("cases: []", &["error empty-value 1 []: `cases` is empty [at least one is needed]"]);
    check(
        "case: []",
        &[
            "error missing-key 1 case: []: a table of cases has no `cases` [`cases` is missing]",
            "error unknown-key 1 case: a table of cases has no key `case` [did you mean `cases`?]",
        ],
    );
    check(
        "cases:\n  - name: a\n    expects: {}\n  - name: a\n    files: { ../x: y, /z: 1 }\n  - inputs: 1\n",
        &[
            "error unknown-key 3 expects: this case has no key `expects` [did you mean `expect`?]",
            "error duplicate-name 4 a: there are two cases `a` [the second]",
            "error invalid-value 5 ../x: `../x` is no path of a file in the work dir [leads elsewhere]",
            "error invalid-value 5 /z: `/z` is no path of a file in the work dir [leads elsewhere]",
            "error missing-key 6 inputs: 1: this case has no `name` [`name` is missing]",
            "error wrong-shape 6 1: `inputs` must be a mapping of names to values, not a number [this is a number]",
        ],
    );
    check(
        "cases:\n  - name: a\n    expect:\n      failure: x\n      outputs: {}\n      denied: y\n",
        &[
            "error conflicting-keys 5 outputs: `outputs` cannot stand beside `failure` [leave this out]",
            "error conflicting-keys 6 denied: `denied` cannot stand beside `failure` [leave this out]",
        ],
    );
    check(
        "cases: [ { name: a } ]\n---\n{}\n",
        &["error wrong-documents 2 ---: there is more than one document [from here on]"],
    );
}
