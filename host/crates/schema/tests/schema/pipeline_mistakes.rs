//! What is said about mistakes in pipelines: the place, what was expected, what to do.

use stepwell_schema::{Pipeline, Problem, Problems, Severity, Source};

use crate::support::{pipeline, pipeline_of, summary};

/// All problems: those of a refused pipeline, or its warnings and those of its jobs.
fn problems(outcome: Result<Pipeline, Problems>) -> Problems {
    match outcome {
        Err(problems) => problems,
        Ok(pipeline) => {
            let of_jobs = pipeline.jobs().iter().flat_map(|job| job.warnings.iter());
            Problems(pipeline.warnings().iter().chain(of_jobs).cloned().collect())
        }
    }
}

#[track_caller]
fn check_files(files: &[(&str, &str)], expected: &[&str]) -> Problems {
    let problems = problems(pipeline_of(files));
    assert_eq!(summary(&problems), expected, "{files:?}");
    for problem in problems.iter() {
        assert!(stepwell_schema::code::ALL.contains(&problem.code));
        assert!(problem.help.is_some(), "{problem}");
    }
    problems
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_files(&[("p.yml", text)], expected);
}

/// Checks one mistake whole: where, what is underlined and said, and what to do.
#[track_caller]
fn check_whole(text: &str, expected: &str) {
    let problems = check_some(text);
    let [problem] = problems.0.as_slice() else { panic!("{problems}") };
    assert_eq!(whole(problem), expected, "{text}");
}

#[track_caller]
fn check_some(text: &str) -> Problems {
    let problems = problems(pipeline(text));
    assert!(!problems.is_empty(), "{text}");
    problems
}

fn whole(problem: &Problem) -> String {
    let labels: Vec<String> = problem
        .labels
        .iter()
        .map(|label| {
            let span = label.place.span;
            format!("{} `{}` {}", label.place, &label.place.source.text()[span.start..span.end], label.text)
        })
        .collect();
    format!("{} | {} | {}", problem.message, labels.join(" + "), problem.help.as_deref().unwrap_or_default())
}

#[test]
fn ten_likely_mistakes() {
    // A command with a colon.
    check_whole(
        "build:\n  script:\n    - echo \"a\": b\n    - make\n",
        "a command of `script` must be a text, not a mapping | p.yml:3:7 `echo \"a\": b` YAML reads a mapping here | a \
         command that holds `: ` needs quotes around it, or stands below `- |`",
    );
    // A template without its dot.
    check_whole(
        ".build: { script: x }\nj:\n  extends: build\n",
        "there is no job `build` to extend | p.yml:3:12 `build` did you mean `.build`? | templates have names that begin \
         with a dot, and that belongs to the name",
    );
    // A stage that was not declared.
    check_whole(
        "stages: [build, verify]\nj:\n  stage: verfy\n  script: x\n",
        "there is no stage `verfy` | p.yml:3:10 `verfy` did you mean `verify`? | stages of this pipeline: `.pre`, \
         `build`, `verify`, `.post`",
    );
    // No stage where there is no `test`.
    check_whole(
        "stages: [build]\nj:\n  script: x\n",
        "job `j` names no stage, and there is no stage `test` | p.yml:3:3 `script: x` not among `stages` | stages of \
         this pipeline: `.pre`, `build`, `.post`",
    );
    // A misspelt keyword in a job.
    check_whole_start(
        "j:\n  scirpt: y\n  script: x\n",
        "job `j` has no key `scirpt` | p.yml:2:3 `scirpt` did you mean `script`? | keys known here: `extends`, ",
    );
    // A misspelt keyword at the top.
    check_whole(
        "variabels:\n  A: 1\nj: { script: x }\n",
        "job `variabels` has nothing to do | p.yml:1:1 `variabels` did you mean the keyword `variables`? | add for \
         example `script: [ make ]`; a job that is only extended has a name that begins with a dot",
    );
    // Steps and commands in one job.
    check_whole(
        "j:\n  before_script: [x]\n  run: []\n",
        "`before_script` cannot stand beside `run` | p.yml:2:3 `before_script` only one of them + p.yml:3:3 `run` the \
         other is here | `run` is a list of steps: make the commands a step of it",
    );
    // A file that is not there.
    check_whole(
        "include:\n  - local: ci/build.yml\nj: { script: x }\n",
        "`ci/build.yml` cannot be included: there is no such file | p.yml:2:12 `ci/build.yml` this file is needed | paths \
         of includes begin at the root of the project",
    );
    // A reference with a misspelt key.
    check_whole(
        ".a: { script: x }\nj:\n  script:\n    - !reference [.a, scripts]\n",
        "there is no `scripts` to refer to | p.yml:4:23 `scripts` did you mean `script`? | keys there: `script`",
    );
    // A job that extends itself over others.
    check_whole(
        ".a: { extends: .c }\n.b: { extends: .a }\n.c: { extends: .b, script: x }\nj: { script: x }\n",
        "`.a` extends itself | p.yml:2:16 `.a` this leads back | the way is `.a` → `.c` → `.b` → `.a`; leave one of these \
         out",
    );
    // A variable without a value.
    check_whole(
        "variables:\n  A:\nj: { script: x }\n",
        "variable `A` has no value | p.yml:2:3 `A` a value is needed here | for the empty text write `A: \"\"`",
    );
}

#[track_caller]
fn check_whole_start(text: &str, expected: &str) {
    let problems = check_some(text);
    assert!(whole(&problems.0[0]).starts_with(expected), "{}", whole(&problems.0[0]));
}

#[test]
fn files() {
    check("", &["error wrong-documents 1 : the pipeline is empty []"]);
    check(
        "- a\n",
        &["error wrong-shape 1 - a: a pipeline must be a mapping of keywords and jobs, not a list [this is a list]"],
    );
    check("variables: {}\n", &["error unknown-job 1 : the pipeline has no job []"]);
    check(
        "{}\n---\nj: { script: x }\n",
        &["error wrong-documents 1 {}: a pipeline is one document [another stands behind this one]"],
    );
    check(
        "spec: { inputs: { a: {} } }\n---\nj: { script: x }\n---\nx\n",
        &[
            "warning not-honoured 1 spec: the inputs of a pipeline are not filled in [`$[[ inputs.… ]]` stays as it is written]",
            "warning wrong-documents 4 ---: documents behind the second are not read [ignored from here on]",
        ],
    );
    check("j: { script: !x y }", &["error unknown-tag 1 y: the tag `!x` has no meaning here [has this tag]"]);
}

#[test]
fn includes() {
    check(
        "include: [ {}, { local: a.yml, remote: x }, [a], { local: }, '' ]\nj: { script: x }\n",
        &[
            "error missing-key 1 {}: this include names no file [`local` is missing]",
            "error conflicting-keys 1 remote: `local` and `remote` cannot be in one include [only one of them]",
            "error wrong-shape 1 [a]: an include must be a path or a mapping, not a list [this is a list]",
            "error empty-value 1 local: `local` is empty [a text is needed here]",
            "error wrong-shape 1 '': an include must be a path or a mapping, not a text [this is a text]",
        ],
    );
    let problems = check_files(
        &[("p.yml", "include: a.yml\nj: { script: x }"), ("a.yml", "# a\ninclude: b.yml"), ("b.yml", "include: a.yml")],
        &["error include-cycle 1 a.yml: `a.yml` includes itself [this leads back]"],
    );
    assert_eq!(problems.0[0].labels[0].place.source.name(), "b.yml");
    assert_eq!(
        problems.0[0].help.as_deref(),
        Some("the way is `a.yml` → `b.yml` → `a.yml`; leave one of these includes out")
    );
    let nothing =
        Pipeline::load(Source::new("p.yml", "include: ['ci/*.yml']\nj: { script: x }"), &mut |_| Ok(Vec::new()));
    assert_eq!(
        summary(&problems_of(nothing)),
        ["warning include-failed 1 'ci/*.yml': no file matches `ci/*.yml` [includes nothing]"]
    );
}

fn problems_of(outcome: Result<Pipeline, Problems>) -> Problems {
    problems(outcome)
}

#[test]
fn problems_name_their_file() {
    let problems = check_files(
        &[
            ("p.yml", "include: [a.yml, b.yml]\nj: { extends: .t, stage: tset }\nk: { extends: [.t, .u] }\n"),
            ("a.yml", "# é\n.t:\n  script: [ { x: y } ]\n"),
            ("b.yml", ".u:\n  run: [ { name: 1a, script: x } ]\n  script: null\n"),
        ],
        &[
            "error unknown-stage 2 tset: there is no stage `tset` [did you mean `test`?]",
            "error wrong-shape 3 { x: y }: a command of `script` must be a text, not a mapping [YAML reads a mapping here]",
            "error invalid-name 2 1a: `1a` is no name for a step [`_1a` would be one]",
        ],
    );
    let places: Vec<String> = problems.iter().map(|problem| problem.labels[0].place.to_string()).collect();
    assert_eq!(places, ["p.yml:2:26", "a.yml:3:13", "b.yml:2:18"]);

    // A file that cannot be read is the only thing that is said.
    check_files(
        &[("p.yml", "include: a.yml\nj: { extends: .t }"), ("a.yml", "x: [\n")],
        &["error yaml-syntax 1 [: this is not YAML: unclosed bracket '[' [reading stopped here]"],
    );
}

#[test]
fn jobs() {
    for (text, expected) in [
        ("j: make", &["error wrong-shape 1 j: job `j` must be a mapping, not a text [this is a text]"][..]),
        (
            "stage: a\nj: { script: x }",
            &["error wrong-shape 1 stage: job `stage` must be a mapping, not a text [did you mean `stages`?]"],
        ),
        ("j:", &["error wrong-shape 1 j: job `j` must be a mapping, not nothing [this is nothing]"]),
        (
            "j: { image: x }",
            &["error missing-key 1 j: job `j` has nothing to do [`script`, `run` or `trigger` is missing]"],
        ),
        ("j: { script: [] }", &["error empty-value 1 []: `script` is empty [a command is needed here]"]),
        ("j: { script: [[], []] }", &["error empty-value 1 [[], []]: `script` is empty [a command is needed here]"]),
        (
            "j: { script: [ , x] }",
            &[
                "error yaml-syntax 1 ,: this is not YAML: unexpected EOF while parsing an implicit flow mapping [reading stopped here]",
            ],
        ),
        (
            "j: { script: [~, x] }",
            &["error empty-value 1 ~: a command of `script` is empty [a command is needed here]"],
        ),
        (
            "j: { script: { a: b } }",
            &[
                "error wrong-shape 1 { a: b }: `script` must be a text or a list of texts, not a mapping [this is a mapping]",
            ],
        ),
        (
            "j: { script: [[[[[[[[[[[x]]]]]]]]]]] }",
            &["error wrong-shape 1 [x]: lists in `script` lie too deeply in each other [more than 10 levels]"],
        ),
        (
            "j: { script: x, trigger: y, run: [] }",
            &[
                "error conflicting-keys 1 script: `script` cannot stand beside `run` [only one of them]",
                "error conflicting-keys 1 trigger: `trigger` cannot stand beside `run` [only one of them]",
            ],
        ),
        (
            "j: { script: x, trigger: y }",
            &["error conflicting-keys 1 trigger: `trigger` cannot stand beside `script` [only one of them]"],
        ),
        ("j: { run: x }", &["error wrong-shape 1 x: `run` must be a list of steps, not a text [this is a text]"]),
        (
            "j: { script: x, stage: [a] }",
            &["error wrong-shape 1 [a]: `stage` must be a text, not a list [this is a list]"],
        ),
        (
            "j: { script: x, inherit: { default: 1, vars: x } }",
            &[
                "error wrong-shape 1 1: `default` of `inherit` must be a boolean, not a number [this is a number]",
                "warning unknown-key 1 vars: `inherit` has no key `vars` [not known here, and ignored]",
            ],
        ),
        (
            "default: { images: x }\nj: { script: x }",
            &["warning unknown-key 1 images: `default` has no key `images` [did you mean `image`?]"],
        ),
        (
            "default: { before_script: x }\nbefore_script: y\nj: { script: x }",
            &[
                "error conflicting-keys 2 before_script: `before_script` stands at the top and in `default` [leave this out]",
            ],
        ),
        (
            "stages: build\nj: { script: x, stage: .pre }",
            &["error wrong-shape 1 build: `stages` must be a list of texts, not a text [this is a text]"],
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn extends() {
    for (text, expected) in [
        ("j: { extends: j, script: x }", &["error endless-extends 1 j: `j` extends itself [this leads back]"][..]),
        (
            ".a: [x]\nj: { extends: .a }",
            &["error wrong-shape 2 .a: `.a` cannot be extended: it is a list [only a job can be extended]"],
        ),
        (
            "j: { extends: { a: b } }",
            &[
                "error wrong-shape 1 { a: b }: `extends` must be the name of a job or a list of names, not a mapping [this is a mapping]",
            ],
        ),
        (
            "j: { extends: [[a]] }",
            &["error wrong-shape 1 [a]: an item of `extends` must be a text, not a list [this is a list]"],
        ),
        (
            "j: { extends: variables, script: x }\nvariables: {}",
            &["error unknown-job 1 variables: there is no job `variables` to extend [not in this pipeline]"],
        ),
        // A job is not blamed for those that it extends.
        (
            ".a: { extends: .x }\nj: { extends: .a }\nk: { extends: j }",
            &["error unknown-job 1 .x: there is no job `.x` to extend [not in this pipeline]"],
        ),
    ] {
        check(text, expected);
    }
    let mut chain = "j: { extends: .t0 }\n".to_owned();
    chain.extend((0..20_000).map(|level| format!(".t{level}: {{ extends: .t{} }}\n", level + 1)));
    let problems = check_some(&chain);
    assert!(
        summary(&problems)[0]
            .starts_with("error endless-extends 11 .t10: `j` extends jobs over too many levels [more than 11 levels]"),
        "{problems}"
    );
    let mut chain = ".t0: { script: x }\n".to_owned();
    chain.extend((1..20).map(|level| format!(".t{level}: {{ extends: .t{} }}\n", level - 1)));
    check(
        &format!("{chain}j: {{ extends: .t19 }}"),
        &["error endless-extends 12 .t10: `.t11` extends jobs over too many levels [more than 11 levels]"],
    );
}

#[test]
fn references() {
    for (text, expected) in [
        (
            "j: { script: !reference [] }",
            &["error empty-value 1 []: this `!reference` names nothing [keys are needed here]"][..],
        ),
        (
            "j: { script: !reference [[a], b] }",
            &["error wrong-shape 1 [a]: a key of `!reference` must be a text, not a list [this is a list]"],
        ),
        (
            ".setup: { script: x }\nj: { script: !reference [setup, script] }",
            &["error reference-not-found 2 setup: there is no `setup` to refer to [did you mean `.setup`?]"],
        ),
        (
            ".b: { script: x }\nj: { script: !reference [.b, script, x] }",
            &["error reference-not-found 2 x: there is no `x` to refer to [what stands in front of it is a text]"],
        ),
        (
            ".b: { script: }\nj: { script: !reference [.b, script] }",
            &["error reference-not-found 2 script: `script` has no value to refer to [leads to nothing]"],
        ),
        (
            "j: { script: [x, !reference [j, script]] }",
            &["error endless-reference 1 [j, script]: `!reference [j, script]` leads to itself [this leads back]"],
        ),
        (
            "j: { script: !reference x }",
            &["error unknown-tag 1 x: the tag `!reference` has no meaning here [has this tag]"],
        ),
        (
            "include: !reference [a]\nj: { script: x }",
            &[
                "error wrong-shape 1 [a]: an include must be a path or a mapping, not a `!reference` [this is a `!reference`]",
            ],
        ),
        // Where nothing is read, nothing is followed.
        ("j: { script: x, rules: [!reference [nowhere]] }", &[]),
    ] {
        check(text, expected);
    }
    let mut chain = ".t1: { script: deep }\n".to_owned();
    chain.extend((2..=11).map(|level| format!(".t{level}: {{ script: [!reference [.t{}, script]] }}\n", level - 1)));
    check(
        &format!("{chain}j: {{ script: [x, !reference [.t11, script]] }}"),
        &["error endless-reference 2 [.t1, script]: references lead over too many levels [more than 10 levels]"],
    );
}

#[test]
fn variables() {
    for (text, expected) in [
        ("A: [x]", &["error wrong-shape 1 [x]: variable `A` must be a text, not a list [this is a list]"][..]),
        ("A-B: x", &["warning invalid-name 1 A-B: `A-B` is no name for a variable [shells do not see it]"]),
        ("\"A=B\": x", &["error invalid-name 1 \"A=B\": `A=B` is no name for a variable [no environment can hold it]"]),
        ("A: { valeu: x }", &["warning unknown-key 1 valeu: variable `A` has no key `valeu` [did you mean `value`?]"]),
        (
            "A: { value: x, expand: maybe }",
            &["error wrong-shape 1 maybe: `expand` must be a boolean, not a text [this is a text]"],
        ),
        (
            "A: 0755",
            &[
                "warning number-rewritten 1 0755: `0755` is a number that GitLab writes in another way [`493` in GitLab]",
            ],
        ),
        (
            "A: 1.10",
            &[
                "warning number-rewritten 1 1.10: `1.10` is a number that GitLab writes in another way [another text in GitLab]",
            ],
        ),
        ("A: \"0755\", B: 12, C: -1.5, D: 12345678901234567890", &[]),
    ] {
        check(&format!("variables: {{ {text} }}\nj: {{ script: x }}"), expected);
    }
    check(
        "variables: [a]\nj: { script: x }",
        &["error wrong-shape 1 [a]: `variables` must be a mapping of names to values, not a list [this is a list]"],
    );
}

#[test]
fn warnings_stand_with_their_job() {
    let pipeline = pipeline("a: { script: x, scrpt: y }\nb: { script: x }\n").expect("only warnings");
    assert!(pipeline.warnings().is_empty());
    let warnings = |name: &str| pipeline.job(name).expect("there").warnings.iter().count();
    assert_eq!((warnings("a"), warnings("b")), (1, 0));
}

#[test]
fn sizes_are_bounded() {
    let refuse = |text: &str, message: &str| {
        let problems = pipeline(text).expect_err("too large");
        assert!(problems.iter().any(|problem| problem.message == message), "{problems}");
        assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
    };
    let merged = "with everything merged in, the jobs of this pipeline are too large";
    // A large template, and many jobs that extend it.
    let large = format!(".t:\n  script: [{}]\n", "x, ".repeat(10_000));
    let jobs: String = (0..100).map(|index| format!("j{index}: {{ extends: .t }}\n")).collect();
    refuse(&format!("{large}{jobs}"), merged);
    // Long commands likewise.
    let long = format!("default: {{ before_script: [{}] }}\n", "x".repeat(1 << 20));
    let jobs: String = (0..100).map(|index| format!("j{index}: {{ script: y }}\n")).collect();
    refuse(&format!("{long}{jobs}"), merged);
    // Many keys, copied for each job.
    let keys: String = (0..10_000).map(|index| format!("  k{index}: x\n")).collect();
    let jobs: String = (0..1_000).map(|index| format!("j{index}: {{ extends: .t, script: x }}\n")).collect();
    refuse(&format!(".t:\n{keys}{jobs}"), merged);
    // Nothing else is said of the jobs that come behind.
    let large = format!(".t: {{ stage: [{}] }}\n", "x, ".repeat(100_000));
    let jobs: String = (0..100).map(|index| format!("j{index}: {{ extends: .t, script: x }}\n")).collect();
    let problems = pipeline(&format!("{large}{jobs}")).expect_err("too large");
    assert_eq!(problems.iter().filter(|problem| problem.severity == Severity::Error).count(), 2, "{problems}");
    // References that double at every level.
    let mut doubled = ".t0: { script: [x, x, x, x, x, x, x, x] }\n".to_owned();
    for level in 1..10 {
        let below = format!("!reference [.t{}, script]", level - 1);
        doubled.push_str(&format!(".t{level}: {{ script: [{}] }}\n", [below.as_str(); 8].join(", ")));
    }
    refuse(&format!("{doubled}j: {{ script: !reference [.t9, script] }}"), merged);
    // Files that are small each.
    let mut include = |path: &str| {
        let number: usize = path.parse().map_err(|_| "no number".to_owned())?;
        Ok(vec![Source::new(path, format!("include: '{}'\n", number + 1))])
    };
    let problems =
        Pipeline::load(Source::new("p.yml", "include: '0'\nj: { script: x }"), &mut include).expect_err("too many");
    assert_eq!(
        summary(&problems),
        ["error document-too-large 1 '149': the pipeline has more than 150 files [one file too many]"]
    );
    let mut include = |path: &str| Ok(vec![Source::new(path, format!("x: {}\n", "y".repeat(3 << 20)))]);
    let problems =
        Pipeline::load(Source::new("p.yml", "include: [a, b]\nj: { script: x }"), &mut include).expect_err("too large");
    assert_eq!(problems.0[0].labels[0].text, "more than 4194304 bytes");
    assert_eq!(problems.0[0].labels[0].place.source.name(), "b");
}
