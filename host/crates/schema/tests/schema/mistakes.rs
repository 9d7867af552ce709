//! What is said about mistakes in documents.

use crate::support::{function, job, needs, summary};

#[track_caller]
fn check_function(text: &str, expected: &[&str]) {
    let problems = function(text).map_or_else(|problems| problems, |function| function.warnings);
    assert_eq!(summary(&problems), expected, "{text}");
    for problem in problems.iter() {
        assert!(stepwell_schema::code::ALL.contains(&problem.code));
        assert!(problem.help.is_some(), "{problem}");
    }
}

#[track_caller]
fn check_job(text: &str, expected: &[&str]) {
    let problems = job(text).map_or_else(|problems| problems, |job| job.warnings);
    assert_eq!(summary(&problems), expected, "{text}");
    assert!(problems.iter().all(|problem| problem.help.is_some()));
}

/// Checks a definition behind an empty specification.
#[track_caller]
fn check_definition(text: &str, expected: &[&str]) {
    check_function(&format!("{{}}\n---\n{text}"), expected);
}

#[test]
fn five_mistakes_are_five_problems() {
    check_function(
        "spec:\n  inputs:\n    message: { type: bool }\n    my-name: { type: string }\n  outputs:\n    \
         count: { type: number, default: many }\n---\nexec:\n  command: []\nenv:\n  A: [x]\n",
        &[
            "error unknown-type 3 bool: there is no type `bool` [did you mean `boolean`?]",
            "error invalid-name 4 my-name: `my-name` is no name for an input [`my_name` would be one]",
            "error default-type 6 many: the default of output `count` must be of type number, not string [this is of type string]",
            "error empty-value 9 []: `command` is empty [at least the program is needed]",
            "error wrong-shape 11 [x]: variable `A` must be a text, not a list [this is a list]",
        ],
    );
}

#[test]
fn documents() {
    check_function("", &["error wrong-documents 1 : the file is empty []"]);
    check_function(
        "spec: {}",
        &[
            "error wrong-documents 1 spec: {}: a function file has two documents, this one has one [the definition is missing behind it]",
        ],
    );
    check_function(
        "exec: { command: [x] }\n---\nspec: {}\n",
        &["error wrong-documents 3 spec: {}: the two documents are in the wrong order [this one comes first]"],
    );
    check_function(
        "{}\n---\nexec: { command: [x] }\n---\n[\n",
        &["warning wrong-documents 4 ---: documents behind the second are not read [ignored from here on]"],
    );
    check_function(
        "- a\n---\nexec: { command: [x] }\n",
        &["error wrong-shape 1 - a: the first document must be a mapping with `spec`, not a list [this is a list]"],
    );
    check_function(
        "specs: {}\n---\nexec: { command: [x] }\n",
        &["error unknown-key 1 specs: the specification has no key `specs` [did you mean `spec`?]"],
    );
}

#[test]
fn specification() {
    let exec = "---\nexec: { command: [x] }\n";
    for (text, expected) in [
        (
            "spec: { inputz: {}, description: x }",
            &["warning unknown-key 1 inputz: `spec` has no key `inputz` [did you mean `inputs`?]"][..],
        ),
        ("spec: { inputs: { a: } }", &["error missing-key 1 a: input `a` has no `type` [`type` is missing]"]),
        (
            "spec: { inputs: { a: { default: 1 } } }",
            &["error missing-key 1 a: input `a` has no `type` [`type` is missing]"],
        ),
        (
            "spec: { inputs: { a: { type: raw_string }, b: { type: list }, c: { type: [] } } }",
            &[
                "error unknown-type 1 raw_string: there is no type `raw_string` [did you mean `string`?]",
                "error unknown-type 1 list: there is no type `list` [did you mean `array`?]",
                "error wrong-shape 1 []: `type` must be the name of a type, not a list [this is a list]",
            ],
        ),
        (
            "spec: { inputs: { a: { type: string, default: 1 } } }",
            &[
                "error default-type 1 1: the default of input `a` must be of type string, not number [this is of type number]",
            ],
        ),
        (
            "spec: { inputs: { a: { type: string, default: ~, sensitive: no, kind: x } } }",
            &["warning unknown-key 1 kind: input `a` has no key `kind` [not known here, and ignored]"],
        ),
        (
            "spec: { inputs: { a: { type: string, sensitive: \"yes\" } } }",
            &[r#"error wrong-shape 1 "yes": `sensitive` must be a boolean, not a text [this is a text]"#],
        ),
        (
            "spec: { outputs: delegated }",
            &[
                "error wrong-shape 1 delegated: `outputs` must be a mapping, or the word `delegate`, not a text [this is a text]",
            ],
        ),
        (
            "spec: { inputs: [a] }",
            &["error wrong-shape 1 [a]: `inputs` must be a mapping, not a list [this is a list]"],
        ),
    ] {
        check_function(&format!("{text}\n{exec}"), expected);
    }
}

#[test]
fn definitions() {
    check_definition(
        "{}",
        &[
            "error missing-key 3 {}: the definition does not say what to do [one of `exec`, `run` and `wasm` is missing]",
        ],
    );
    check_definition(
        "exec: { command: [x] }\nrun: [ { name: a, script: x } ]",
        &["error conflicting-keys 4 run: `exec` and `run` cannot be in one definition [only one of them]"],
    );
    check_definition(
        "exec: { command: x }",
        &["error wrong-shape 3 x: `command` must be a list of texts, not a text [this is a text]"],
    );
    check_definition("exec: {}", &["error missing-key 3 {}: `exec` has no `command` [`command` is missing]"]);
    check_definition(
        "exec: { command: [x], workdir: y }\ntype: exec",
        &["warning unknown-key 3 workdir: `exec` has no key `workdir` [did you mean `work_dir`?]"],
    );
    check_definition(
        "exec: { command: [x] }\ntype: other\noutputs: {}\ndelegate: a",
        &[
            "warning unknown-key 4 type: the definition has no key `type` [not known here, and ignored]",
            "warning unused-key 5 outputs: `outputs` has no effect without `run` [ignored]",
            "warning unused-key 6 delegate: `delegate` has no effect without `run` [ignored]",
        ],
    );
    check_definition(
        "run: []",
        &["error empty-value 3 []: `run` has no steps [at least one step is needed in a function]"],
    );
    check_definition(
        "steps: [ { name: a, script: x } ]",
        &["warning renamed-key 3 steps: `steps` is the old name of `run` [write `run`]"],
    );
    check_definition(
        "steps: [ { name: a, script: x } ]\nrun: [ { name: a, script: x } ]",
        &["error conflicting-keys 3 steps: `run` and `steps` are two names of one key [leave this out]"],
    );
    check_definition(
        "exec: { command: [x] }\nenv: { a-b: 1 }",
        &["error invalid-name 4 a-b: `a-b` is no name for a variable [`a_b` would be one]"],
    );
}

#[test]
fn delegation() {
    check_definition(
        "run: [ { name: a, script: x } ]\ndelegate: a",
        &[
            "error delegate-mismatch 4 a: `delegate` needs `outputs: delegate` in the specification [its outputs would go nowhere]",
        ],
    );
    check_function(
        "spec: { outputs: delegate }\n---\nrun: [ { name: a, script: x } ]",
        &[
            "error delegate-mismatch 1 delegate: `outputs: delegate` needs `delegate` in the definition [of which step?]",
        ],
    );
    check_function(
        "spec: { outputs: delegate }\n---\nrun: [ { name: abc, script: x } ]\ndelegate: abd",
        &["warning delegate-mismatch 4 abd: no step of this list is called `abd` [did you mean `abc`?]"],
    );
    check_function(
        "spec: { outputs: delegate }\n---\nwasm: { module: a.wasm }",
        &[
            "error delegate-mismatch 1 delegate: a module cannot hand on the outputs of a step [only with `run` or `exec`]",
        ],
    );
    check_function("spec: { outputs: delegate }\n---\nexec: { command: [x] }", &[]);
}

#[test]
fn items() {
    for (item, expected) in [
        ("{ script: x }", &["error missing-key 3 { script: x }: this step has no `name` [`name` is missing]"][..]),
        ("{ name: a-b, script: x }", &["error invalid-name 3 a-b: `a-b` is no name for a step [`a_b` would be one]"]),
        (
            "{ name: a }",
            &[
                "error missing-key 3 { name: a }: this step says nothing to do [one of `func`, `step` and `script` is missing]",
            ],
        ),
        (
            "{ name: a, step: ./x, func: ./y }",
            &["error conflicting-keys 3 func: `step` and `func` cannot be in one step [only one of them]"],
        ),
        (
            "{ name: a, script: x, func: ./y }",
            &["error conflicting-keys 3 func: `script` and `func` cannot be in one step [only one of them]"],
        ),
        (
            "{ name: a, action: x }",
            &["error unsupported-step 3 action: actions are not supported [not supported here]"],
        ),
        (
            "{ name: a, run: [] }",
            &["error unsupported-step 3 run: a step cannot hold its own `run` [not supported here]"],
        ),
        (
            "{ name: a, exec: {} }",
            &["error unsupported-step 3 exec: a step cannot hold its own `exec` [not supported here]"],
        ),
        (
            "{ name: a, script: x, inputs: {} }",
            &["error conflicting-keys 3 inputs: a script has no inputs [cannot stand beside `script`]"],
        ),
        ("{ name: a, script: '' }", &["error empty-value 3 '': `script` is empty [a text is needed here]"]),
        (
            "{ name: a, func: x }",
            &[
                "error invalid-reference 3 x: `x` is not a reference: expected a path that starts with `.` or `/`, `builtin://NAME`, `host/project@revision`, or `registry/image:tag` [did you mean `./x`?]",
            ],
        ),
        (
            "{ name: a, func: { git: { url: u, rev: r }, oci: {} } }",
            &["error conflicting-keys 3 oci: `git` and `oci` cannot be in one reference [only one of them]"],
        ),
        (
            "{ name: a, func: {} }",
            &["error missing-key 3 {}: `func` has neither `git` nor `oci` [where does the function come from?]"],
        ),
        (
            "{ name: a, func: { git: { url: u } } }",
            &["error missing-key 3 { url: u }: `git` has no `rev` [`rev` is missing]"],
        ),
        (
            "{ name: a, func: { oci: { registry: r, repository: i, tag: t, folder: d } } }",
            &["warning unknown-key 3 folder: `oci` has no key `folder` [not known here, and ignored]"],
        ),
        (
            "{ name: a, func: [] }",
            &["error wrong-shape 3 []: `func` must be a text or a mapping, not a list [this is a list]"],
        ),
        (
            "{ name: a, func: ./x, inputs: { a-b: 1 } }",
            &["error invalid-name 3 a-b: `a-b` is no name for an input [`a_b` would be one]"],
        ),
        (
            "{ name: a, func: ./x, input: { a: 1 } }",
            &["warning unknown-key 3 input: this step has no key `input` [did you mean `inputs`?]"],
        ),
        ("x", &["error wrong-shape 3 x: a step must be a mapping, not a text [this is a text]"]),
    ] {
        check_definition(&format!("run: [ {item} ]"), expected);
    }
}

#[test]
fn wasm() {
    for (wasm, expected) in [
        ("{}", &["error missing-key 3 {}: `wasm` has no `module` [`module` is missing]"][..]),
        (
            "{ module: ../x.wasm }",
            &["error invalid-value 3 ../x.wasm: `../x.wasm` cannot be the path of a module [leaves the folder]"],
        ),
        (
            "{ module: /x.wasm }",
            &["error invalid-value 3 /x.wasm: `/x.wasm` cannot be the path of a module [is not relative]"],
        ),
        (
            "{ module: 'a\\b.wasm' }",
            &[r#"error invalid-value 3 'a\b.wasm': `a\b.wasm` cannot be the path of a module [has a backslash]"#],
        ),
        (
            "{ module: 'C:x.wasm' }",
            &["error invalid-value 3 'C:x.wasm': `C:x.wasm` cannot be the path of a module [is not relative]"],
        ),
        ("{ module: a/ }", &["error invalid-value 3 a/: `a/` cannot be the path of a module [names no file]"]),
        (
            "{ module: '${{ inputs.m }}' }",
            &[
                "error invalid-value 3 '${{ inputs.m }}': `${{ inputs.m }}` cannot be the path of a module [an expression cannot stand here]",
            ],
        ),
        ("{ module: a.wasm, sha256: 12 }", &["error invalid-quantity 3 12: `sha256` cannot be `12` [not a digest]"]),
        ("{ module: a.wasm, arg: [x] }", &["error unknown-key 3 arg: `wasm` has no key `arg` [did you mean `args`?]"]),
    ] {
        check_definition(&format!("wasm: {wasm}"), expected);
    }
    let inputs = "spec: { inputs: { name: { type: string }, NAME: { type: string } } }\n---\n";
    check_function(
        &format!("{inputs}wasm: {{ module: a.wasm }}"),
        &["error names-differ-in-case 1 NAME: inputs `name` and `NAME` differ in case only [the same in upper case]"],
    );
    check_function(&format!("{inputs}exec: {{ command: [x] }}"), &[]);
}

#[test]
fn unknown_keys_of_needs_are_errors() {
    for (text, expected) in [
        ("{ reed: [x] }", &["error unknown-key 1 reed: `needs` has no key `reed` [did you mean `read`?]"][..]),
        ("{ read: x }", &["error wrong-shape 1 x: `read` must be a list, not a text [this is a text]"]),
        ("{ read: [ '' ] }", &["error empty-value 1 '': a path is empty [a text is needed here]"]),
        (
            "{ read: [ { path: x, bytes: 1 } ] }",
            &["error unknown-key 1 bytes: a path to read has no key `bytes` [not known here]"],
        ),
        (
            "{ read: [ { reason: x } ] }",
            &["error missing-key 1 { reason: x }: a path to read has no `path` [`path` is missing]"],
        ),
        (
            "{ write: [ { path: x, bytes: many, files: -1 } ] }",
            &[
                "error invalid-quantity 1 many: `bytes` cannot be `many` [not a size]",
                "error invalid-quantity 1 -1: `files` cannot be `-1` [not a count]",
            ],
        ),
        ("{ env: [ A-B ] }", &["error invalid-name 1 A-B: `A-B` is no name for a variable [`A_B` would be one]"]),
        ("{ clock: corse }", &["error unknown-word 1 corse: `clock` cannot be `corse` [did you mean `coarse`?]"]),
        ("{ random: 1 }", &["error unknown-word 1 1: `random` cannot be `1` [not known here]"]),
        (
            "{ limits: { cpu: 20, wall: soon, memory: 1.5.2MiB, logs: 1 } }",
            &[
                "error invalid-quantity 1 20: `cpu` cannot be `20` [write a unit]",
                "error invalid-quantity 1 soon: `wall` cannot be `soon` [not a duration]",
                "error invalid-quantity 1 1.5.2MiB: `memory` cannot be `1.5.2MiB` [not a size]",
                "error unknown-key 1 logs: `limits` has no key `logs` [did you mean `log`?]",
            ],
        ),
        (
            "{ http: [ { host: 'https://x/y' } ] }",
            &["error invalid-value 1 'https://x/y': `https://x/y` is not a host [more than a name]"],
        ),
        (
            "{ http: [ { host: x, port: 0, methods: ['G T'], paths: [v1], path: y } ] }",
            &[
                "error invalid-quantity 1 0: `port` cannot be `0` [not a port]",
                "error invalid-value 1 'G T': `G T` is not a request method [letters only]",
                "error invalid-value 1 v1: `v1` is not the path of a request [begins with `/`]",
                "error unknown-key 1 path: an item of `http` has no key `path` [did you mean `paths`?]",
            ],
        ),
        (
            "{ secrets: [ { name: a, use: header } ] }",
            &["error missing-key 1 { name: a, use: header }: an item of `secrets` has no `host` [`host` is missing]"],
        ),
        (
            "{ secrets: [ { name: a, use: reveal, host: x } ] }",
            &[
                "error conflicting-keys 1 host: a secret that is revealed is not bound to a host [cannot stand beside `use: reveal`]",
            ],
        ),
        (
            "{ secrets: [ { use: heder } ] }",
            &[
                "error missing-key 1 { use: heder }: an item of `secrets` has no `name` [`name` is missing]",
                "error unknown-word 1 heder: `use` cannot be `heder` [did you mean `header`?]",
            ],
        ),
    ] {
        check_function(&needs(text), expected);
    }
}

#[test]
fn jobs() {
    for (text, expected) in [
        ("", &["error wrong-documents 1 : the job is empty []"][..]),
        ("{}", &["error missing-key 1 {}: a job has no `run` [`run` is missing]"]),
        ("run: x", &["error wrong-shape 1 x: `run` must be a list of steps, not a text [this is a text]"]),
        (
            "rum: []",
            &[
                "error missing-key 1 rum: []: a job has no `run` [`run` is missing]",
                "warning unknown-key 1 rum: a job has no key `rum` [did you mean `run`?]",
            ],
        ),
        (
            "run: []\ndelegate: a\nscript: x\nstage: y",
            &[
                "error unknown-key 2 delegate: `delegate` cannot stand beside `run` in a job [not known here]",
                "error unknown-key 3 script: `script` cannot stand beside `run` in a job [not known here]",
                "warning unknown-key 4 stage: a job has no key `stage` [not known here, and ignored]",
            ],
        ),
        (
            "spec: { inputs: { a: { type: string } } }\n---\nrun: []",
            &[
                "error wrong-documents 1 spec: a job has no inputs, outputs or needs [only functions have a specification]",
            ],
        ),
        (
            "{ x: 1 }\n---\nrun: []",
            &["error unknown-key 1 x: the first document of a job has no key `x` [not known here]"],
        ),
        (
            "{}\n---\nrun: []\n---\nx",
            &["warning wrong-documents 4 ---: documents behind the second are not read [ignored from here on]"],
        ),
        (
            "- { script: x }\n- { name: , script: x }\n- { name: 1a, script: x }\n",
            &[
                "warning missing-key 1 { script: x }: this step has no `name` [`name` is missing]",
                "warning missing-key 2 { name: , script: x }: this step has no `name` [`name` is missing]",
                "error invalid-name 3 1a: `1a` is no name for a step [`_1a` would be one]",
            ],
        ),
        (
            "run: [ &a { name: 1a, script: x }, *a ]",
            &["error invalid-name 1 1a: `1a` is no name for a step [`_1a` would be one]"],
        ),
        ("steps: []", &["warning renamed-key 1 steps: `steps` is the old name of `run` [write `run`]"]),
        ("run: [\n", &["error yaml-syntax 1 [: this is not YAML: unclosed bracket '[' [reading stopped here]"]),
        (
            "run: [ { name: a, script: x, scrpt: y } ]",
            &["warning unknown-key 1 scrpt: this step has no key `scrpt` [did you mean `script`?]"],
        ),
    ] {
        check_job(text, expected);
    }
}
