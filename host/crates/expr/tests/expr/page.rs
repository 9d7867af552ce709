use crate::support::{World, json};

const PAGE: &str = include_str!("../../../../../docs/expressions.md");

/// Returns the contents of the fenced blocks of a kind.
fn blocks(kind: &str) -> Vec<&'static str> {
    let opening = format!("```{kind}\n");
    PAGE.split(&*opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[track_caller]
fn check(world: &World, line: &str) {
    let (template, expected) = line.split_once(" => ").unwrap_or_else(|| panic!("no ` => ` in {line}"));
    match (world.evaluate(template), expected.strip_prefix("error: ")) {
        (Ok(marked), None) => assert_eq!(marked.value, json(expected), "{line}"),
        (Err(error), Some(message)) => assert_eq!(error.to_string(), message, "{line}"),
        (result, _) => panic!("{line}: {result:?}"),
    }
}

#[test]
fn examples_of_the_page() {
    let [scope] = blocks("json scope")[..] else { panic!("the page has one scope") };
    let world = World::from_json(scope);
    let lines: Vec<&str> = blocks("expressions").into_iter().flat_map(str::lines).collect();
    assert!(lines.len() > 40, "only {} examples were found", lines.len());
    for line in lines {
        check(&world, line);
    }
}
