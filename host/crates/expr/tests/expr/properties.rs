use proptest::prelude::*;
use stepwell_expr::Template;
use stepwell_schema::Value;

use crate::support::World;

/// Pieces that make deep and broken expressions likelier than plain characters do.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("${{"),
        Just("}}"),
        Just("\\"),
        Just("\\${{"),
        Just("\""),
        Just("'"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just(":"),
        Just("."),
        Just(" "),
        Just("\n"),
        Just("env"),
        Just("inputs"),
        Just("steps"),
        Just("build"),
        Just("outputs"),
        Just("id"),
        Just("list"),
        Just("A"),
        Just("str"),
        Just("num"),
        Just("if"),
        Just("null"),
        Just("true"),
        Just("0"),
        Just("1.5"),
        Just("e9"),
        Just("+"),
        Just("-"),
        Just("*"),
        Just("/"),
        Just("%"),
        Just("!"),
        Just("=="),
        Just("<"),
        Just("||"),
        Just("&&"),
        Just("\\u"),
        Just("d83d"),
        Just("é"),
        Just("😀"),
        Just("$"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null"),
        Just("true"),
        Just("0"),
        Just("2.5"),
        Just("'a'"),
        Just("\"b\""),
        Just("inputs.n"),
        Just("inputs.list"),
        Just("env.A"),
        Just("steps.build.outputs.id"),
        Just("inputs.secret"),
        Just("nope"),
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator =
            prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("!{inner}")),
            inner.clone().prop_map(|inner| format!("str({inner})")),
            inner.clone().prop_map(|inner| format!("\"x${{{{ {inner} }}}}\"")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{a: {a}, 'b': {b}}}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a})[{b}]")),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        prop::num::f64::NORMAL.prop_map(Value::Number),
        any::<String>().prop_map(Value::String),
        Just(Value::from("${{ env.A }} \\${{")),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(Value::Struct),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = World::sample().evaluate(&text);
        let _ = World::sample().evaluate(&format!("${{{{{text}}}}}"));
    }

    #[test]
    fn no_soup_panics(text in soup()) {
        for text in [text.clone(), format!("${{{{{text}}}}}")] {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(template.text(), &text);
                let world = World::sample();
                for one in template.contexts() {
                    prop_assert!(text.get(one.range).is_some());
                }
                let _ = (template.evaluate(&world.scope()), template.faults(), template.warnings());
            }
            if let Err(error) = World::sample().evaluate(&text) {
                prop_assert!(text.get(error.range.clone()).is_some(), "{:?} in {:?}", error.range, text);
            }
        }
    }

    #[test]
    fn expressions_of_the_grammar_are_read(expression in expression()) {
        let text = format!("${{{{ {expression} }}}}");
        let world = World::sample();
        let template = Template::parse(&text);
        prop_assert!(template.is_ok(), "{}: {:?}", text, template);
        let bracketed = world.evaluate(&format!("${{{{({expression})}}}}"));
        match (template.unwrap().evaluate(&world.scope()), bracketed) {
            // Debug, because what is not a number differs from itself.
            (Ok(plain), Ok(bracketed)) => prop_assert_eq!(format!("{plain:?}"), format!("{bracketed:?}")),
            (Err(_), Err(_)) => {}
            (plain, bracketed) => prop_assert!(false, "{}: {:?} {:?}", text, plain, bracketed),
        }
    }

    #[test]
    fn json_is_an_expression(value in value()) {
        let json = value.to_json_text().unwrap().replace("${{", "\\${{");
        let read = World::default().evaluate(&format!("${{{{ {json} }}}}"));
        prop_assert_eq!(read.map(|marked| marked.value), Ok(value));
    }

    #[test]
    fn text_without_delimiter_is_itself(text in "[^$]*") {
        let read = World::default().evaluate(&text);
        prop_assert_eq!(read.map(|marked| marked.value), Ok(Value::from(text)));
    }
}
