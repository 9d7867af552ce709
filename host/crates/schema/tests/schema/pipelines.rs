//! Pipelines as people write them: what reaches a job, and from where.

use proptest::prelude::*;
use stepwell_schema::pipeline::is_pipeline;
use stepwell_schema::pipeline::variables::{Variable, expand};
use stepwell_schema::{
    Job, NoWork, Pipeline, PipelineJob, PipelineWork, Problems, ScriptJob, Severity, Source, StepAction, When, literal,
};

use crate::support::{pipeline, pipeline_of, summary};

#[track_caller]
fn load(files: &[(&str, &str)]) -> Pipeline {
    pipeline_of(files).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Returns `SCRIPT | AFTER`, commands apart by `;`, or what the job does otherwise.
fn work(job: &PipelineJob) -> String {
    let commands = |script: &ScriptJob| {
        let texts: Vec<&str> = script.before.iter().chain(&script.script).map(|command| command.value.trim()).collect();
        let after: Vec<&str> = script.after.iter().map(|command| command.value.trim()).collect();
        if after.is_empty() { texts.join(";") } else { format!("{} | {}", texts.join(";"), after.join(";")) }
    };
    match &job.work {
        PipelineWork::Run(job) => job.steps.iter().map(|step| step.name.value.as_str()).collect::<Vec<_>>().join(","),
        PipelineWork::Script(script) => commands(script),
        PipelineWork::Nothing(why) => format!("{why:?}"),
    }
}

fn variables(job: &PipelineJob) -> String {
    let written = |variable: &&stepwell_schema::PipelineVariable| {
        format!("{}{}{}", variable.name, if variable.expand { "=" } else { "!=" }, variable.value)
    };
    job.variables().iter().map(written).collect::<Vec<_>>().join(" ")
}

/// Checks what the job `j` of a pipeline does.
#[track_caller]
fn check_work(text: &str, expected: &str) {
    let pipeline = load(&[(".gitlab-ci.yml", text)]);
    assert_eq!(pipeline.job("j").map(work).as_deref(), Some(expected), "{text}");
}

/// Checks the variables of the job `j`, whose script stands in front.
#[track_caller]
fn check_variables(text: &str, expected: &str) {
    let pipeline = load(&[(".gitlab-ci.yml", text)]);
    assert_eq!(pipeline.job("j").map(variables).as_deref(), Some(expected), "{text}");
}

#[test]
fn scripts() {
    for (text, expected) in [
        ("j: { script: make }", "make"),
        ("j: { script: [make, 12, true, 1.10] }", "make;12;true;1.10"),
        ("j: { script: [a, [b, [c, [d]]], [[[[[[[[[e]]]]]]]]]] }", "a;b;c;d;e"),
        ("j: { before_script: a, script: b, after_script: [c, d] }", "a;b | c;d"),
        ("j:\n  script:\n    - |\n      a\n      b\n", "a\nb"),
        ("default: { before_script: [x], after_script: y }\nj: { script: b }", "x;b | y"),
        ("before_script: x\nafter_script: [y]\nj: { script: b }", "x;b | y"),
        ("default: { before_script: [x] }\nj: { script: b, before_script: [z] }", "z;b"),
        ("default: { before_script: [x] }\nj: { script: b, before_script: [] }", "b"),
        ("default: { before_script: [x] }\nj: { script: b, before_script: null }", "x;b"),
        ("default: { before_script: x, after_script: y }\nj: { script: b, inherit: { default: false } }", "b"),
        (
            "default: { before_script: x, after_script: y }\nj: { script: b, inherit: { default: [after_script] } }",
            "b | y",
        ),
        ("j: { trigger: group/project }", "OtherPipeline"),
        ("j: { needs: { pipeline: group/project } }", "OtherPipeline"),
        ("j: { run: [ { name: a, script: x }, { name: b, func: ./b } ] }", "a,b"),
    ] {
        check_work(text, expected);
    }
}

#[test]
fn extends() {
    for (text, expected) in [
        (".a: { script: a }\nj: { extends: .a }", "a"),
        (".a: { script: a }\nj: { extends: [.a], before_script: b }", "b;a"),
        ("x: { script: a, after_script: c }\nj: { extends: x, script: [b] }", "b | c"),
        (".a: { script: [a1, a2] }\n.b: { script: [b] }\nj: { extends: [.a, .b] }", "b"),
        (".a: { script: a, after_script: z }\n.b: { extends: .a, script: b }\nj: { extends: .b }", "b | z"),
        (".a: { script: a, after_script: z }\nj: { extends: .a, after_script: null }", "a"),
        (".a: &a { script: a }\nj: { <<: *a, after_script: z }", "a | z"),
        ("j: { extends: null, script: a }", "a"),
    ] {
        check_work(text, expected);
    }
    let mut chain = ".t0: { script: deep }\n".to_owned();
    chain.extend((1..10).map(|level| format!(".t{level}: {{ extends: .t{} }}\n", level - 1)));
    check_work(&format!("{chain}j: {{ extends: .t9 }}"), "deep");
}

#[test]
fn references() {
    for (text, expected) in [
        (".a: { script: [a, b] }\nj: { script: [x, !reference [.a, script], y] }", "x;a;b;y"),
        (".a: { script: a }\nj: { script: !reference [.a, script] }", "a"),
        (".a: { script: a }\nj: { script: [!reference [.a, script]] }", "a"),
        (
            ".a: { script: [a] }\n.b: { script: [!reference [.a, script], b] }\nj: { script: !reference [.b, script] }",
            "a;b",
        ),
        // What a job has by `extends` is there to be referred to.
        (".a: { script: [a] }\n.b: { extends: .a }\nj: { script: !reference [.b, script] }", "a"),
        (".a: !reference [.b]\n.b: { script: b }\nj: { script: !reference [.a, script] }", "b"),
        (".list: [a, b]\nj: { script: !reference [.list] }", "a;b"),
        (".a: { x: { y: [deep] } }\nj: { script: !reference [.a, x, y] }", "deep"),
        ("default: { before_script: [x] }\nj: { script: [!reference [default, before_script]] }", "x;x"),
        (".r: { run: [ { name: a, script: x } ] }\nj: { run: [!reference [.r, run], { name: b, script: y }] }", "a,b"),
    ] {
        check_work(text, expected);
    }
    let mut chain = ".t1: { script: deep }\n".to_owned();
    chain.extend((2..=10).map(|level| format!(".t{level}: {{ script: [!reference [.t{}, script]] }}\n", level - 1)));
    check_work(&format!("{chain}j: {{ script: !reference [.t10, script] }}"), "deep");
}

#[test]
fn variables_reach_jobs() {
    for (text, expected) in [
        ("variables: { A: 1, B: true, C: 1.10, D: text, E: \"\" }\nj: { script: x }", "A=1 B=true C=1.10 D=text E="),
        ("variables: { A: { value: x, expand: false, description: d, options: [x, y] } }\nj: { script: x }", "A!=x"),
        ("variables: { A: { description: d } }\nj: { script: x }", "A="),
        ("variables: { A: 1, B: 2 }\nj: { script: x, variables: { C: 3, A: { value: 4 } } }", "A=4 B=2 C=3"),
        ("variables: { A: 1 }\nj: { script: x, variables: { B: 2 }, inherit: { variables: false } }", "B=2"),
        ("variables: { A: 1, B: 2 }\nj: { script: x, inherit: { variables: [B] } }", "B=2"),
        ("variables: { A: 1, B: 2 }\nj: { script: x, variables: { A: 3 }, inherit: { variables: [B] } }", "B=2 A=3"),
        (".a: { variables: { A: 1, B: 2 } }\nj: { extends: .a, script: x, variables: { B: 3, C: 4 } }", "A=1 B=3 C=4"),
        (
            ".a: { variables: { A: { value: 1, expand: no } } }\nj: { extends: .a, script: x, variables: { A: { value: 2 } } }",
            "A!=2",
        ),
        (".a: { variables: { A: 1 } }\nj: { extends: .a, script: x, variables: null }", ""),
        (".a: { variables: { A: 1 } }\nj: { script: x, variables: !reference [.a, variables] }", "A=1"),
        (".a: { variables: { A: 1 } }\nj: { script: x, variables: { B: !reference [.a, variables, A] } }", "B=1"),
        ("variables:\nj: { script: x }", ""),
    ] {
        check_variables(text, expected);
    }
}

#[test]
fn variables_expand() {
    let pipeline = load(&[(
        ".gitlab-ci.yml",
        "variables: { ROOT: /src, RAW: { value: $ROOT, expand: false } }\n\
         j: { script: x, variables: { OUT: \"$ROOT/out$$1 $RAW\" } }",
    )]);
    let job = pipeline.job("j").expect("there");
    let variables: Vec<Variable> = job.variables().into_iter().map(Variable::from).collect();
    let expanded = expand(&variables).expect("small");
    assert_eq!(expanded[2], ("OUT".to_owned(), "/src/out$1 $ROOT".to_owned()));
}

#[test]
fn stages_order_jobs() {
    let text = "deploy: { stage: deploy, script: x }\nlast: { stage: .post, script: x }\nunit: { script: x }\n\
                first: { stage: .pre, script: x }\nbuild: { stage: build, script: x }\nlint: { script: x }\n.t: [x]\n";
    let pipeline = load(&[("p.yml", text)]);
    let names: Vec<_> = pipeline.jobs().iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["first", "build", "unit", "lint", "deploy", "last"]);
    assert_eq!(pipeline.stages(), [".pre", "build", "test", "deploy", ".post"]);
    assert!(pipeline.warnings().is_empty());

    let pipeline =
        load(&[("p.yml", "stages: [b, .post, a, b]\nj: { stage: a, script: x }\ni: { stage: b, script: x }")]);
    assert_eq!(pipeline.stages(), [".pre", "b", "a", ".post"]);
    assert_eq!(pipeline.jobs()[0].name, "i");
}

#[test]
fn keywords_without_meaning_are_listed() {
    let text = "image: ruby\nworkflow: { rules: [] }\ndefault: { tags: [x], retry: 1, before_script: b }\n\
                j: { script: x, rules: [], tags: [y], needs: [], when: manual, cache: null }\n\
                r: { run: [], inherit: { default: [before_script] } }\n";
    let pipeline = load(&[("p.yml", text)]);
    let listed = |name: &str| {
        let job = pipeline.job(name).expect("there");
        let listed: Vec<String> = job
            .not_honoured
            .iter()
            .map(|(key, place)| format!("{key} {}", place.source.line_column(place.span.start).0))
            .collect();
        listed.join(", ")
    };
    assert_eq!(listed("j"), "needs 4, rules 4, when 4, tags 4, image 1, retry 3, workflow 2");
    assert_eq!(listed("r"), "before_script 3, workflow 2");
}

#[test]
fn files_are_merged() {
    let main = "include:\n  - ci/a.yml\n  - local: /ci/b.yml\nvariables: { X: main }\nj: { stage: build }\n";
    let a = "variables: { X: a, Y: a, Z: a }\n.t: { after_script: z }\nj: { script: a, extends: .t }\n";
    let b = "include: ci/c.yml\nvariables: { Y: b }\nj: { script: [b] }\n";
    let c = "variables: { Z: c }\nk: { script: k }\n";
    let pipeline = load(&[(".gitlab-ci.yml", main), ("ci/a.yml", a), ("ci/b.yml", b), ("ci/c.yml", c)]);
    let job = pipeline.job("j").expect("there");
    assert_eq!((work(job).as_str(), variables(job).as_str()), ("b | z", "X=main Y=b Z=c"));
    assert_eq!(job.place.to_string(), ".gitlab-ci.yml:5:1");
    assert_eq!(pipeline.job("k").expect("there").place.to_string(), "ci/c.yml:2:1");
    assert_eq!(pipeline.source().name(), ".gitlab-ci.yml");
}

#[test]
fn the_last_include_of_a_file_wins_and_it_is_read_once() {
    let mut asked = Vec::new();
    let mut include = |path: &str| {
        asked.push(path.to_owned());
        Ok(match path {
            "*.yml" => vec![Source::new("a.yml", "j: { script: a }"), Source::new("b.yml", "j: { script: b }")],
            path => vec![Source::new(path, "j: { script: a }")],
        })
    };
    let main = "include: ['*.yml', a.yml, '*.yml', a.yml]";
    let pipeline = Pipeline::load(Source::new("p.yml", main), &mut include).expect("sound");
    assert_eq!(work(&pipeline.jobs()[0]), "a");
    assert_eq!(pipeline.source().text().matches("script").count(), 2);
    assert_eq!(asked, ["*.yml", "a.yml"]);
}

#[test]
fn includes_that_are_not_followed() {
    let text = "include:\n  - https://example.com/x.yml\n  - { project: g/p, file: [a.yml, b.yml], ref: main }\n  \
                - template: Jobs/Build.gitlab-ci.yml\n  - component: example.com/g/c@1\n  - local: a.yml\n    inputs: { x: 1 }\n  \
                - local: $WHERE/a.yml\n  - local: b.yml\n    rules: [ { exists: [ x ] } ]\n\
                j: { extends: .elsewhere, stage: unknown }\n\
                k: { extends: .elsewhere, script: x }\nl: { script: [ x, !reference [.elsewhere, script] ] }\n";
    let pipeline = load(&[("p.yml", text), ("b.yml", "b: { script: b }")]);
    let warnings = summary(pipeline.warnings());
    assert_eq!(
        warnings[0],
        "warning include-not-followed 2 https://example.com/x.yml: includes that are not followed: remote: \
         https://example.com/x.yml, project: g/p, template: Jobs/Build.gitlab-ci.yml, component: example.com/g/c@1, \
         local: a.yml (with inputs), local: $WHERE/a.yml (with a variable) [not followed]"
    );
    assert_eq!(
        warnings[1],
        "warning not-honoured 10 rules: `rules` of an include are not evaluated [the file is included in any case]"
    );
    assert_eq!(work(pipeline.job("j").expect("there")), "NotIncluded");
    // Its own commands are all there, or a part of them is missing.
    assert_eq!(work(pipeline.job("k").expect("there")), "x");
    assert_eq!(work(pipeline.job("l").expect("there")), "NotIncluded");
    assert_eq!(
        summary(&pipeline.job("j").expect("there").warnings),
        ["warning unknown-stage 11 unknown: there is no stage `unknown` [not among `stages`]"]
    );
    let missing = pipeline.find("lint").expect_err("not there");
    let help = missing.help.expect("help");
    assert!(help.starts_with("jobs of this pipeline: `b`, `k`, `l`, `j`; it may stand in an include"), "{help}");
    assert!(matches!(pipeline.job("j").expect("there").work, PipelineWork::Nothing(NoWork::NotIncluded)));
}

#[test]
fn jobs_that_are_asked_for() {
    let pipeline = load(&[("p.yml", "build: { script: x }\ntest: { script: x }\n.t: { script: x }")]);
    assert_eq!(pipeline.find("build").expect("there").name, "build");
    let help = |name: &str| pipeline.find(name).expect_err("not there").help.expect("help");
    assert_eq!(pipeline.find("biuld").expect_err("not there").to_string(), "there is no job `biuld`");
    assert_eq!(help("biuld"), "did you mean `build`? jobs of this pipeline: `build`, `test`");
    assert_eq!(
        help(".t"),
        "a name that begins with a dot is a template for other jobs; jobs of this pipeline: `build`, `test`"
    );
}

#[test]
fn steps_stand_in_their_own_file() {
    let files = [
        ("p.yml", "include: a.yml\nj: { extends: .r, stage: build }"),
        ("a.yml", ".r:\n  run:\n    - name: a\n      func: ./é\n"),
    ];
    let pipeline = load(&files);
    let PipelineWork::Run(Job { source, steps, .. }) = &pipeline.jobs()[0].work else { panic!("steps") };
    let StepAction::Function { reference, .. } = &steps[0].action else { panic!("a function") };
    let place = stepwell_schema::Place::new(source.clone(), reference.span);
    assert_eq!(place.to_string(), "a.yml:4:13");
    assert_eq!(&place.source.text()[place.span.start..place.span.end], "./é");
    assert_eq!(source.line_column(reference.span.start), (4, 13));
}

#[test]
fn shell_text() {
    let text = "j:\n  before_script: [\"echo 'a b'\", ' ']\n  script:\n    - |\n      first '; rm -rf /\n      second\n    - echo ${{ x }}\n  after_script: [z]";
    let pipeline = load(&[("p.yml", text)]);
    let PipelineWork::Script(script) = &pipeline.jobs()[0].work else { panic!("a script") };
    let options = "if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi\nset -e\n";
    let expected = format!(
        "{options}printf '%s\\n' '$ echo '\\''a b'\\'''\necho 'a b'\necho\n\nprintf '%s\\n' '$ first '\\''; rm -rf / # \
         collapsed multi-line command'\nfirst '; rm -rf /\nsecond\nprintf '%s\\n' '$ echo ${{{{ x }}}}'\necho ${{{{ x }}}}\n"
    );
    assert_eq!(script.main_script(), expected);
    assert_eq!(script.after_script(), Some(format!("{options}printf '%s\\n' '$ z'\nz\n")));

    let job = script.job();
    let StepAction::Script(step) = &job.steps[0].action else { panic!("a script") };
    assert_eq!((job.steps[0].name.value.as_str(), &step.value), ("script", &literal(&expected)));
    assert!(step.value.contains("echo \\${{ x }}"));
    assert_eq!((job.steps[1].name.value.as_str(), job.steps[1].when), ("after_script", When::Afterwards));
    let PipelineWork::Script(bare) = &pipeline_job("j: { script: x }").work else { panic!("a script") };
    assert!(bare.after_script().is_none() && bare.job().steps.len() == 1);
}

fn pipeline_job(text: &str) -> PipelineJob {
    load(&[("p.yml", text)]).jobs()[0].clone()
}

#[test]
fn texts_are_recognised() {
    let check = |name: &str, text: &str, expected: bool| {
        assert_eq!(is_pipeline(&Source::new(name, text)), expected, "{text}");
    };
    check("x/.gitlab-ci.yml", "", true);
    check("build.gitlab-ci.yml", "run: []", true);
    for text in [
        "stages: [a]\n",
        "# run:\nbuild:\n  script: make\n",
        "\"my job\":\n    stage: x\n    run:\n      - name: a\n",
        "j:\n  extends: .x\n",
        "include: a.yml\n",
        "default:\n  image: x\n",
    ] {
        check("p.yml", text, true);
    }
    for text in [
        "",
        "run:\n  - name: a\n    script: x\n",
        "- name: a\n  script: x\n",
        "{}\n---\nrun:\n- name: a\n  script: x\n",
        "spec:\n---\nexec:\n  command: [x]\n",
        "spec:\n  inputs: {}\n---\nrun:\n  - name: a\n    script: x\n",
        "wasm: { module: x }",
        "{ \"run\": [] }",
        "[\n",
        "text: x\n",
        "variables: {}\nrun: []\n",
    ] {
        check("p.yml", text, false);
    }
}

/// A pipeline with one stretch replaced, in two files.
fn mutated() -> impl Strategy<Value = (String, String)> {
    const MAIN: &str = "include: [a.yml, { template: x }]\nstages: [a, b]\nvariables: { A: $B, B: { value: 1, expand: no } }\n\
                        .t: &t { script: [x, !reference [.u, script]] }\nj: { extends: [.t, .u], stage: a, <<: *t }\n\
                        r:\n  run:\n    - { name: one, func: ./x, inputs: { a: !reference [.u, x] } }\n";
    const OTHER: &str =
        ".u: { script: [[u]], x: { y: 1 }, extends: .v }\n.v: { stage: b, variables: { C: 1 } }\ninclude: b.yml\n";
    let piece = prop::sample::select(vec![
        "",
        "!reference [.u]",
        "!reference [j, script]",
        "extends: j",
        ".t",
        ".u",
        "null",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "\n",
        "  ",
        "- ",
        "a.yml",
        "script",
        "run: ",
        "*t",
        "&t ",
        "é",
        "variables",
        "include: p.yml\n",
        "stage: c",
    ]);
    (any::<bool>(), any::<prop::sample::Index>(), 0_usize..12, prop::collection::vec(piece, 0..3)).prop_map(
        |(in_main, at, length, pieces)| {
            let replace = |text: &str| {
                let start = at.index(text.len());
                let end = (start + length).min(text.len());
                format!("{}{}{}", &text[..start], pieces.concat(), &text[end..])
            };
            if in_main { (replace(MAIN), OTHER.to_owned()) } else { (MAIN.to_owned(), replace(OTHER)) }
        },
    )
}

fn check_places(problems: &Problems) -> Result<(), TestCaseError> {
    for label in problems.iter().flat_map(|problem| &problem.labels) {
        let span = label.place.span;
        let underlined = label.place.source.text().get(span.start..span.end);
        prop_assert!(underlined.is_some_and(|text| !text.contains('\n')), "{:?}", label);
    }
    Ok(())
}

/// A mapping of mappings of texts and lists.
fn any_mapping() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
    let members = prop::collection::btree_map("[a-d]", "[xyz]|\\[[xyz]\\]", 0..4);
    prop::collection::btree_map("[a-c]", members, 0..4)
        .prop_map(|outer| outer.into_iter().map(|(key, inner)| (key, inner.into_iter().collect())).collect())
}

fn written(mapping: &[(String, Vec<(String, String)>)]) -> String {
    let inner = |members: &[(String, String)]| {
        members.iter().map(|(key, value)| format!("{key}: {{ value: '{value}' }}")).collect::<Vec<_>>().join(", ")
    };
    mapping.iter().map(|(key, members)| format!(".{key}: {{ variables: {{ {} }} }}\n", inner(members))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_pipelines((main, other) in mutated()) {
        let mut include = |path: &str| match path {
            "a.yml" => Ok(vec![Source::new("a.yml", other.clone())]),
            "p.yml" => Ok(vec![Source::new("p.yml", main.clone())]),
            _ => Ok(vec![Source::new(path, ".w: { script: w }\n")]),
        };
        match Pipeline::load(Source::new("p.yml", main.clone()), &mut include) {
            Ok(pipeline) => {
                check_places(pipeline.warnings())?;
                for job in pipeline.jobs() {
                    check_places(&job.warnings)?;
                    prop_assert!(job.warnings.iter().all(|warning| warning.severity == Severity::Warning));
                }
            }
            Err(problems) => {
                prop_assert!(problems.has_errors());
                check_places(&problems)?;
            }
        }
    }

    #[test]
    fn merging_keeps_every_key_and_the_later_value(below in any_mapping(), above in any_mapping()) {
        let jobs = "a: { extends: .a, script: x }\nb: { extends: .b, script: x }\nc: { extends: .c, script: x }\n";
        let bare = ".a: {}\n.b: {}\n.c: {}\n";
        let main = format!("include: [bare.yml, below.yml]\n{}{jobs}", written(&above));
        let pipeline = pipeline_of(&[("p.yml", &main), ("bare.yml", bare), ("below.yml", &written(&below))]).expect("sound");
        for job in pipeline.jobs() {
            let of = |mapping: &[(String, Vec<(String, String)>)]| -> Vec<(String, String)> {
                mapping.iter().find(|(key, _)| *key == job.name).map(|(_, members)| members.clone()).unwrap_or_default()
            };
            let mut expected: std::collections::BTreeMap<String, String> = of(&below).into_iter().collect();
            expected.extend(of(&above));
            let found: std::collections::BTreeMap<String, String> =
                job.variables().iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn any_text_is_no_panic(text in any::<String>()) {
        if let Err(problems) = pipeline(&text) {
            check_places(&problems)?;
        }
    }
}
