use stepwell_expr::{Context, ExprErrorKind, MAX_VALUE_DEPTH, Template, ValueTemplate};
use stepwell_schema::{Node, NodeKind, Span, Spanned, Value};

use crate::support::{World, json};

fn node(text: &str) -> Node {
    Node::from_value(json(text), Span::new(3, 9))
}

#[track_caller]
fn check(yaml: &str, expected: &str) {
    let template = ValueTemplate::compile(&node(yaml)).unwrap();
    let marked = template.evaluate(&World::sample().scope()).unwrap();
    assert_eq!(marked.value, json(expected), "{yaml}");
    assert_eq!(marked.sensitive, yaml.contains("secret"), "{yaml}");
}

#[test]
fn expressions_at_any_depth() {
    for (yaml, expected) in [
        ("null", "null"),
        ("12", "12"),
        (r#""${{ inputs.n }}""#, "5"),
        (r#"["a", "${{ inputs.list }}", {"k": ["${{ env.A }}-x"]}]"#, r#"["a", [1,"two",[3]], {"k": ["a-x"]}]"#),
        (r#"{"${{ env.A }}": 1, "x${{ inputs.n }}": 2, "c": 3}"#, r#"{"a":1,"x5":2,"c":3}"#),
        (r#"{"${{ inputs.null }}": "${{ inputs.null }}"}"#, r#"{"null":null}"#),
        (r#"{"a": "${{ inputs.secret }}", "b": 1}"#, r#"{"a":"hush","b":1}"#),
        (r#"{"${{ inputs.secret }}": 1}"#, r#"{"hush":1}"#),
        (r#"["\\${{ x }}", "}}"]"#, r#"["${{ x }}", "}}"]"#),
        (r#"{"\\${{k}}": true}"#, r#"{"${{k}}": true}"#),
    ] {
        check(yaml, expected);
    }
}

#[test]
fn literals_are_known() {
    let literal = |yaml: &str| ValueTemplate::compile(&node(yaml)).unwrap().as_literal().cloned();
    assert_eq!(literal(r#"{"a": [1, "\\${{"]}"#), Some(json(r#"{"a": [1, "${{"]}"#)));
    assert_eq!(literal(r#"{"a": ["${{ 1 }}"]}"#), None);
    assert_eq!(literal(r#"{"${{ 'a' }}": 1}"#), None);
    let verbatim = ValueTemplate::literal(Value::from("${{ 1 }}"));
    assert_eq!(verbatim.evaluate(&World::default().scope()).unwrap().value, Value::from("${{ 1 }}"));
}

#[test]
fn all_errors_of_a_value_are_reported() {
    let text = |text: &str, at: usize| Node { kind: NodeKind::String(text.to_owned()), span: Span::new(at, at + 1) };
    let key = Spanned::new("${{ 1 +".to_owned(), Span::new(20, 21));
    let kind = NodeKind::Array(vec![
        text("${{ ) }}", 10),
        text("${{ 1 }}", 12),
        Node { kind: NodeKind::Struct(vec![(key, text("${{ ] }}", 22))]), span: Span::new(19, 30) },
    ]);
    let errors = ValueTemplate::compile(&Node { kind, span: Span::new(0, 40) }).unwrap_err();
    let starts: Vec<usize> = errors.iter().map(|located| located.span.start).collect();
    assert_eq!(starts, [10, 20, 22]);
    assert_eq!(errors[0].to_string(), "expected a value, found `)`");
}

#[test]
fn errors_of_evaluation_are_located() {
    let text = |text: &str, at: usize| Node { kind: NodeKind::String(text.to_owned()), span: Span::new(at, at + 1) };
    let list = Node { kind: NodeKind::Array(vec![text("a", 1), text("${{ nope }}", 5)]), span: Span::new(0, 9) };
    let located = ValueTemplate::compile(&list).unwrap().evaluate_located(&World::sample().scope()).unwrap_err();
    assert_eq!(located.span, Span::new(5, 6));
    assert!(matches!(located.error.kind, ExprErrorKind::Missing { .. }));
}

#[test]
fn two_keys_that_come_out_the_same_are_an_error() {
    let error = |yaml: &str| {
        let template = ValueTemplate::compile(&node(yaml)).unwrap();
        template.evaluate(&World::sample().scope()).unwrap_err().to_string()
    };
    assert_eq!(error(r#"{"a": 1, "${{ env.A }}": 2}"#), "the key \"a\" occurs twice");
    assert_eq!(error(r#"{"hush": 1, "${{ inputs.secret }}": 2}"#), "the key \"[MASKED]\" occurs twice");
}

#[test]
fn contexts_come_with_the_place_of_their_text() {
    let template = ValueTemplate::compile(&node(r#"{"${{ env.A }}": ["x", "${{ vars.B }}"], "k": 1}"#)).unwrap();
    let contexts: Vec<_> = template.contexts().map(|(span, one)| (span.start, one.context, one.path)).collect();
    assert_eq!(contexts, [(3, Context::Env, vec!["A"]), (3, Context::Vars, vec!["B"])]);
    assert_eq!(template.templates().len(), 2);
}

#[test]
fn values_that_are_too_deep() {
    let nested = |levels: usize| (0..levels).fold(Value::from("${{ [1] }}"), |inner, _| Value::Array(vec![inner]));
    let compile = |levels: usize| ValueTemplate::compile(&Node::from_value(nested(levels), Span::default()));
    assert!(compile(MAX_VALUE_DEPTH - 1).unwrap().evaluate(&World::default().scope()).is_ok());
    let error = compile(MAX_VALUE_DEPTH).unwrap().evaluate(&World::default().scope()).unwrap_err();
    assert_eq!(error.kind, ExprErrorKind::ValueTooDeep);
    assert_eq!(compile(MAX_VALUE_DEPTH + 1).unwrap_err()[0].error.kind, ExprErrorKind::ValueTooDeep);
}

#[test]
fn what_cannot_be_read_fails_each_evaluation_where_it_is_compiled_lazily() {
    let node = Node::from_value(
        Value::Array(vec![Value::from("plain"), Value::from("${{ vars.X"), Value::from("${{ 1 + }}")]),
        Span::new(0, 4),
    );
    let located = ValueTemplate::compile(&node).unwrap_err();
    assert_eq!(located.len(), 2);
    let lazy = ValueTemplate::compile_lazily(&node);
    assert!(!lazy.is_literal());
    assert_eq!(lazy.evaluate(&World::default().scope()).unwrap_err(), located[0].error);
    let text = Template::parse_lazily("${{ 1 + }}");
    assert_eq!(text.evaluate_text(&World::default().scope()).unwrap_err(), located[1].error);
    assert_eq!(text.text(), "${{ 1 + }}");
    assert_eq!(Template::parse_lazily("${{ 1 }}"), Template::parse("${{ 1 }}").unwrap());
}
