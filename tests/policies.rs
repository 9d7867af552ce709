//! Policies of the operator, through the command line.

use crate::support::{Place, Ran};

fn job() -> Place {
    let place = Place::new();
    place
        .write("job.yml", "run:\n  - { name: say, script: echo said }\n  - { name: tell, func: ./tell }\n")
        .write("tell/func.yml", "spec:\n---\nexec: { command: [echo, told] }\n");
    place
}

#[test]
fn what_no_policy_permits_ends_a_job_before_its_first_step() {
    let place = job();
    let ran = place.run(["run", "job.yml", "--policy", "profile:hardened"]);
    ran.code(4).says("Action::\"exec\"").says("Program::\"sh\"").says("Program::\"echo\"").says("nothing has run");
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_policy_that_permits_it_makes_it_run() {
    let place = job();
    place.write(
        "team.cedar",
        "@id(\"shell\")\npermit (principal, action == Action::\"exec\", resource)\nwhen { [Program::\"sh\", Program::\"echo\"].contains(resource) };\n",
    );
    let policies = ["--policy", "profile:hardened", "--policy", "team.cedar"];
    place.run([&["run", "job.yml"], &policies[..]].concat()).code(0).logs("said\n").logs("told\n");
    place.write("team.cedar", "permit (principal, action == Action::\"exec\", resource == Program::\"sh\");\n");
    place.run([&["run", "job.yml"], &policies[..]].concat()).code(4).says("`tell`");
}

#[test]
fn the_profile_local_is_what_holds_by_itself() {
    let place = job();
    place.run(["run", "job.yml"]).code(0).logs("told\n");
    place.run(["run", "job.yml", "--policy", "profile:local"]).code(0).logs("told\n");
}

#[test]
fn mistakes_in_policies_are_shown_with_their_place() {
    let place = job();
    place.write("bad.cedar", "permit (principal, action == Action::\"fly\", resource);\n");
    place.run(["policy", "check", "--policy", "bad.cedar"]).code(3).says("bad.cedar:1:");
    place.run(["run", "job.yml", "--policy", "bad.cedar"]).code(3).says("bad.cedar:1:");
    place.run(["policy", "show", "--policy", "profile:nothing"]).code(3).says("`profile:hardened`");
}

#[test]
fn numbers_of_the_operator_hold() {
    let place = job();
    place.attack("attack", "limits: { memory: 64MiB }");
    place.write("job.yml", "run:\n  - { name: a, func: ./attack, inputs: { what: none } }\n");
    place.write("stepwell.toml", "[ceilings]\nmemory = \"64MiB\"\nsteps-at-once = 2\n");
    place.run(["run", "job.yml", "--settings", "stepwell.toml"]).code(0);
    place.write("stepwell.toml", "[ceilings]\nmemory = \"32MiB\"\n");
    place.run(["run", "job.yml", "--settings", "stepwell.toml"]).code(4).says("ceiling of 32 MiB");
    place.write("stepwell.toml", "[ceilings]\nmemroy = 1\n");
    place.run(["run", "job.yml", "--settings", "stepwell.toml"]).code(3).says("stepwell.toml:2:1").says("`memory`");
    place.run(["run", "job.yml", "--settings", "nowhere.toml"]).code(3).says("nowhere.toml");
}

#[test]
fn policies_are_held_against_a_table() {
    let place = job();
    let case = |expect: &str| {
        format!(
            "[[case]]\naction = \"exec\"\nresource = \"cargo\"\nfunction = {{ name = \"./build\" }}\nexpect = \"{expect}\"\n"
        )
    };
    place.write("table.toml", case("deny"));
    place.run(["policy", "test", "table.toml", "--policy", "profile:hardened"]).code(0).logs("1 decision as expected");
    place.write("table.toml", case("allow"));
    let ran = place.run(["policy", "test", "table.toml", "--policy", "profile:hardened"]);
    ran.code(3).says("table.toml:1:").says("expected allowed, found denied");
}

const PACK: &str = "run:\n  - name: pack\n    func: builtin://stepwell/archive\n    \
    inputs: { source: src, destination: dist, name: a.tar.gz }\n";

fn packing(more: &str) -> Place {
    let place = Place::new();
    place.write("src/a", "a\n").write("job.yml", format!("{PACK}{more}"));
    place
}

#[test]
fn a_step_is_explained() {
    let place = packing("");
    let ran = place.run(["explain", "job.yml", "pack"]);
    ran.code(0).logs("calls builtin://stepwell/archive (wasm)").logs("workspace-write").logs("local-run");
    place.write("read.cedar", "permit (principal, action in [Action::\"run\", Action::\"read\"], resource);\n");
    let ran = place.run(["explain", "job.yml", "pack", "--policy", "read.cedar"]);
    ran.code(4).logs("no-policy").logs("action == Action::\"write\", resource == Path::\"dist\"");
    place.run(["explain", "job.yml", "unpack"]).code(2).says("steps: `pack`");
}

#[test]
fn the_job_narrows_what_a_function_is_given() {
    let allow = "    allow: { read: [ src ], write: [ { path: dist, bytes: 4KiB } ] }\n";
    let place = packing(allow);
    place.run(["plan", "job.yml"]).code(0).logs("4 KiB").logs("workspace-write");
    place.run(["run", "job.yml"]).code(0);
    let place = packing("    allow: { read: [ src ] }\n");
    let ran = place.run(["run", "job.yml"]);
    ran.code(4).says("not-passed").says("to `allow` of the step").says("nothing has run");
    assert!(!place.work().join("dist").exists());
    let place = packing("    allow: { read: [ src ], write: [ { path: dist, bytes: 10B } ] }\n");
    place.run(["run", "job.yml"]).code(1);
    place.write("job.yml", "run:\n  - { name: say, script: echo, allow: { read: [ src ] } }\n");
    place.run(["check", "job.yml"]).code(3).says("a script has no `allow`");
}

#[test]
fn policies_are_tried_out_and_learnt() {
    let place = packing("  - { name: say, script: echo said }\n");
    place.write("team.cedar", "@id(\"calls\")\npermit (principal, action == Action::\"run\", resource);\n\n// Nobody needs it.\n@id(\"keys\")\npermit (principal, action == Action::\"read\", resource in Path::\"keys\");\n");
    let tried = ["run", "job.yml", "--policy", "team.cedar", "--audit-only", "--events", "events.jsonl"];
    place.run(tried).code(0).logs("said\n").says("audited: step `pack`").says("audited: step `say`");
    let ran = place.run(["policy", "learn", "events.jsonl", "--change", "team.cedar"]);
    ran.code(0)
        .logs("--- a/team.cedar")
        .logs("\n-@id(\"keys\")")
        .logs("\n+permit (principal, action == Action::\"write\"");
    assert!(!ran.stdout.contains("-@id(\"calls\")"), "{}", ran.stdout);
    // What was learnt is enough.
    let learnt = place.run(["policy", "learn", "events.jsonl"]).code(0).stdout.clone();
    let added = learnt.lines().filter_map(|line| line.strip_prefix('+').filter(|line| !line.starts_with("++ ")));
    place.write("least.cedar", added.map(|line| format!("{line}\n")).collect::<String>());
    place.run(["run", "job.yml", "--policy", "least.cedar"]).code(0).logs("said\n");
    place
        .write("job.yml", "run:\n  - { name: say, func: ./tell }\n")
        .write("tell/func.yml", "spec:\n---\nexec: { command: [echo, told] }\n");
    place.run(["run", "job.yml", "--policy", "least.cedar"]).code(4);
}

#[test]
fn the_line_to_add_makes_a_refused_job_run() {
    let place = packing("");
    place.write(
        "few.cedar",
        "permit (principal, action in [Action::\"run\", Action::\"read\", Action::\"export\"], resource);\n",
    );
    let refused = place.run(["run", "job.yml", "--policy", "few.cedar"]);
    refused.code(4).says("nothing has run");
    let explained = place.run(["explain", "job.yml", "pack", "--policy", "few.cedar"]).code(4).stdout.clone();
    let start = explained.find("permit (").expect("the text to add is shown");
    place.write("more.cedar", &explained[start..]);
    place.run(["run", "job.yml", "--policy", "few.cedar", "--policy", "more.cedar"]).code(0);
}

#[test]
fn the_engine_of_a_runner_holds_jobs_to_policies() {
    let place = Place::new();
    place.write("none.cedar", "");
    let mut command = place.command(["ci", "--policy", "none.cedar"]);
    let ran = Ran::from(command.env("STEPS", "[{name: say, script: echo said}]").output().expect("it starts"));
    ran.code(1).says("no-policy").says("Program::\"sh\"");
    assert!(!ran.stdout.contains("said"));
}
