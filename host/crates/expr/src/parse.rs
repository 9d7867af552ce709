//! The grammar of an expression, by recursive descent over the text of the template.
//!
//! There is no separate pass for tokens, because the end of an expression and the pieces of a double-quoted string are
//! known only to the grammar. Every offset counts in the text of the template, however deep the expression stands.

use std::ops::Range;

use stepwell_schema::Value;

use crate::context::Context;
use crate::error::{ExprError, ExprErrorKind};
use crate::function::Function;
use crate::limit::MAX_DEPTH;
use crate::operator::{Operator, Sign};
use crate::syntax::{Access, Expr, ExprKind, Segment};

/// What opens an expression in a text.
pub(crate) const OPEN: &str = "${{";
/// What closes it.
pub(crate) const CLOSE: &str = "}}";
/// What stands for the text `${{`.
pub(crate) const ESCAPED_OPEN: &str = "\\${{";

/// Words that cannot be identifiers. They may follow a dot and be keys of objects.
const RESERVED: [&str; 34] = [
    "array",
    "as",
    "break",
    "case",
    "const",
    "continue",
    "default",
    "else",
    "fallthrough",
    "float",
    "for",
    "func",
    "function",
    "goto",
    "if",
    "import",
    "in",
    "int",
    "let",
    "loop",
    "map",
    "namespace",
    "number",
    "object",
    "package",
    "range",
    "return",
    "string",
    "struct",
    "switch",
    "type",
    "var",
    "void",
    "while",
];

/// A reader of expressions that stands somewhere in a text.
pub(crate) struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// Makes a reader that stands at the byte `at`, which must be a character boundary.
    pub(crate) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at, depth: 0 }
    }

    /// Returns where it stands.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Reads an expression and its closing delimiter; the opening one has been read.
    pub(crate) fn interpolation(&mut self) -> Result<Expr, ExprError> {
        let expr = self.expression()?;
        self.need(CLOSE, "an operator or `}}`")?;
        Ok(expr)
    }

    fn expression(&mut self) -> Result<Expr, ExprError> {
        self.chain(0)
    }

    /// Reads operands joined by operators that bind at least as strongly as `weakest`.
    ///
    /// Every level of the tree goes through here, so that here it is counted.
    fn chain(&mut self, weakest: u8) -> Result<Expr, ExprError> {
        if self.depth == MAX_DEPTH {
            return Err(ExprErrorKind::TooDeep.at(self.here()));
        }
        self.depth += 1;
        let mut left = self.signed()?;
        while let Some(operator) = self.peek_operator().filter(|operator| operator.precedence() >= weakest) {
            self.at += operator.as_str().len();
            let right = self.chain(operator.precedence() + 1)?;
            left = Expr::chain(left, operator, right);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn peek_operator(&mut self) -> Option<Operator> {
        self.skip_space();
        Operator::at_start_of(self.rest())
    }

    fn signed(&mut self) -> Result<Expr, ExprError> {
        self.skip_space();
        let start = self.at;
        let mut signs = Vec::new();
        while let Some(sign) = self.peek().and_then(Sign::from_byte) {
            signs.push(sign);
            self.at += 1;
            self.skip_space();
        }
        let operand = self.accessed()?;
        if signs.is_empty() {
            return Ok(operand);
        }
        Ok(Expr::new(ExprKind::Signed { signs, operand: Box::new(operand) }, start..self.at))
    }

    /// Reads an operand with everything that is accessed or called behind it.
    fn accessed(&mut self) -> Result<Expr, ExprError> {
        let start = self.at;
        let mut base = self.primary()?;
        let mut end = self.at;
        let mut accesses = Vec::new();
        while let Some(byte) = self.peek_token() {
            match byte {
                b'.' => accesses.push(self.member()?),
                b'[' => accesses.push(self.index()?),
                b'(' => {
                    let arguments = self.list(b')', Self::expression)?;
                    base = match base.kind {
                        ExprKind::Name(name) if accesses.is_empty() => Expr::new(call(name, arguments), start..self.at),
                        kind => {
                            accesses.push(Access::Call);
                            Expr::new(kind, base.range)
                        }
                    };
                }
                _ => break,
            }
            end = self.at;
        }
        if accesses.is_empty() {
            return Ok(base);
        }
        Ok(Expr::new(ExprKind::Access { base: Box::new(base), accesses }, start..end))
    }

    fn member(&mut self) -> Result<Access, ExprError> {
        self.at += 1;
        self.skip_space();
        let name = self.name().ok_or_else(|| self.expected("a name"))?;
        Ok(Access::Name(name.into()))
    }

    fn index(&mut self) -> Result<Access, ExprError> {
        self.at += 1;
        let index = self.expression()?;
        self.need("]", "an operator or `]`")?;
        Ok(match index.kind {
            ExprKind::Literal(Value::String(name)) => Access::Name(name.into()),
            kind => Access::Index(Expr::new(kind, index.range)),
        })
    }

    fn primary(&mut self) -> Result<Expr, ExprError> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'(') => return self.parenthesised(),
            Some(b'[') => ExprKind::Array(self.list(b']', Self::expression)?),
            Some(b'{') => ExprKind::Object(self.list(b'}', Self::object_member)?),
            Some(b'"') => self.double_quoted()?,
            Some(b'\'') => self.single_quoted()?,
            Some(b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Expr::new(kind, start..self.at))
    }

    fn parenthesised(&mut self) -> Result<Expr, ExprError> {
        let start = self.at;
        self.at += 1;
        let inner = self.expression()?;
        self.need(")", "an operator or `)`")?;
        Ok(Expr::new(inner.kind, start..self.at))
    }

    /// Reads items between the bracket it stands at and `close`, with a comma between them and perhaps behind the last.
    fn list<T>(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<T, ExprError>,
    ) -> Result<Vec<T>, ExprError> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            if self.peek_token() == Some(close) {
                self.at += 1;
                return Ok(items);
            }
            items.push(item(self)?);
            match self.peek_token() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {}
                _ => return Err(self.expected(separator_text(close))),
            }
        }
    }

    fn object_member(&mut self) -> Result<(Expr, Expr), ExprError> {
        let key = self.object_key()?;
        self.need(":", "`:`")?;
        Ok((key, self.expression()?))
    }

    /// Reads a key; a bare name is text, never a variable.
    fn object_key(&mut self) -> Result<Expr, ExprError> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'(') => return self.parenthesised(),
            Some(b'"') => self.double_quoted()?,
            Some(b'\'') => self.single_quoted()?,
            _ => {
                let name = self.name().ok_or_else(|| self.expected("a key"))?;
                ExprKind::Literal(Value::from(name))
            }
        };
        Ok(Expr::new(kind, start..self.at))
    }

    fn word(&mut self) -> Result<ExprKind, ExprError> {
        let start = self.at;
        let word = self.name().ok_or_else(|| self.expected("a value"))?;
        Ok(match word {
            "null" => ExprKind::Literal(Value::Null),
            "true" => ExprKind::Literal(Value::Boolean(true)),
            "false" => ExprKind::Literal(Value::Boolean(false)),
            word => match (Context::from_name(word), RESERVED.binary_search(&word)) {
                (Some(context), _) => ExprKind::Context(context),
                (None, Ok(index)) => return Err(ExprErrorKind::Reserved(RESERVED[index]).at(start..self.at)),
                (None, Err(_)) => ExprKind::Name(word.into()),
            },
        })
    }

    fn number(&mut self) -> Result<ExprKind, ExprError> {
        let start = self.at;
        self.at += number_length(self.rest());
        let range = start..self.at;
        match self.text[range.clone()].parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(ExprKind::Literal(Value::Number(number))),
            Ok(_) | Err(_) => Err(ExprErrorKind::NumberTooLarge.at(range)),
        }
    }

    fn single_quoted(&mut self) -> Result<ExprKind, ExprError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            self.copy_until(&mut text, |byte| matches!(byte, b'\'' | b'\\'));
            match self.rest().as_bytes() {
                [b'\'', ..] => {
                    self.at += 1;
                    return Ok(ExprKind::Literal(Value::String(text)));
                }
                [b'\\', escaped @ (b'\\' | b'\''), ..] => {
                    text.push(char::from(*escaped));
                    self.at += 2;
                }
                [b'\\', ..] => {
                    text.push('\\');
                    self.at += 1;
                }
                _ => return Err(ExprErrorKind::UnclosedString.at(start..self.at)),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<ExprKind, ExprError> {
        let start = self.at;
        self.at += 1;
        let mut pieces = Pieces::default();
        loop {
            self.copy_until(&mut pieces.text, |byte| matches!(byte, b'"' | b'\\' | b'$'));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(pieces.into_expr());
                }
                Some(b'\\') => pieces.text.push_str(&self.escape()?),
                Some(b'$') if self.rest().starts_with(OPEN) => {
                    self.at += OPEN.len();
                    pieces.push(self.interpolation()?);
                }
                Some(b'$') => {
                    pieces.text.push('$');
                    self.at += 1;
                }
                _ => return Err(ExprErrorKind::UnclosedString.at(start..self.at)),
            }
        }
    }

    /// Reads one escape of a double-quoted string; it stands at the backslash.
    fn escape(&mut self) -> Result<String, ExprError> {
        let start = self.at;
        if self.rest().starts_with(ESCAPED_OPEN) {
            self.at += ESCAPED_OPEN.len();
            return Ok(OPEN.to_owned());
        }
        let Some(escaped) = self.rest().chars().nth(1) else {
            return Err(ExprErrorKind::UnclosedString.at(start..self.text.len()));
        };
        if escaped == 'u' {
            return self.unicode_escape().map(String::from);
        }
        self.at += 1 + escaped.len_utf8();
        let meaning = match escaped {
            '\\' | '"' | '/' => escaped,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            _ => return Err(ExprErrorKind::Escape(escaped).at(start..self.at)),
        };
        Ok(meaning.to_string())
    }

    /// Reads `\uXXXX`, or two of them that make a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, ExprError> {
        let start = self.at;
        let first = self.code_unit();
        let character = match first {
            Some(high @ 0xD800..=0xDBFF) => {
                let low = self.code_unit();
                low.and_then(|low| char::decode_utf16([high, low]).next()).and_then(Result::ok)
            }
            Some(unit) => char::from_u32(u32::from(unit)),
            None => None,
        };
        character.ok_or_else(|| ExprErrorKind::UnicodeEscape.at(start..self.at))
    }

    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.rest().strip_prefix("\\u")?.get(..4)?;
        // `from_str_radix` alone would take a sign.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += "\\u".len() + digits.len();
        u16::from_str_radix(digits, 16).ok()
    }

    /// Copies up to the next byte that `stops`, which must be true for ASCII only, or to the end.
    fn copy_until(&mut self, out: &mut String, stops: impl Fn(u8) -> bool) {
        let rest = self.rest();
        let length = rest.bytes().position(stops).unwrap_or(rest.len());
        out.push_str(&rest[..length]);
        self.at += length;
    }

    fn name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let length = name_length(rest);
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }

    fn need(&mut self, token: &str, expected: &'static str) -> Result<(), ExprError> {
        self.skip_space();
        if !self.rest().starts_with(token) {
            return Err(self.expected(expected));
        }
        self.at += token.len();
        Ok(())
    }

    fn peek_token(&mut self) -> Option<u8> {
        self.skip_space();
        self.peek()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> ExprError {
        ExprErrorKind::Expected { expected, found: self.rest().chars().next() }.at(self.here())
    }

    /// The range of the character it stands at.
    fn here(&self) -> Range<usize> {
        self.at..self.at + self.rest().chars().next().map_or(0, char::len_utf8)
    }
}

/// The pieces of a double-quoted string as they are read.
#[derive(Default)]
struct Pieces {
    segments: Vec<Segment>,
    text: String,
}

impl Pieces {
    fn push(&mut self, expr: Expr) {
        self.close_text();
        self.segments.push(Segment::Expr(expr));
    }

    fn close_text(&mut self) {
        if !self.text.is_empty() {
            self.segments.push(Segment::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn into_expr(mut self) -> ExprKind {
        if self.segments.is_empty() {
            return ExprKind::Literal(Value::String(self.text));
        }
        self.close_text();
        ExprKind::Text(self.segments)
    }
}

fn call(name: Box<str>, arguments: Vec<Expr>) -> ExprKind {
    ExprKind::Call { function: Function::from_name(&name), name, arguments }
}

fn separator_text(close: u8) -> &'static str {
    match close {
        b']' => "an operator, `,` or `]`",
        b'}' => "an operator, `,` or `}`",
        _ => "an operator, `,` or `)`",
    }
}

/// Returns how many bytes at the start of `text` are a name; 0 if it does not begin with one.
pub(crate) fn name_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_').unwrap_or(text.len())
}

/// Returns how many bytes at the start of `text` are a number without sign; 0 if it does not begin with one.
pub(crate) fn number_length(text: &str) -> usize {
    let whole = digits_length(text);
    if whole == 0 {
        return 0;
    }
    let fraction = text[whole..].strip_prefix('.').map_or(0, digits_length);
    let mantissa = if fraction > 0 { whole + 1 + fraction } else { whole };
    mantissa + exponent_length(&text[mantissa..])
}

fn exponent_length(text: &str) -> usize {
    let Some(behind) = text.strip_prefix(['e', 'E']) else { return 0 };
    let digits = behind.strip_prefix(['+', '-']).unwrap_or(behind);
    match digits_length(digits) {
        0 => 0,
        length => text.len() - digits.len() + length,
    }
}

fn digits_length(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}
