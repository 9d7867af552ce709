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
