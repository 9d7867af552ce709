//! Scripts: items with `script:`, and calls of the built-in function of that name, which are the same.

use stepwell_expr::{Context, Template};
use stepwell_schema::{Node, NodeKind, Problem, Reference, Span, Spanned, Value};

use crate::code;
use crate::document::Document;
use crate::names::Names;

/// Name of the built-in function, and of its only input.
const SCRIPT: &str = "script";

/// Compiles a script.
pub(crate) fn compile(document: &mut Document, text: &Spanned<String>, names: &Names<'_>) -> Template {
    let template = document.text(text, names);
    warn_of_unread_files(document, text.span, &template);
    template
}

/// Compiles a call of the built-in function. Without a text there will be no plan, and any template does.
pub(crate) fn compile_call(
    document: &mut Document,
    reference: &Spanned<Reference>,
    given: &[(Spanned<String>, Node)],
    names: &Names<'_>,
) -> Template {
    let mut script = None;
    for (name, node) in given {
        if name.value == SCRIPT {
            script = Some(call_text(document, node, names));
        } else {
            let message = format!("function `builtin://{SCRIPT}` has no input `{}`", name.value);
            let label = format!("inputs: {SCRIPT}");
            document.push(Problem::error(code::UNKNOWN_INPUT, message).at(document.place(name.span), label));
        }
    }
    script.unwrap_or_else(|| {
        let label = format!("`builtin://{SCRIPT}` needs it");
        let message = format!("input `{SCRIPT}` required, but not defined");
        document.push(Problem::error(code::MISSING_INPUT, message).at(document.place(reference.span), label));
        Template::literal("")
    })
}

/// Numbers and truth values become text, as for every text input.
fn call_text(document: &mut Document, node: &Node, names: &Names<'_>) -> Template {
    match &node.kind {
        NodeKind::String(text) => compile(document, &Spanned::new(text.clone(), node.span), names),
        NodeKind::Number(_) | NodeKind::Boolean(_) => Template::literal(&node.to_value().to_text().unwrap_or_default()),
        NodeKind::Null | NodeKind::Array(_) | NodeKind::Struct(_) => {
            let message = format!("input `{SCRIPT}` must be string, not {}", Value::type_name(&node.to_value()));
            document.push(Problem::error(code::INPUT_TYPE, message).at(document.place(node.span), ""));
            Template::literal("")
        }
    }
}

/// The text is evaluated for the list that the script stands in, and the files of a list are never read.
fn warn_of_unread_files(document: &mut Document, span: Span, template: &Template) {
    for context_use in template.contexts() {
        if let Context::OutputFile | Context::ExportFile = context_use.context {
            let message = format!("what a script writes to `{}` is lost", context_use.context.as_str());
            let place = document.place_within(span, template.text(), &context_use.range);
            let warning = Problem::warning(code::UNREAD_FILE, message).at(place, "");
            document.push(warning.help("a function with `exec` can hand over outputs and exports; a script cannot"));
        }
    }
}
