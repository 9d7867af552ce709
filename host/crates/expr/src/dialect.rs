//! The older dialect beside the newer one: which expressions are, or may be, its dotted paths.
//!
//! In the older dialect an expression is keys with dots between them, and a key may hold any character but a dot:
//! `env.MY-VAR`, `steps.a b.outputs.c`. Each expression is read by the newer grammar first. If that fails, and the
//! expression can be such a path, it is one. If that succeeds, but the path could be meant, as in `env.MY-VAR`, which is
//! also a subtraction, then it is the path if the newer reading is sure to fail (here, because there is no context `VAR`),
//! and else the path is the second choice at evaluation, for when the newer reading does fail.

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
        Ok(expr) => Ok(choose(text, start, expr, parser.position())),
        Err(error) => read_path(text, start, error),
    }
}

/// Decides what an expression that the newer grammar can read is.
fn choose(text: &str, start: usize, expr: Expr, end: usize) -> Interpolation {
    let inner = start..end - CLOSE.len();
    if expr.is_plain_path() || !could_be_meant_as_path(&text[inner.clone()]) {
        return Interpolation { expr, end, warning: None };
    }
    let Some(path) = dotted_path(text, inner) else { return Interpolation { expr, end, warning: None } };
    if surely_fails(&expr) {
        return Interpolation { warning: Some(dotted_warning(text, &path)), expr: path, end };
    }
    let range = path.range.clone();
    let kind = ExprKind::Either { expression: Box::new(expr), path: Box::new(path) };
    Interpolation { expr: Expr::new(kind, range), end, warning: None }
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

/// Tells a path with odd characters from an expression. Names of variables do hold blanks, `-`, `/`, `%`, `(` and the
/// like; brackets, quotes, comparisons, and operators between blanks are signs of an expression, whose error is then
/// worth more.
fn could_be_meant_as_path(inner: &str) -> bool {
    let signs = ["\"", "'", "[", "]", "{", "}", "<", ">", "==", "!=", "&&", "||", " + ", " - ", " * ", " / ", " % "];
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

/// Tells whether the evaluation surely fails, because of a name that does not exist or a call of something that is no
/// function. There is no `&&` or `||` in it that could keep the evaluation away.
fn surely_fails(expr: &Expr) -> bool {
    let mut fails = false;
    expr.walk(&mut |expr| {
        fails |= match &expr.kind {
            ExprKind::Name(_) => true,
            ExprKind::Access { accesses, .. } => accesses.iter().any(|access| matches!(access, Access::Call)),
            _ => false,
        };
    });
    fails
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
