//! The older dialect beside the newer one: which expressions are, or may be, its dotted paths.
//!
//! In the older dialect an expression is keys with dots between them, and a key may hold any character but a dot:
//! `env.MY-VAR`, `steps.a b.outputs.c`. Each expression is read by the newer grammar first. If that fails, and the
//! expression can be such a path, it is one. If that succeeds, but the path could be meant, as in `env.MY-VAR`, which is
//! also a subtraction, then the path is the second choice at evaluation, for when the first one fails.

use crate::context::Context;
use crate::error::{ExprError, ExprErrorKind, ExprWarning, ExprWarningKind, shorten};
use crate::parse::{CLOSE, OPEN, Parser, name_length};
use crate::syntax::{Access, Expr, ExprKind};

/// An expression of a template that has been read.
pub(crate) struct Interpolation {
    /// The expression.
    pub(crate) expr: Expr,
    /// One past the closing delimiter.
    pub(crate) end: usize,
    /// Whether it should be written in another way.
    pub(crate) warning: Option<ExprWarning>,
}

/// Reads the expression whose first byte, behind the opening delimiter, is at `start`.
pub(crate) fn read_interpolation(text: &str, start: usize) -> Result<Interpolation, ExprError> {
    let mut parser = Parser::new(text, start);
    match parser.interpolation() {
        Ok(expr) => Ok(with_second_choice(text, start, expr, parser.position())),
        Err(error) => read_path(text, start, error),
    }
}

/// Adds the path as the second choice if the text between the delimiters can be one.
fn with_second_choice(text: &str, start: usize, expr: Expr, end: usize) -> Interpolation {
    let inner = start..end - CLOSE.len();
    if expr.is_plain_path() || text[inner.clone()].contains(CLOSE) || text[inner.clone()].contains(OPEN) {
        return Interpolation { expr, end, warning: None };
    }
    let Some(path) = dotted_path(text, inner) else { return Interpolation { expr, end, warning: None } };
    let warning = has_unknown_name(&expr).then(|| dotted_warning(text, &path));
    let range = path.range.clone();
    let kind = ExprKind::Either { expression: Box::new(expr), path: Box::new(path) };
    Interpolation { expr: Expr::new(kind, range), end, warning }
}

/// Reads a path of the older dialect after the newer grammar failed with `error`.
fn read_path(text: &str, start: usize, error: ExprError) -> Result<Interpolation, ExprError> {
    let Some(close) = closing_delimiter(&text[start..]).map(|length| start + length) else {
        let rest = shorten(text[start..].trim());
        return Err(ExprErrorKind::Unclosed { rest }.at(start - OPEN.len()..text.len()));
    };
    let inner = &text[start..close];
    if error.kind == ExprErrorKind::TooDeep || !could_be_meant_as_path(inner) {
        return Err(error);
    }
    let path = dotted_path(text, start..close).ok_or(error)?;
    let warning = Some(dotted_warning(text, &path));
    Ok(Interpolation { expr: path, end: close + CLOSE.len(), warning })
}

/// Returns where the closing delimiter stands, by the older rule: delimiters inside are counted.
fn closing_delimiter(text: &str) -> Option<usize> {
    let mut depth = 1;
    let mut at = 0;
    while let Some(length) = text[at..].find(['$', '}']) {
        at += length;
        if text[at..].starts_with(OPEN) {
            depth += 1;
            at += OPEN.len();
        } else if !text[at..].starts_with(CLOSE) {
            at += 1;
        } else if depth > 1 {
            depth -= 1;
            at += CLOSE.len();
        } else {
            return Some(at);
        }
    }
    None
}

/// Tells a path with odd characters from a mistake in an expression. Names of variables do hold blanks, `-`, `/`, `%`,
/// `(` and the like; brackets, quotes and comparisons are signs of an expression, whose error is then worth more.
fn could_be_meant_as_path(inner: &str) -> bool {
    let signs = ["\"", "'", "[", "]", "{", "}", "<", ">", "==", "!=", "&&", "||"];
    !signs.iter().any(|sign| inner.contains(sign))
}

/// Reads a path that begins with a context that has members. Only such a path ever had a value.
fn dotted_path(text: &str, inner: std::ops::Range<usize>) -> Option<Expr> {
    let untrimmed = &text[inner.clone()];
    let start = inner.start + untrimmed.len() - untrimmed.trim_start().len();
    let path = untrimmed.trim();
    let (first, rest) = path.split_once('.')?;
    let context = match Context::from_name(first)? {
        context @ (Context::Env | Context::Inputs | Context::Vars | Context::Steps) => context,
        Context::FuncDir | Context::WorkDir | Context::OutputFile | Context::ExportFile => return None,
    };
    Some(Expr::path(context, rest.split('.').map(Box::from), start..start + path.len()))
}

/// Tells whether the newer reading surely fails, so that only the path can be meant.
fn has_unknown_name(expr: &Expr) -> bool {
    let mut unknown = false;
    expr.walk(&mut |expr| {
        unknown |= match &expr.kind {
            ExprKind::Name(_) => true,
            ExprKind::Access { accesses, .. } => accesses.iter().any(|access| matches!(access, Access::Call)),
            _ => false,
        };
    });
    unknown
}

fn dotted_warning(text: &str, path: &Expr) -> ExprWarning {
    let written = &text[path.range.clone()];
    let mut keys = written.split('.');
    let mut instead = keys.next().unwrap_or_default().to_owned();
    for key in keys {
        if !key.is_empty() && name_length(key) == key.len() {
            instead.push('.');
            instead.push_str(key);
        } else {
            instead.push_str(&format!("[{}]", quoted(key)));
        }
    }
    let kind = ExprWarningKind::DottedPath { path: shorten(written), instead: shorten(&instead) };
    ExprWarning { kind, range: path.range.clone() }
}

/// Writes a text as a single-quoted string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
