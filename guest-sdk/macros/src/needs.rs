//! What a function asks for, as the attribute says it: read, checked, and written as `needs` of the section.
//!
//! The words are those of `spec.needs` in the function file. What that file would refuse is refused here, at the token.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitStr, Result, Token, parenthesized};

use crate::quantity;
use crate::text::{self, quoted};

const KNOWN: &str = "a function needs `read`, `write`, `env`, `http`, `secret`, `clock`, `random` and `limits`";

/// Everything asked for, in the form of `spec.needs`.
#[derive(Default)]
pub(crate) struct Needs {
    read: Vec<String>,
    write: Vec<String>,
    env: Vec<String>,
    http: Vec<String>,
    secrets: Vec<String>,
    clock: Option<String>,
    random: Option<String>,
    limits: Option<String>,
    /// The inputs that expressions name, each with its place.
    pub(crate) inputs: Vec<(String, Span)>,
}

/// One argument of a need.
enum Argument {
    Text(LitStr),
    Word(Ident),
    Pair(Ident, Box<Expr>),
}

/// The arguments of a need, taken out one by one.
struct Arguments {
    /// The word before the parentheses.
    need: Ident,
    left: Vec<Argument>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            return Ok(Self::Text(input.parse()?));
        }
        let name = input.call(Ident::parse_any)?;
        if input.parse::<Option<Token![=]>>()?.is_some() {
            return Ok(Self::Pair(name, Box::new(input.parse()?)));
        }
        Ok(Self::Word(name))
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let need: Ident = input.parse()?;
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(need.span(), format!("write what is needed in parentheses: `{need}(…)`")));
        }
        let content;
        parenthesized!(content in input);
        let left = Punctuated::<Argument, Token![,]>::parse_terminated(&content)?;
        Ok(Self { need, left: left.into_iter().collect() })
    }
}

impl Parse for Needs {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut needs = Self::default();
        for arguments in Punctuated::<Arguments, Token![,]>::parse_terminated(input)? {
            needs.add(arguments)?;
        }
        Ok(needs)
    }
}

impl Needs {
    /// Returns the JSON of `needs`.
    pub(crate) fn json(&self) -> String {
        let list =
            |key: &str, items: &[String]| (!items.is_empty()).then(|| format!("\"{key}\":[{}]", items.join(",")));
        let word = |key: &str, word: &Option<String>| word.as_ref().map(|json| format!("\"{key}\":{json}"));
        let members = [
            list("read", &self.read),
            list("write", &self.write),
            list("env", &self.env),
            list("http", &self.http),
            list("secrets", &self.secrets),
            word("clock", &self.clock),
            word("random", &self.random),
            word("limits", &self.limits),
        ];
        format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
    }

    fn add(&mut self, mut arguments: Arguments) -> Result<()> {
        let need = arguments.need.clone();
        match need.to_string().as_str() {
            "read" => {
                let path = self.path(&mut arguments)?;
                self.read.push(object([Some(path), arguments.reason()?, arguments.optional()]));
            }
            "write" => {
                let path = self.path(&mut arguments)?;
                let bytes = arguments.quantity("bytes", quantity::size)?;
                let files = arguments.quantity("files", quantity::count)?;
                self.write.push(object([Some(path), bytes, files, arguments.reason()?, arguments.optional()]));
            }
            "env" => {
                let name = arguments.text("the name of a variable")?;
                text::check_name(&name.value(), name.span())?;
                self.env.push(quoted(&name.value()));
            }
            "http" => self.http(&mut arguments)?,
            "secret" => self.secret(&mut arguments)?,
            "clock" => arguments.choice(&mut self.clock, &["none", "frozen", "coarse", "real"])?,
            "random" => arguments.choice(&mut self.random, &["none", "seeded", "secure"])?,
            "limits" => {
                let limits = object([
                    arguments.quantity("memory", quantity::size)?,
                    arguments.quantity("cpu", quantity::duration)?,
                    arguments.quantity("wall", quantity::duration)?,
                    arguments.quantity("log", quantity::size)?,
                ]);
                once(&mut self.limits, limits, &need)?;
            }
            _ => return Err(Error::new(need.span(), KNOWN)),
        }
        arguments.finish()
    }

    fn path(&mut self, arguments: &mut Arguments) -> Result<String> {
        let path = arguments.text("a folder of the work dir")?;
        let value = path.value();
        let problem = if value.is_empty() {
            Some("a path is not empty; the work dir itself is `.`")
        } else if value.starts_with('/') {
            Some("a path is relative to the job's work dir, which is all that can be asked for")
        } else if value.split('/').any(|part| part == "..") {
            Some("a path with `..` leaves the job's work dir, which is all that can be asked for")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(Error::new(path.span(), problem));
        }
        self.note_inputs(&path)?;
        Ok(member("path", &quoted(&value)))
    }

    fn http(&mut self, arguments: &mut Arguments) -> Result<()> {
        let host = arguments.text("a host")?;
        let host = self.host(&host)?;
        let port = arguments.quantity("port", quantity::port)?;
        let methods = arguments.list("methods", method)?;
        let mut patterns = Vec::new();
        let paths = arguments.list("paths", |expr| {
            let path = text_of(expr, "a path is a text: `\"/v1/*\"`")?;
            let value = path.value();
            if !value.starts_with('/') && !value.contains("${{") {
                return Err(Error::new(path.span(), "the path of a request begins with `/`"));
            }
            patterns.push(path);
            Ok(quoted(&value))
        })?;
        for pattern in &patterns {
            self.note_inputs(pattern)?;
        }
        self.http.push(object([Some(host), port, methods, paths, arguments.reason()?, arguments.optional()]));
        Ok(())
    }

    fn secret(&mut self, arguments: &mut Arguments) -> Result<()> {
        let name = arguments.text("the name of a secret")?;
        text::check_name(&name.value(), name.span())?;
        let (header, reveal) = (arguments.word("header"), arguments.word("reveal"));
        let host = arguments.pair("host");
        let (usage, host) = match (header, reveal, host) {
            (Some(_), None, Some(host)) => {
                ("header", Some(self.host(&text_of(&host, "a host is a text: `\"api.example.com\"`")?)?))
            }
            (Some(header), None, None) => {
                let problem = "a secret goes into headers of requests to one host: add `host = \"api.example.com\"`";
                return Err(Error::new(header.span(), problem));
            }
            (None, Some(_), None) => ("reveal", None),
            (None, Some(_), Some(host)) => {
                let problem = "a secret that is revealed is not bound to a host; write `header` in place of `reveal`";
                return Err(Error::new(host.span(), problem));
            }
            (Some(_), Some(reveal), _) => {
                return Err(Error::new(reveal.span(), "a secret is for a header or revealed, not both"));
            }
            (None, None, _) => {
                let problem = "say how it is used: `header, host = \"api.example.com\"`, or `reveal`";
                return Err(Error::new(name.span(), problem));
            }
        };
        let usage = member("use", &quoted(usage));
        let name = member("name", &quoted(&name.value()));
        self.secrets.push(object([Some(name), Some(usage), host, arguments.reason()?, arguments.optional()]));
        Ok(())
    }

    fn host(&mut self, host: &LitStr) -> Result<String> {
        let value = host.value();
        if !value.contains("${{") && (value.is_empty() || value.contains(['/', '@', ' ', '\t', '\n', '\\'])) {
            let problem = "a host is a name or an address alone; the port goes to `port`, the path to `paths`";
            return Err(Error::new(host.span(), problem));
        }
        self.note_inputs(host)?;
        Ok(member("host", &quoted(&value)))
    }

    /// Remembers the inputs that a text's expressions name, for a check against the struct of the inputs.
    fn note_inputs(&mut self, text: &LitStr) -> Result<()> {
        let value = text.value();
        let mut rest = value.as_str();
        while let Some((_, after)) = rest.split_once("${{") {
            let Some((expression, after)) = after.split_once("}}") else {
                return Err(Error::new(text.span(), "an expression ends with `}}`"));
            };
            let mut parts = expression.split("inputs.");
            let mut before = parts.next().unwrap_or_default();
            for part in parts {
                let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
                if !before.ends_with(|last: char| last.is_ascii_alphanumeric() || matches!(last, '_' | '.')) {
                    self.inputs.push((part[..end].to_owned(), text.span()));
                }
                before = part;
            }
            rest = after;
        }
        Ok(())
    }
}

impl Arguments {
    /// Takes the text that stands first.
    fn text(&mut self, what: &str) -> Result<LitStr> {
        match self.left.first() {
            Some(Argument::Text(_)) => {}
            Some(Argument::Word(_) | Argument::Pair(_, _)) | None => {
                return Err(Error::new(self.need.span(), format!("`{}` begins with {what}, as a text", self.need)));
            }
        }
        match self.left.remove(0) {
            Argument::Text(text) => Ok(text),
            Argument::Word(word) | Argument::Pair(word, _) => Err(Error::new(word.span(), "a text is expected")),
        }
    }

    fn word(&mut self, word: &str) -> Option<Ident> {
        let place = self.left.iter().position(|argument| matches!(argument, Argument::Word(found) if found == word))?;
        match self.left.remove(place) {
            Argument::Word(found) => Some(found),
            Argument::Text(_) | Argument::Pair(_, _) => None,
        }
    }

    fn pair(&mut self, key: &str) -> Option<Expr> {
        let place =
            self.left.iter().position(|argument| matches!(argument, Argument::Pair(found, _) if found == key))?;
        match self.left.remove(place) {
            Argument::Pair(_, value) => Some(*value),
            Argument::Text(_) | Argument::Word(_) => None,
        }
    }

    fn reason(&mut self) -> Result<Option<String>> {
        let Some(value) = self.pair("reason") else { return Ok(None) };
        let text = text_of(&value, "a reason is a text")?;
        Ok(Some(member("reason", &quoted(&text.value()))))
    }

    fn optional(&mut self) -> Option<String> {
        self.word("optional").map(|_| member("optional", "true"))
    }

    fn quantity(&mut self, key: &str, read: fn(&Expr) -> Result<String>) -> Result<Option<String>> {
        self.pair(key).map(|value| Ok(member(key, &read(&value)?))).transpose()
    }

    fn list(&mut self, key: &str, mut read: impl FnMut(&Expr) -> Result<String>) -> Result<Option<String>> {
        match self.pair(key) {
            None => Ok(None),
            Some(Expr::Array(array)) => {
                let items: Vec<_> = array.elems.iter().map(&mut read).collect::<Result<_>>()?;
                Ok(Some(member(key, &format!("[{}]", items.join(",")))))
            }
            Some(other) => Err(Error::new(other.span(), format!("`{key}` is a list in brackets"))),
        }
    }

    /// Reads one of a few words, which stand alone.
    fn choice(&mut self, place: &mut Option<String>, words: &[&str]) -> Result<()> {
        let found = words.iter().find_map(|word| self.word(word));
        let Some(word) = found else {
            return Err(Error::new(self.need.span(), format!("`{}` is one of `{}`", self.need, words.join("`, `"))));
        };
        once(place, quoted(&word.to_string()), &self.need)
    }

    /// Ends the taking.
    fn finish(self) -> Result<()> {
        let place = match self.left.first() {
            None => return Ok(()),
            Some(Argument::Text(text)) => text.span(),
            Some(Argument::Word(word) | Argument::Pair(word, _)) => word.span(),
        };
        Err(Error::new(place, known(&self.need.to_string())))
    }
}

/// Returns what a need may say about itself.
fn known(need: &str) -> String {
    let keys = match need {
        "read" => "`read` knows `reason = \"…\"` and `optional`, each once",
        "write" => "`write` knows `bytes`, `files`, `reason = \"…\"` and `optional`, each once",
        "env" => "`env` is the name of one variable",
        "http" => "`http` knows `port`, `methods`, `paths`, `reason = \"…\"` and `optional`, each once",
        "secret" => "`secret` knows `header, host = \"…\"` or `reveal`, `reason = \"…\"` and `optional`, each once",
        "limits" => "`limits` knows `memory`, `cpu`, `wall` and `log`, each once",
        _ => "this is one word",
    };
    keys.to_owned()
}

fn once(place: &mut Option<String>, value: String, need: &Ident) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(need.span(), format!("`{need}` is said twice"))),
    }
}

/// Reads a method, as a word or a text.
fn method(expr: &Expr) -> Result<String> {
    let name = match expr {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    };
    let letters =
        |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    match name.filter(letters) {
        Some(name) if name == "CONNECT" || name == "TRACE" => {
            Err(Error::new(expr.span(), format!("`{name}` is never allowed: it is not a request to the host")))
        }
        Some(name) => Ok(quoted(&name)),
        None => Err(Error::new(expr.span(), "a method is a word in upper case: `GET`")),
    }
}

fn text_of(expr: &Expr, problem: &str) -> Result<LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        other => Err(Error::new(other.span(), problem)),
    }
}

fn member(key: &str, json: &str) -> String {
    format!("\"{key}\":{json}")
}

fn object<const N: usize>(members: [Option<String>; N]) -> String {
    format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
}
