use stepwell_expr::{
    ExprErrorKind, MAX_DEPTH, MAX_PRODUCED_BYTES, MAX_TEMPLATE_BYTES, MAX_VALUE_DEPTH, Marked, Template,
};
use stepwell_schema::Value;

use crate::support::World;

#[track_caller]
fn kind_of(world: &World, text: &str) -> ExprErrorKind {
    match world.evaluate(text) {
        Ok(_) => panic!("it was evaluated"),
        Err(error) => error.kind,
    }
}

#[test]
fn deep_nesting_is_an_error() {
    const LEVELS: usize = 50_000;
    for opening in ["(", "[", "{a:", "{(", "str(", "!(", "1+(", "1||1&&1==1+1*(", "env[", "\"${{", "{\"${{", "-[", "[["]
    {
        let text = format!("${{{{ {} }}}}", opening.repeat(LEVELS));
        assert_eq!(Template::parse(&text).unwrap_err().kind, expected_kind(opening), "{opening}");
        let closed = format!("${{{{ {} 1 {} }}}}", opening.repeat(LEVELS), ")".repeat(LEVELS));
        assert!(Template::parse(&closed).is_err(), "{opening}");
    }
}

/// A delimiter that opens in a string is counted by the older rule, so such a text counts as not closed.
fn expected_kind(opening: &str) -> ExprErrorKind {
    if !opening.contains("${{") {
        return ExprErrorKind::TooDeep;
    }
    let rest: String = opening.repeat(100).chars().take(160).collect();
    ExprErrorKind::Unclosed { rest: format!("{rest}…") }
}

#[test]
fn the_deepest_nesting_works_on_a_small_stack() {
    let work = || {
        let world = World::sample();
        let nestings =
            [("(", ")", 1), ("[", "]", 1), ("1||1&&1==1+1*(", ")", 6), ("str(", ")", 1), ("\"${{", "}}\"", 1)];
        for (open, close, depth) in nestings {
            let levels = (MAX_DEPTH - 2) / depth;
            let text = format!("${{{{ {}1{} }}}}", open.repeat(levels), close.repeat(levels));
            world.evaluate(&text).unwrap_or_else(|error| panic!("{open}: {error}"));
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn chains_are_not_nesting() {
    let world = World::sample();
    for (text, expected) in [
        (format!("${{{{ 1{} }}}}", " + 1".repeat(99_999)), "100000"),
        (format!("${{{{ {}1 }}}}", "!".repeat(100_000)), "true"),
        (format!("${{{{ {}1 }}}}", "- ".repeat(100_000)), "1"),
        (format!("${{{{ 0{} }}}}", " || 0".repeat(100_000)), "0"),
        (format!("${{{{ '' + 'a'{} == '' }}}}", " + 'a'".repeat(100_000)), "false"),
    ] {
        assert_eq!(world.evaluate(&text).unwrap().value.to_text().unwrap(), expected);
    }
    let path = format!("${{{{ inputs{} }}}}", ".a".repeat(100_000));
    assert!(matches!(kind_of(&world, &path), ExprErrorKind::Missing { .. }));
    let calls = format!("${{{{ str{} }}}}", "('a')".repeat(100_000));
    assert!(matches!(kind_of(&world, &calls), ExprErrorKind::NotCallable { .. }));
}

#[test]
fn long_texts() {
    let long = "x".repeat(MAX_TEMPLATE_BYTES);
    assert!(Template::parse(&long).unwrap().is_literal());
    let error = Template::parse(&format!("{long}${{{{ 1 }}}}")).unwrap_err();
    assert_eq!(error.kind, ExprErrorKind::TemplateTooLong);
}

#[test]
fn large_results() {
    let mut world = World::sample();
    let million = "x".repeat(1 << 20);
    world.inputs.insert("big".to_owned(), Marked::plain(million.clone()));
    world.inputs.insert("many".to_owned(), Marked::plain(Value::Array(vec![Value::from(million); 8])));
    let repeated = |part: &str, count: usize| vec![part; count].join(",");
    for text in [
        format!("${{{{ [{}] }}}}", repeated("inputs.big", 20)),
        "${{ inputs.big }}".repeat(20),
        format!("${{{{ {} }}}}", vec!["inputs.big"; 20].join("+")),
        format!("${{{{ [{}] }}}}", repeated("str(inputs.big)", 20)),
        "${{ inputs.many }}".repeat(3),
        "${{ [inputs, inputs, inputs] }}".to_owned(),
    ] {
        assert_eq!(kind_of(&world, &text), ExprErrorKind::TooLarge);
    }
    let sum = format!("${{{{ {} }}}}", vec!["inputs.big"; 15].join("+"));
    assert!(world.evaluate(&sum).unwrap().value.to_text().unwrap().len() < MAX_PRODUCED_BYTES);
    assert_eq!(kind_of(&world, &format!("${{{{ {} }}}}", vec!["inputs.big == inputs.big"; 300].join("&&"))), {
        ExprErrorKind::TooMuchCompared
    });
}

#[test]
fn values_do_not_grow_deeper_and_deeper() {
    let mut world = World::default();
    world.inputs.insert("x".to_owned(), Marked::plain(1.0));
    for _ in 0..MAX_VALUE_DEPTH {
        let deeper = world.evaluate("${{ [inputs.x] }}").unwrap();
        world.inputs.insert("x".to_owned(), deeper);
    }
    assert_eq!(kind_of(&world, "${{ [inputs.x] }}"), ExprErrorKind::ValueTooDeep);
    assert!(world.evaluate("${{ inputs.x }}").is_ok());
}

#[test]
fn searching_for_similar_names_is_bounded() {
    let mut world = World::default();
    for index in 0..5_000 {
        world.env.insert(format!("{index}{}", "n".repeat(50)), Marked::plain("x"));
    }
    world.env.insert("NO-1".to_owned(), Marked::plain("found"));
    let found = world.evaluate(&"${{ env.NO-1 }}".repeat(10_000)).unwrap();
    assert_eq!(found.value, Value::from("found".repeat(10_000)));
}

#[test]
fn values_of_the_scope_may_be_too_deep() {
    let mut world = World::default();
    let deep = (0..5_000).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    world.inputs.insert("deep".to_owned(), Marked::plain(deep));
    for expression in ["inputs.deep", "inputs.deep == inputs.deep", "str(inputs.deep)", "[inputs.deep]", "inputs"] {
        assert_eq!(kind_of(&world, &format!("${{{{ {expression} }}}}")), ExprErrorKind::ValueTooDeep, "{expression}");
        assert_eq!(kind_of(&world, &format!("x${{{{ {expression} }}}}")), ExprErrorKind::ValueTooDeep, "{expression}");
    }
    assert_eq!(world.evaluate("${{ bool(inputs.deep) }}").unwrap().value, Value::Boolean(true));
}
