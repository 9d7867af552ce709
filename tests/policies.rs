//! Policies of the operator, through the command line.

use crate::support::Place;

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
        "@id(\"shell\")\npermit (principal, action == Action::\"exec\", resource in [Program::\"sh\", Program::\"echo\"]);\n",
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
