//! One field of a derived struct, with what its attribute says.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Result, Type, UnOp};

use crate::text;

/// A field as the derives see it.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) place: Span,
    pub(crate) ty: Type,
    pub(crate) description: Option<String>,
    pub(crate) sensitive: bool,
    pub(crate) default: Option<(Default, Span)>,
}

/// A literal default.
pub(crate) enum Default {
    Text(String),
    Number(f64),
    Boolean(bool),
    /// `[]` or `{}`.
    Empty(&'static str),
}

impl Field {
    /// Reads a field and its attributes of the given name, `input` or `output`.
    pub(crate) fn parse(field: syn::Field, attribute: &str) -> Result<Self> {
        let ident = field.ident.clone().ok_or_else(|| Error::new(field.span(), "the fields need names"))?;
        let mut parsed = Self {
            name: text::plain(&ident),
            place: ident.span(),
            ident,
            ty: field.ty,
            description: text::description(&field.attrs),
            sensitive: false,
            default: None,
        };
        for found in field.attrs.iter().filter(|found| found.path().is_ident(attribute)) {
            parsed.read(found, attribute)?;
        }
        text::check_name(&parsed.name, parsed.place)?;
        Ok(parsed)
    }

    fn read(&mut self, found: &Attribute, attribute: &str) -> Result<()> {
        found.parse_nested_meta(|meta| {
            if meta.path.is_ident("sensitive") {
                self.sensitive = true;
            } else if meta.path.is_ident("name") {
                let name: LitStr = meta.value()?.parse()?;
                (self.name, self.place) = (name.value(), name.span());
            } else if meta.path.is_ident("default") && attribute == "input" {
                let value = meta.value()?;
                let place = value.fork().parse::<Expr>()?.span();
                self.default = Some((Default::parse(value)?, place));
            } else {
                return Err(meta.error(known(attribute)));
            }
            Ok(())
        })
    }
}

fn known(attribute: &str) -> &'static str {
    match attribute {
        "input" => "unknown key; an input knows `name`, `default` and `sensitive`",
        _ => "unknown key; an output knows `name` and `sensitive`",
    }
}

impl Default {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let value: Expr = input.parse()?;
        let found = match &value {
            Expr::Lit(literal) => Self::of_literal(literal),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match &**expr {
                Expr::Lit(literal) => Self::of_literal(literal).and_then(Self::negated),
                _ => None,
            },
            Expr::Array(array) if array.elems.is_empty() => Some(Self::Empty("[]")),
            Expr::Block(block) if block.block.stmts.is_empty() => Some(Self::Empty("{}")),
            _ => None,
        };
        found.ok_or_else(|| Error::new(value.span(), "a default is a literal text, number or boolean, `[]` or `{}`"))
    }

    fn of_literal(literal: &ExprLit) -> Option<Self> {
        match &literal.lit {
            Lit::Str(text) => Some(Self::Text(text.value())),
            Lit::Int(number) => number.base10_parse().ok().map(Self::Number),
            Lit::Float(number) => number.base10_parse().ok().map(Self::Number),
            Lit::Bool(boolean) => Some(Self::Boolean(boolean.value)),
            _ => None,
        }
    }

    fn negated(self) -> Option<Self> {
        match self {
            Self::Number(number) => Some(Self::Number(-number)),
            Self::Text(_) | Self::Boolean(_) | Self::Empty(_) => None,
        }
    }

    /// Returns the declared type that it is of.
    pub(crate) fn declared_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Number(_) => "number",
            Self::Boolean(_) => "boolean",
            Self::Empty("[]") => "array",
            Self::Empty(_) => "struct",
        }
    }

    /// Returns the default as JSON.
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Text(text) => text::quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Empty(json) => (*json).to_owned(),
        }
    }
}
