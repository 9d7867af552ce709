//! Texts with expressions, of either dialect, alone and in values.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stepwell_expr::{
    ExprError, MAX_PRODUCED_BYTES, MAX_TEMPLATE_BYTES, MAX_VALUE_DEPTH, Marked, Scope, StepOutputs, Template,
    ValueTemplate, Values,
};
use stepwell_fuzz::{check_span, text};
use stepwell_schema::{Node, Source, Value, literal};

/// A sensitive value. It is like no text that an expression makes of anything else.
const SECRET: &str = "tsksafprq-61";

static SURROUNDINGS: LazyLock<Surroundings> = LazyLock::new(Surroundings::new);

/// What the expressions see.
struct Surroundings {
    env: Values,
    vars: Values,
    inputs: Values,
    steps: StepOutputs,
}

impl Surroundings {
    fn new() -> Self {
        let node = |text: &str| Node::parse(Source::new("value.yml", text)).expect("a value").to_value();
        let plain = |name: &str, text: &str| (name.to_owned(), Marked::from(node(text)));
        let secret = |name: &str| (name.to_owned(), Marked::sensitive(SECRET));
        let outputs =
            Values::from([plain("files", "[ { name: a, size: 12 }, { name: 'b c', size: 0 } ]"), secret("key")]);
        Self {
            env: [plain("HOME", "/root"), plain("MY-VAR", "x"), secret("TOKEN")].into(),
            vars: [plain("CI", "'true'"), plain("COUNT", "'3'"), secret("PASSWORD")].into(),
            inputs: [
                plain("count", "2"),
                plain("far", ".inf"),
                plain("flag", "false"),
                plain("none", "null"),
                plain("name", "é\u{1f980}"),
                plain("list", "[1, two, [3], null]"),
                plain("struct", "{ a: { b: 1 }, 'c d': [true], count: 0 }"),
                secret("secret"),
            ]
            .into(),
            steps: [("scan".to_owned(), outputs.clone()), ("my-step".to_owned(), outputs)].into(),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            env: &self.env,
            vars: &self.vars,
            inputs: &self.inputs,
            steps: &self.steps,
            work_dir: "/work",
            func_dir: "/functions/a",
            output_file: Some("/tmp/output"),
            export_file: None,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = text(bytes);
    let scope = SURROUNDINGS.scope();
    template(&text, &scope);
    // Most inputs have no delimiters of their own.
    if !text.contains("}}") {
        template(&format!("${{{{ {text} }}}}"), &scope);
    }
    values(&text, &scope);
    let literally = Template::parse(&literal(&text));
    assert_eq!(literally.expect("nothing to read").as_literal(), Some(text.as_str()));
});

fn template(text: &str, scope: &Scope<'_>) {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            check_error(&error, text);
            let lazily = Template::parse_lazily(text);
            assert_eq!(lazily.evaluate(scope), Err(error.clone()));
            assert_eq!(lazily.evaluate_text(scope), Err(error));
            return;
        }
    };
    assert_eq!(template.text(), text);
    assert_eq!(template, Template::parse(text).expect("read before"));
    for warning in template.warnings() {
        assert!(text.get(warning.range.clone()).is_some(), "{warning:?}");
    }
    for fault in template.faults() {
        check_error(&fault, text);
    }
    let contexts = template.contexts().count();
    let evaluated = template.evaluate(scope);
    assert_eq!(comparable(&evaluated), comparable(&template.evaluate(scope)), "two evaluations differ");
    match evaluated {
        Ok(marked) => {
            check_value(&marked, text.len());
            assert!(contexts > 0 || !marked.sensitive, "nothing that is sensitive was named");
        }
        Err(error) => check_error(&error, text),
    }
    match template.evaluate_text(scope) {
        Ok((made, sensitive)) => check_text(&made, sensitive, text),
        Err(error) => check_error(&error, text),
    }
    if let Some(literal) = template.as_literal() {
        assert_eq!(template.evaluate_text(scope), Ok((literal.to_owned(), false)));
    }
}

/// Reads the text as YAML, and the strings in that as templates.
fn values(text: &str, scope: &Scope<'_>) {
    let source = Source::new("value.yml", text);
    let Ok(node) = Node::parse(source.clone()) else { return };
    let lazily = ValueTemplate::compile_lazily(&node);
    match ValueTemplate::compile(&node) {
        Ok(template) => {
            template.templates().iter().for_each(|(span, _)| check_span(&source, *span));
            let _ = template.contexts().count();
            match template.evaluate_located(scope) {
                Ok(marked) => check_value(&marked, MAX_PRODUCED_BYTES),
                Err(located) => check_span(&source, located.span),
            }
            if let Some(literal) = template.as_literal() {
                let evaluated = template.evaluate(scope).expect("there is nothing to evaluate");
                assert_eq!(comparable(&evaluated.value), comparable(literal));
            }
            assert_eq!(comparable(&template.evaluate(scope)), comparable(&lazily.evaluate(scope)));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|located| check_span(&source, located.span));
            assert!(!lazily.is_literal());
        }
    }
}

fn check_error(error: &ExprError, text: &str) {
    assert!(text.get(error.range.clone()).is_some(), "{error:?} is not in {text:?}");
    let message = error.to_string();
    assert!(!message.contains(SECRET) || text.contains(SECRET), "{message}");
}

fn check_value(marked: &Marked, most: usize) {
    let bytes = size(&marked.value, 0);
    assert!(bytes <= MAX_PRODUCED_BYTES + most.max(MAX_TEMPLATE_BYTES), "{bytes} bytes");
}

fn size(value: &Value, depth: usize) -> usize {
    match value {
        Value::Null | Value::Boolean(_) | Value::Number(_) => 1,
        Value::String(text) => text.len(),
        Value::Array(items) => {
            assert!(depth < MAX_VALUE_DEPTH);
            items.iter().map(|item| size(item, depth + 1)).sum()
        }
        Value::Struct(members) => {
            assert!(depth < MAX_VALUE_DEPTH);
            members.iter().map(|(name, member)| name.len() + size(member, depth + 1)).sum()
        }
    }
}

fn check_text(made: &str, sensitive: bool, text: &str) {
    assert!(made.len() <= MAX_PRODUCED_BYTES + text.len(), "{} bytes", made.len());
    assert!(sensitive || !made.contains(SECRET) || text.contains(SECRET), "a secret without its mark: {made}");
}

/// A number that is none differs from itself, its text does not.
fn comparable(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}
