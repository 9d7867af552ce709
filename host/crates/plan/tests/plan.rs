//! Plans of small documents, over a resolver of files in memory.

#[cfg(test)]
mod support;

use std::fmt::Write as _;
use std::path::Path;

use stepwell_expr::{Marked, Values};
use stepwell_plan::{
    Deferred, MAX_DEPTH, NeedsState, Pinning, Plan, PlanOptions, PlannedAction, PlannedDefinition, Resolver as _,
    Target, code, load_function,
};
use stepwell_policy::{Policy, Verdict};
use stepwell_schema::{Digest, Reference, Source};
use support::{Files, WORK_DIR, check_problems, check_warnings, plan_of, plan_with};

const GREET: (&str, &str) = (
    "greet/func.yml",
    "spec:
  inputs:
    message: { type: string }
    count: { type: number, default: 1 }
  outputs:
    said: { type: string }
---
exec: { command: [echo, '${{ inputs.message }}'] }
",
);

const PACK: (&str, &str) = (
    "pack/func.yml",
    "spec:
  inputs:
    from: { type: array }
    to: { type: string }
  needs:
    read: ['${{ inputs.from }}']
    write: [{ path: '${{ inputs.to }}', bytes: 2GiB, files: 100 }]
---
wasm: { module: pack.wasm }
",
);
const PACK_MODULE: (&str, &str) = ("pack/pack.wasm", "\0asm");

#[test]
fn steps_are_pinned_to_their_functions() {
    let plan = check_warnings(
        "run:\n- name: a\n  step: ./greet\n  inputs: { message: hi }\n- name: b\n  script: echo ${{ steps.a.outputs.said }}\n",
        &[GREET],
        &[],
    );
    let function = plan.root.steps[0].pinned().unwrap();
    assert_eq!(function.resolved.digest, Digest::of(GREET.1.as_bytes()));
    assert!(matches!(function.definition, PlannedDefinition::Exec { .. }));
    assert!(matches!(&plan.root.steps[1].action, PlannedAction::Script(_)));
    assert_eq!(plan.functions.len(), 1);
}

#[test]
fn one_function_is_loaded_once() {
    // The resolver refuses to be asked twice.
    let mut job = "run:\n".to_owned();
    for index in 0..1000 {
        write!(job, "- name: s{index}\n  step: ./greet\n  inputs: {{ message: hi }}\n").unwrap();
    }
    let plan = check_warnings(&job, &[GREET], &[]);
    assert_eq!(plan.root.steps.len(), 1000);
    assert_eq!(plan.functions.len(), 1);
}

#[test]
fn inputs_are_held_against_the_function() {
    check_problems(
        "run:\n- name: a\n  step: ./greet\n  inputs: { mesage: hello }\n",
        &[GREET],
        &[
            "missing-input: input `message` required, but not defined | job.yml:2:9 `a` `./greet` needs it | \
             greet/func.yml:3:5 `message` declared here, without default",
            "unknown-input: function `./greet` has no input `mesage` | job.yml:4:13 `mesage` did you mean `message`? | \
             greet/func.yml:3:5 `message` declared here",
        ],
    );
    check_problems(
        "run:\n- name: a\n  step: ./greet\n  inputs: { message: [a], count: '3' }\n",
        &[GREET],
        &[
            "input-type: input `message` must be string, not array | job.yml:4:22 `[a]` this is array | \
             greet/func.yml:3:5 `message` declared as string here",
            "input-type: input `count` must be number, not string | job.yml:4:34 `'3'` this is string | \
             greet/func.yml:4:5 `count` declared as number here | help: without quotes `3` may be what you mean",
        ],
    );
}

#[test]
fn numbers_and_truth_values_become_text() {
    for value in ["3", "true", "'${{ vars.X }}'", "'${{ 5 }}'", "null"] {
        check_warnings(&format!("run:\n- name: a\n  step: ./greet\n  inputs: {{ message: {value} }}\n"), &[GREET], &[]);
    }
}

#[test]
fn all_mistakes_come_together_in_order() {
    check_problems(
        "env: { A: '${{ 1 + }}' }
run:
- name: build
  script: echo ${{ steps.later.outputs.x }}
- name: test
  script: echo
- name: a
  step: ./greet
  inputs: { message: \"release ${{ steps.buidl.outputs.id }}\" }
- name: later
  step: builtin://archiv
",
        &[GREET, ("builtin://archive", "spec:\n---\nexec: { command: [tar] }\n")],
        &[
            "expression: expected a value, found `}` | job.yml:1:20 `}` ",
            "not-found: `steps.later.outputs.x`: the \"later\" was not found | job.yml:4:20 `steps.later.outputs.x` \
             no step of this list comes before",
            "not-found: `steps.buidl.outputs.id`: the \"buidl\" was not found | job.yml:9:35 `steps.buidl.outputs.id` \
             earlier steps: build, test | help: did you mean `build`?",
            "unknown-function: distributed step \"archiv\" not found | job.yml:11:9 `builtin://archiv` \
             built-in functions: archive | help: did you mean `archive`?",
        ],
    );
}

#[test]
fn outputs_that_a_step_does_not_have() {
    let job = |path: &str| {
        format!(
            "run:\n- name: a\n  step: ./greet\n  inputs: {{ message: hi }}\n- name: s\n  script: x\n- name: b\n  script: {path}\n"
        )
    };
    for fine in [
        "${{ steps.a.outputs.said }}",
        "${{ steps.a.outputs }}",
        "${{ steps.a }}",
        "${{ steps }}",
        "${{ steps.a.outputs[vars.X] }}",
    ] {
        check_warnings(&job(fine), &[GREET], &[]);
    }
    check_problems(
        &job("${{ steps.a.outputs.sad }}"),
        &[GREET],
        &["not-found: `steps.a.outputs.sad`: the \"sad\" was not found | job.yml:8:15 `steps.a.outputs.sad` \
           outputs: said | help: did you mean `said`?"],
    );
    check_problems(
        &job("${{ steps.s.outputs.x }}"),
        &[GREET],
        &["not-found: `steps.s.outputs.x`: the \"x\" was not found | job.yml:8:15 `steps.s.outputs.x` \
           a script has no outputs"],
    );
    check_problems(
        &job("${{ steps.a.status }}"),
        &[GREET],
        &[
            "not-found: `steps.a.status`: the \"status\" was not found | job.yml:8:15 `steps.a.status` a step has: outputs",
        ],
    );
}

#[test]
fn undeclared_inputs_in_a_function() {
    check_problems(
        "run:\n- name: a\n  step: ./f\n- name: b\n  script: ${{ inputs.x }}\n",
        &[(
            "f/func.yml",
            "spec:\n  inputs: { name: { type: string, default: x } }\n---\nexec: { command: [echo, '${{ inputs.nam }}'] }\n",
        )],
        &[
            "not-found: `inputs.x`: the \"x\" was not found | job.yml:5:15 `inputs.x` a job has no inputs",
            "not-found: `inputs.nam`: the \"nam\" was not found | f/func.yml:4:30 `inputs.nam` inputs: name | \
             help: did you mean `name`?",
        ],
    );
}

#[test]
fn nested_lists_and_relative_references() {
    let plan = check_warnings(
        "run:\n- name: out\n  step: ./outer\n",
        &[
            ("outer/func.yml", "spec:\n---\nrun:\n- name: in\n  step: ../inner\n"),
            ("inner/func.yml", "spec:\n---\nexec: { command: [x] }\n"),
        ],
        &[],
    );
    assert_eq!(plan.root.extent().steps, 2);
    assert_eq!(plan.root.extent().depth, 2);
    let references: Vec<&str> =
        plan.functions.iter().map(|function| function.resolved.origin.reference.as_str()).collect();
    assert_eq!(references, ["./inner", "./outer"]);
}

#[test]
fn a_function_that_reaches_itself() {
    check_problems(
        "run:\n- name: a\n  step: ./a\n",
        &[
            ("a/func.yml", "spec:\n---\nrun:\n- name: b\n  step: ../b\n"),
            ("b/func.yml", "spec:\n---\nrun:\n- name: a\n  step: ../a\n"),
        ],
        &["cycle: function `./a` reaches itself: ./a → ./b → ./a | b/func.yml:5:9 `../a` \
           leads back to a function that is already on the way"],
    );
    check_problems(
        "run:\n- name: a\n  step: ./a\n",
        &[("a/func.yml", "spec:\n---\nrun:\n- name: a\n  step: .\n")],
        &["cycle: function `./a` reaches itself: ./a → ./a | a/func.yml:5:9 `.` \
           leads back to a function that is already on the way"],
    );
}

/// Makes a chain of functions, each in a folder of its own, the last one a command.
fn chain(length: usize) -> Vec<(String, String)> {
    (0..length)
        .map(|index| {
            let text = if index + 1 == length {
                "spec:\n---\nexec: { command: [x] }\n".to_owned()
            } else {
                format!("spec:\n---\nrun:\n- name: n\n  step: ../f{}\n", index + 1)
            };
            (format!("f{index}/func.yml"), text)
        })
        .collect()
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

#[test]
fn depth_has_a_limit() {
    let job = "run:\n- name: n\n  step: ./f0\n";
    check_warnings(job, &borrowed(&chain(MAX_DEPTH)), &[]);
    let too_deep = chain(MAX_DEPTH + 1);
    check_problems(
        job,
        &borrowed(&too_deep),
        &["too-deep: functions are nested deeper than 50 levels | f49/func.yml:5:9 `../f50` this one is too deep"],
    );
    // Reached from less deep first, the chain itself is fine.
    check_problems(
        "run:\n- name: short\n  step: ./f1\n- name: long\n  step: ./f0\n",
        &borrowed(&too_deep),
        &["too-deep: functions are nested deeper than 50 levels | f0/func.yml:5:9 `../f1` this one is too deep"],
    );
}

#[test]
fn the_number_of_steps_has_a_limit() {
    // Each level doubles the number; none is loaded twice.
    let mut files: Vec<(String, String)> = (0..20)
        .map(|index| {
            let next = index + 1;
            let text = format!("spec:\n---\nrun:\n- name: a\n  step: ../f{next}\n- name: b\n  step: ../f{next}\n");
            (format!("f{index}/func.yml"), text)
        })
        .collect();
    files.push(("f20/func.yml".to_owned(), "spec:\n---\nexec: { command: [x] }\n".to_owned()));
    check_problems(
        "run:\n- name: n\n  step: ./f0\n",
        &borrowed(&files),
        &["too-many-steps: the job has more than 100000 steps, those of nested functions counted | job.yml:2:9 `n` \
           the list that starts with `n`"],
    );
}

#[test]
fn dynamic_and_missing_references_are_pinned_when_reached() {
    let plan = check_warnings(
        "run:\n- name: a\n  step: ./${{ vars.X }}\n- name: b\n  step: ./made\n  inputs: { x: 1 }\n- name: c\n  script: ${{ steps.b.outputs.y }}\n",
        &[],
        &["not-there-yet: no function file in `/job/made`: `func.yml` not found | job.yml:5:9 `./made` \
           nothing is there now; it is looked for again when the step is reached"],
    );
    let deferred: Vec<&Deferred> = plan
        .root
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            PlannedAction::Function { target: Target::WhenReached(deferred), .. } => Some(deferred),
            _ => None,
        })
        .collect();
    assert_eq!(
        deferred,
        [&Deferred::Dynamic, &Deferred::NotThere("no function file in `/job/made`: `func.yml` not found".to_owned())]
    );
}

#[test]
fn git_and_oci_are_refused() {
    check_problems(
        "run:\n- name: a\n  step: example.com/group/project@v1\n- name: b\n  step: example.com/group/image:1\n",
        &[],
        &[
            "unsupported-reference: git references are not supported by this version | job.yml:3:9 \
             `example.com/group/project@v1` ",
            "unsupported-reference: OCI references are not supported by this version | job.yml:5:9 \
             `example.com/group/image:1` ",
        ],
    );
}

#[test]
fn problems_of_a_function_file_come_once() {
    let problems = plan_of(
        "run:\n- name: a\n  step: ./f\n- name: b\n  step: ./f\n- name: c\n  script: ${{ x }}\n",
        &[("f/func.yml", "spec:\n---\nexec: { command: [] }\n")],
    )
    .unwrap_err();
    let places: Vec<&str> = problems.iter().map(|problem| problem.labels[0].place.source.name()).collect();
    assert_eq!(places, ["job.yml", "f/func.yml"]);
}

#[test]
fn the_built_in_script_is_a_script() {
    for prefix in ["builtin", "dist"] {
        let plan = check_warnings(
            &format!("run:\n- name: a\n  step: {prefix}://script\n  inputs: {{ script: 'echo ${{{{ vars.X }}}}' }}\n"),
            &[],
            &[],
        );
        let PlannedAction::Script(script) = &plan.root.steps[0].action else { panic!("no script") };
        assert_eq!(script.text(), "echo ${{ vars.X }}");
    }
    check_problems(
        "run:\n- name: a\n  step: builtin://script\n  inputs: { scrip: x }\n- name: b\n  step: builtin://script\n  inputs: { script: [x] }\n",
        &[],
        &[
            "missing-input: input `script` required, but not defined | job.yml:3:9 `builtin://script` \
             `builtin://script` needs it",
            "unknown-input: function `builtin://script` has no input `scrip` | job.yml:4:13 `scrip` inputs: script",
            "input-type: input `script` must be string, not array | job.yml:7:21 `[x]` ",
        ],
    );
}

#[test]
fn scripts_that_write_where_nobody_reads() {
    check_warnings(
        "run:\n- name: a\n  step: ./f\n",
        &[("f/func.yml", "spec:\n---\nrun:\n- name: s\n  script: echo x >> ${{ export_file }}\n")],
        &["unread-file: what a script writes to `export_file` is lost | f/func.yml:5:25 `export_file`  | \
           help: a function with `exec` can hand over outputs and exports; a script cannot"],
    );
}

#[test]
fn modules_and_their_digests() {
    let text = |sha256: &str| format!("spec:\n---\nwasm: {{ module: m.wasm, sha256: '{sha256}' }}\n");
    let job = "run:\n- name: a\n  step: ./f\n";
    let digest = Digest::of(b"\0asm");
    let plan = check_warnings(job, &[("f/func.yml", &text(&digest.hex())), ("f/m.wasm", "\0asm")], &[]);
    let module = plan.functions[0].module().unwrap();
    assert_eq!((module.name.as_str(), module.digest, &*module.bytes), ("m.wasm", digest, &b"\0asm"[..]));

    let other = Digest::of(b"other");
    let problems = plan_of(job, &[("f/func.yml", &text(&other.hex())), ("f/m.wasm", "\0asm")]).unwrap_err();
    assert_eq!(problems.0.len(), 1);
    assert_eq!(problems.0[0].code, code::INTEGRITY);
    assert_eq!(problems.0[0].message, format!("module `m.wasm` has the digest {digest}, not {other}"));

    check_warnings(
        job,
        &[("f/func.yml", "spec:\n---\nwasm: { module: m.wasm }\n")],
        &["not-there-yet: module `m.wasm` of `./f` not found | job.yml:3:9 `./f` \
           nothing is there now; it is looked for again when the step is reached"],
    );
}

/// Checks the needs of the only call of a plan: one line each, those that are open with a question mark.
#[track_caller]
fn check_needs(job: &str, files: &[(&str, &str)], vars: &[(&str, &str)], expected: &[&str]) {
    let vars: Values = vars.iter().map(|(name, value)| ((*name).to_owned(), Marked::plain(*value))).collect();
    let plan = plan_with(job, &Files::new(files), &PlanOptions { vars, ..PlanOptions::default() })
        .unwrap_or_else(|problems| panic!("{problems}"));
    let [invocation] = plan.invocations.as_slice() else { panic!("{} calls", plan.invocations.len()) };
    let (known, open) = match &invocation.needs {
        NeedsState::Decided(known) => (known, &[][..]),
        NeedsState::WhenReached { known, open } => (known, open.as_slice()),
    };
    let lines: Vec<String> = known
        .decisions
        .iter()
        .map(ToString::to_string)
        .chain(open.iter().map(|capability| format!("? {capability}")))
        .collect();
    assert_eq!(lines, expected);
}

fn pack(from: &str, to: &str) -> String {
    format!("run:\n- name: p\n  step: ./pack\n  inputs: {{ from: {from}, to: {to} }}\n")
}

#[test]
fn needs_are_decided_where_all_is_known() {
    let files = &[PACK, PACK_MODULE];
    let write = "write dist 2 GiB, 100 files  allowed  workspace-write";
    check_needs(
        &pack("[src, docs]", "dist"),
        files,
        &[],
        &["read src  allowed  workspace-read", "read docs  allowed  workspace-read", write],
    );
    check_needs(&pack("[src, '', src]", "dist"), files, &[], &["read src  allowed  workspace-read", write]);
    check_needs(&pack("[]", "''"), files, &[], &[]);
    check_needs(&pack("['${{ vars.X }}']", "dist"), files, &[("X", "a")], &["read a  allowed  workspace-read", write]);
    check_needs(&pack("['${{ work_dir }}/a']", "dist"), files, &[], &["read /job/a  allowed  workspace-read", write]);
    check_needs(&pack("['${{ vars.X }}']", "dist"), files, &[], &[write, "? read ${{ inputs.from }}"]);
    check_needs(&pack("['${{ env.X }}']", "dist"), files, &[("X", "a")], &[write, "? read ${{ inputs.from }}"]);
    check_needs(&pack("[/etc]", "dist"), files, &[], &["read /etc  denied  no-rule", write]);
    check_needs(&pack("[dist/in]", "dist"), files, &[], &["read dist/in  denied  read-inside-write", write]);
}

#[test]
fn sensitive_paths_stay_out_of_the_plan() {
    let vars = Values::from([("X".to_owned(), Marked::sensitive("hidden"))]);
    let files = Files::new(&[PACK, PACK_MODULE]);
    let plan =
        plan_with(&pack("['${{ vars.X }}']", "dist"), &files, &PlanOptions { vars, ..PlanOptions::default() }).unwrap();
    assert!(matches!(&plan.invocations[0].needs, NeedsState::WhenReached { open, .. } if open.len() == 1));
    assert!(!plan.to_string().contains("hidden"));
}

#[test]
fn inputs_are_known_through_nested_functions() {
    let outer = (
        "outer/func.yml",
        "spec:\n  inputs: { target: { type: string, default: out } }\n---\nrun:\n- name: p\n  step: ../pack\n  inputs: { from: [src], to: '${{ inputs.target }}/x' }\n",
    );
    let files = &[PACK, PACK_MODULE, outer];
    let expected = |path: &str| format!("write {path} 2 GiB, 100 files  allowed  workspace-write");
    let read = "read src  allowed  workspace-read";
    check_needs("run:\n- name: o\n  step: ./outer\n", files, &[], &[read, &expected("out/x")]);
    check_needs("run:\n- name: o\n  step: ./outer\n  inputs: { target: 7 }\n", files, &[], &[read, &expected("7/x")]);
}

#[test]
fn fixed_needs() {
    let text = "spec:
  needs:
    read: [{ path: data, optional: true, reason: reads data }]
    env: [CI]
    http: [{ host: api.example.com, optional: true }]
    clock: real
    limits: { memory: 512MiB }
---
wasm: { module: m.wasm }
";
    check_needs(
        "run:\n- name: a\n  step: ./f\n",
        &[("f/func.yml", text), ("f/m.wasm", "\0asm")],
        &[],
        &[
            "read data  allowed  workspace-read",
            "env CI  allowed  env-by-name",
            "http api.example.com:443 GET HEAD  denied  no-policy",
            "clock real  allowed  clock",
            "limits memory 512 MiB  allowed  limits",
        ],
    );
}

#[test]
fn denials_are_found_before_anything_runs() {
    let plan = check_warnings(
        &format!("{}- name: q\n  step: ./pack\n  inputs: {{ from: [a], to: .. }}\n", pack("[/etc]", "'${{ env.X }}'")),
        &[PACK, PACK_MODULE],
        &[],
    );
    let denials: Vec<String> = plan.denials().map(|denial| format!("{} {}", denial.step(), denial.decision)).collect();
    assert_eq!(denials, ["p read /etc  denied  no-rule", "q write .. 2 GiB, 100 files  denied  no-rule"]);
    let place = plan.denials().next().unwrap().decision.request.place.clone().unwrap();
    assert_eq!(place.to_string(), "pack/func.yml:6:12");
    assert_eq!(plan.invocations[0].path, [(0, "p".to_owned())]);
}

#[test]
fn the_plan_for_people() {
    let plan = check_warnings(
        "run:
- name: pack
  step: ./pack
  inputs: { from: [guest-sdk], to: dist }
- name: outer
  step: ./outer
- name: verify
  script: sha256sum -c
- name: later
  step: ./${{ vars.X }}
- name: upload
  step: ./pack
  inputs: { from: [/etc], to: '${{ steps.pack.outputs }}' }
",
        &[
            PACK,
            PACK_MODULE,
            ("outer/func.yml", "spec:\n---\nrun:\n- name: hi\n  step: builtin://echo\n"),
            ("builtin://echo", "spec:\n---\nexec: { command: [echo] }\n"),
        ],
        &[],
    );
    let text = plan.to_string();
    let digests = |text: &str| {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("sha256:") {
            shown.push_str(&rest[..at + 7]);
            rest = &rest[at + 7 + 12..];
        }
        shown + rest
    };
    let expected = "\
job.yml                                    sha256:…
  pack    ./pack                           sha256:…
    read   guest-sdk                       allowed   workspace-read
    write  dist       2 GiB, 100 files     allowed   workspace-write
  outer   ./outer                          sha256:…
    hi  builtin://echo                     sha256:…   native, not confined   built in
  verify  script                           native, not confined
  later   ./${{ vars.X }}                  pinned when reached
  upload  ./pack                           sha256:…
    read   /etc                            denied    no-rule
    write  ${{ inputs.to }}  2 GiB, 100 files  decided when reached

1 need denied: this job would end before its first step
";
    let squeeze = |text: &str| {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(squeeze(&digests(&text)), squeeze(expected), "{text}");
    let columns: Vec<usize> = text
        .lines()
        .filter_map(|line| line.find("sha256:").or_else(|| line.find("allowed  ")).or_else(|| line.find("denied  ")))
        .collect();
    assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    assert_eq!(text, plan.to_string());
}

#[test]
fn control_characters_are_shown_escaped() {
    let plan = check_warnings("run:\n- name: a\n  step: \"./x\\e[2J${{ vars.X }}\"\n", &[], &[]);
    assert!(!plan.to_string().contains('\u{1b}'));
    assert!(plan.to_string().contains("./x\\u{1b}[2J"));
}

#[test]
fn the_plan_for_programs() {
    let plan = check_warnings(
        &format!("{}- name: s\n  script: x\n- name: d\n  step: ${{{{ vars.X }}}}\n", pack("[/etc]", "dist")),
        &[PACK, PACK_MODULE],
        &[],
    );
    let json = plan.to_json();
    assert_eq!(json["version"], 1);
    assert_eq!(json["job"]["name"], "job.yml");
    assert_eq!(json["job"]["digest"], plan.digest.to_string());
    assert_eq!(json["denials"], 1);
    let pack = &json["steps"][0];
    assert_eq!(pack["kind"], "wasm");
    assert_eq!(pack["reference"], "./pack");
    assert_eq!(pack["module"], Digest::of(b"\0asm").to_string());
    assert_eq!(pack["needs"][0]["verdict"], "denied");
    assert_eq!(pack["needs"][0]["place"], "pack/func.yml:6:12");
    assert_eq!(pack["needs"][1]["capability"]["path"], "dist");
    assert_eq!(json["steps"][1]["kind"], "script");
    assert_eq!(json["steps"][2]["because"], "expression");
    assert_eq!(json["functions"][0]["module"]["name"], "pack.wasm");
    assert_eq!(json.to_string(), plan.to_json().to_string());
}

#[test]
fn a_function_is_loaded_when_it_is_reached() {
    let files = Files::new(&[
        GREET,
        ("bad/func.yml", "spec:\n---\nexec: {}\n"),
        ("m/func.yml", "spec:\n---\nwasm: { module: m.wasm }\n"),
    ]);
    let resolve = |path: &str| {
        let base = stepwell_plan::Base::Folder(Path::new(WORK_DIR).to_owned());
        files.resolve(&Reference::File { path: path.to_owned() }, &base).unwrap()
    };
    let greet = load_function(resolve("./greet"), &files, Pinning::BeforeTheFirstStep).unwrap();
    assert_eq!(greet.kind(), "exec");
    assert!(greet.is_current(&files));
    files.change("greet/func.yml");
    assert!(!greet.is_current(&files));
    assert!(load_function(resolve("./bad"), &files, Pinning::BeforeTheFirstStep).unwrap_err().has_errors());
    let problems = load_function(resolve("./m"), &files, Pinning::BeforeTheFirstStep).unwrap_err();
    assert_eq!(problems.0[0].message, "module `m.wasm` of `./m` not found");
}

#[test]
fn a_changed_module_is_noticed() {
    let files = Files::new(&[PACK, PACK_MODULE]);
    let plan = plan_with(&pack("[src]", "dist"), &files, &PlanOptions::default()).unwrap();
    assert!(plan.functions[0].is_current(&files));
    files.change("pack/pack.wasm");
    assert!(!plan.functions[0].is_current(&files));
}

#[test]
fn requests_of_one_invocation() {
    use stepwell_expr::{Scope, StepOutputs};
    let files = Files::new(&[PACK, PACK_MODULE]);
    let plan = plan_with(&pack("[src]", "dist"), &files, &PlanOptions::default()).unwrap();
    let (none, steps) = (Values::new(), StepOutputs::new());
    let requests = |from: stepwell_schema::Value| {
        let inputs = Values::from([("from".to_owned(), from.into()), ("to".to_owned(), Marked::plain("dist"))]);
        let scope = Scope {
            env: &none,
            vars: &none,
            inputs: &inputs,
            steps: &steps,
            work_dir: WORK_DIR,
            func_dir: "/job/pack",
            output_file: None,
            export_file: None,
        };
        plan.functions[0]
            .requests(&scope)
            .map(|requests| requests.iter().map(|request| request.capability.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(requests("src".into()).unwrap(), ["read src", "write dist 2 GiB, 100 files"]);
    assert_eq!(requests(stepwell_schema::Value::Null).unwrap(), ["write dist 2 GiB, 100 files"]);
    let error = requests(true.into()).unwrap_err();
    assert_eq!(error.to_string(), "needs: `${{ inputs.from }}`: a path must be text or an array of texts, not boolean");
    assert_eq!(error.place.to_string(), "pack/func.yml:6:12");
}

#[test]
fn a_job_without_steps() {
    let plan = check_warnings("run: []\n", &[], &[]);
    assert!(plan.invocations.is_empty());
    assert_eq!(plan.denials().count(), 0);
    assert_eq!(plan.to_string().lines().count(), 1);
}

#[test]
fn decisions_carry_the_grants() {
    let files = Files::new(&[PACK, PACK_MODULE]);
    let plan = plan_with(&pack("[src]", "dist"), &files, &PlanOptions::default()).unwrap();
    let NeedsState::Decided(decisions) = &plan.invocations[0].needs else { panic!("not decided") };
    assert!(decisions.decisions.iter().all(|decision| decision.verdict == Verdict::Allowed));
    let roots: Vec<&str> = decisions.grants.roots.iter().map(|root| root.path.as_str()).collect();
    assert_eq!(roots, ["dist", "src"]);
}

#[test]
fn both_readings_of_an_older_path_are_left_to_the_run() {
    // There may be a variable `A-inputs`, and a step `a-steps`.
    for text in ["${{ env.A-inputs.x }}", "${{ steps.a-steps.b.outputs.y }}"] {
        let job = format!("run:\n- name: a\n  script: {text}\n");
        let plan = plan_of(&job, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(plan.root.steps.len(), 1);
    }
}

#[test]
fn what_stands_in_brackets_is_checked() {
    check_problems(
        "run:\n- name: a\n  script: ${{ vars[steps.x.outputs.y] }}\n",
        &[],
        &["not-found: `steps.x.outputs.y`: the \"x\" was not found | job.yml:3:20 `steps.x.outputs.y` \
           no step of this list comes before"],
    );
}

#[test]
fn the_number_of_needs_has_a_limit() {
    let many = |count: usize| vec!["a"; count].join(", ");
    let files =
        |count: usize| format!("spec:\n  needs: {{ read: [{}] }}\n---\nwasm: {{ module: m.wasm }}\n", many(count));
    let job = "run:\n- name: a\n  step: ./f\n";
    check_needs(job, &[("f/func.yml", &files(256)), ("f/m.wasm", "x")], &[], &["read a  allowed  workspace-read"]);
    let problems = plan_of(job, &[("f/func.yml", &files(257)), ("f/m.wasm", "x")]).unwrap_err();
    assert_eq!(problems.0[0].code, code::TOO_MANY_NEEDS);
    assert_eq!(problems.0[0].message, "a function may ask for at most 256 things");
    // Those of an input are counted by the run.
    let write = "write dist 2 GiB, 100 files  allowed  workspace-write";
    check_needs(
        &pack(&format!("[{}]", many(257)), "dist"),
        &[PACK, PACK_MODULE],
        &[],
        &[write, "? read ${{ inputs.from }}"],
    );
}

#[test]
fn places_in_scalars_that_are_not_verbatim() {
    // Escapes and folding move characters, so the whole scalar is underlined.
    check_problems(
        "run:\n- name: a\n  script: \"\\t${{ inputs.x }}\"\n- name: b\n  script: >\n    x ${{ inputs.x }}\n    y\n",
        &[],
        &[
            "not-found: `inputs.x`: the \"x\" was not found | job.yml:3:11 `\"\\t${{ inputs.x }}\"` a job has no inputs",
            "not-found: `inputs.x`: the \"x\" was not found | job.yml:6:5 `x ${{ inputs.x }}\n    y` \
             a job has no inputs",
        ],
    );
}

#[test]
fn what_nobody_reads_is_not_listed() {
    let mut job = "run:\n".to_owned();
    for index in 0..500 {
        write!(job, "- name: s{index}\n  script: ${{{{ inputs.x }}}}\n").unwrap();
    }
    let problems = plan_of(&job, &[]).unwrap_err();
    assert_eq!(problems.0.len(), 101);
    assert_eq!(problems.0[100].message, "only the first 100 problems are listed");
    // An error is listed behind however many warnings.
    let job = job.replace("inputs.x", "output_file") + "- name: last\n  script: ${{ inputs.x }}\n";
    let problems = plan_of(&job, &[]).unwrap_err();
    assert_eq!(problems.0.len(), 102);
    assert!(problems.has_errors());
}

/// The profile `hardened` with further policies.
fn hardened(text: &str) -> PlanOptions {
    let sources = [Policy::profile_source("hardened").expect("it is shipped"), Source::new("site.cedar", text)];
    let policy = Policy::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
    PlanOptions { policy: policy.into(), ..PlanOptions::default() }
}

#[test]
fn steps_that_may_not_run_are_found_before_anything_runs() {
    let job = "run:
- name: outer
  step: ./outer
- name: verify
  script: sha256sum -c
- name: later
  step: ./tool
  inputs: { program: '${{ env.X }}' }
- name: known
  step: ./tool
  inputs: { program: cargo }
";
    let files = Files::new(&[
        ("outer/func.yml", "spec: {}\n---\nrun:\n- name: inner\n  script: 'true'\n"),
        (
            "tool/func.yml",
            "spec: { inputs: { program: { type: string } } }\n---\nexec: { command: ['${{ inputs.program }}'] }\n",
        ),
    ]);
    let denials = |plan: &Plan| -> Vec<String> {
        plan.denials()
            .map(|denial| format!("{} {}: {}", denial.step(), denial.function_name(), denial.decision))
            .collect()
    };
    let plan = plan_with(job, &files, &hardened("")).unwrap();
    let expected = [
        "outer/inner script: exec sh  denied  no-policy",
        "verify script: exec sh  denied  no-policy",
        "known ./tool: exec cargo  denied  no-policy",
    ];
    assert_eq!(denials(&plan), expected);
    let shown = plan.to_string();
    assert!(shown.contains("\n    exec   sh     "), "{shown}");
    assert!(shown.ends_with("3 needs denied: this job would end before its first step\n"), "{shown}");
    let json = plan.to_json();
    assert_eq!(json["steps"][1]["acts"][0]["capability"]["program"], "sh");
    assert_eq!(json["steps"][0]["steps"][0]["acts"][0]["rule"], "no-policy");
    assert_eq!(json["steps"][2]["acts"][0]["verdict"], "allowed");

    // What the denials say to add is enough.
    let remedies: Vec<String> = plan
        .denials()
        .map(|denial| denial.decision.remedy.as_deref().unwrap().split_once('\n').unwrap().1.to_owned())
        .collect();
    let files = Files::new(&[
        ("outer/func.yml", "spec: {}\n---\nrun:\n- name: inner\n  script: 'true'\n"),
        (
            "tool/func.yml",
            "spec: { inputs: { program: { type: string } } }\n---\nexec: { command: ['${{ inputs.program }}'] }\n",
        ),
    ]);
    let plan = plan_with(job, &files, &hardened(&remedies.join("\n"))).unwrap();
    assert_eq!(denials(&plan), Vec::<String>::new());
}

#[test]
fn a_function_that_may_not_be_called_is_refused() {
    let files = Files::new(&[PACK, PACK_MODULE]);
    let options = hardened(
        "@id(\"no-pack\") forbid (principal, action == Action::\"run\", resource) when { resource.name like \"*pack\" };",
    );
    let plan = plan_with(&pack("[src]", "dist"), &files, &options).unwrap();
    let lines: Vec<String> = plan.denials().map(|denial| denial.decision.to_string()).collect();
    assert_eq!(lines, ["run ./pack  denied  no-pack"]);
    assert_eq!(plan.denials().next().unwrap().decision.decided_by.policies()[0].place.to_string(), "site.cedar:1:1");
}

#[test]
fn policies_see_the_tenant_and_the_job() {
    let files = || Files::new(&[PACK, PACK_MODULE]);
    let text = "@id(\"theirs\") forbid (principal, action == Action::\"write\", resource)\n\
        unless { principal.tenant == \"ours\" && principal.source == \"job.yml\" && context.function.name == \"./pack\" };";
    let denied = |tenant: &str| {
        let options = PlanOptions { tenant: tenant.to_owned(), ..hardened(text) };
        plan_with(&pack("[src]", "dist"), &files(), &options).unwrap().denials().count()
    };
    assert_eq!((denied("ours"), denied("others")), (0, 1));
}
