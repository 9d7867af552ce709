//! From the library's events to trees: places, tags, keys, aliases and budgets.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, StrInput, StructureStyle, Tag};

use super::scalar::{ScalarValue, type_plain};
use super::tree::{Member, Scalar, Style, Tree, TreeKind};
use super::{MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_NODES, MAX_SCALAR_BYTES};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::problem::{Problem, Severity};
use crate::source::{Span, Spanned};

/// Why reading cannot go on. Boxed, since a problem is large and every step of the reader can give one.
type Fatal = Box<Problem>;

/// The tags of YAML's own name space.
const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// The tags that have a meaning here, as messages list them.
const KNOWN_TAGS: &str = "`!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!seq`, `!!map`, `!!binary`";

/// The documents of a text.
pub(crate) struct Documents {
    /// The documents in order, as many as were asked for at most.
    pub(crate) trees: Vec<Tree>,
    /// Where the first document behind those begins, if there is one. Nothing behind this place was read.
    pub(crate) rest: Option<Span>,
}

/// What the files of one document have taken of the limits so far.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// Bytes of text.
    text: usize,
    /// Nodes and bytes of scalars, aliases counted as what they stand for.
    nodes: usize,
    bytes: usize,
}

/// Reads at most `most` documents of a text. Problems of keys and tags are noted and reading goes on; none is returned
/// where it could not go on.
pub(crate) fn read(findings: &mut Findings, most: usize) -> Option<Documents> {
    read_within(findings, most, References::Unknown, &mut Spent::default())
}

/// Reads a file of a document that may stand in several, in which the tag `!reference` has a meaning. What earlier files
/// have spent counts.
pub(crate) fn read_file(findings: &mut Findings, most: usize, spent: &mut Spent) -> Option<Documents> {
    read_within(findings, most, References::Read, spent)
}

fn read_within(findings: &mut Findings, most: usize, references: References, spent: &mut Spent) -> Option<Documents> {
    let source = Arc::clone(findings.source());
    spent.text = spent.text.saturating_add(source.text().len());
    let documents = check_size(findings, spent.text)
        .and_then(|()| Reader::new(source.text(), &mut *findings, references, spent).documents(most));
    documents.map_err(|problem| findings.push(*problem)).ok()
}

/// Whether the tag `!reference` has a meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum References {
    /// It is as unknown as any other.
    Unknown,
    /// It makes a list a reference.
    Read,
}

fn check_size(findings: &Findings, length: usize) -> Result<(), Fatal> {
    if length <= MAX_DOCUMENT_BYTES {
        return Ok(());
    }
    let whole = if length == findings.source().text().len() { "the text has" } else { "with this file there are" };
    Err(too_large(findings, Span::new(0, 0), format!("{whole} {length} bytes"), MAX_DOCUMENT_BYTES, "bytes"))
}

fn too_large(findings: &Findings, span: Span, message: String, limit: usize, unit: &str) -> Fatal {
    let problem = Problem::error(code::DOCUMENT_TOO_LARGE, message)
        .at(findings.place(span), format!("more than {limit} {unit}"))
        .help(format!("at most {limit} {unit} are read; an alias counts as all that it stands for"));
    Box::new(problem)
}

fn too_deep(findings: &Findings, span: Span) -> Fatal {
    too_large(findings, span, "the text is nested too deeply".to_owned(), MAX_DEPTH, "levels")
}

/// One event with its place.
struct Token<'t> {
    event: Event<'t>,
    span: Span,
}

/// What an anchor stands for.
enum Anchored {
    /// Its value is still being read: an alias to it would have no end.
    Open,
    /// A value with what it costs each time it is used.
    Closed { tree: Tree, nodes: usize, bytes: usize, height: usize },
}

/// A value with the number of collections nested in it, itself included.
struct Read {
    tree: Tree,
    height: usize,
}

struct Reader<'t, 'f> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    findings: &'f mut Findings,
    anchors: HashMap<usize, Anchored>,
    references: References,
    spent: &'f mut Spent,
    /// One past the last byte of content so far; block collections end here, since their closing events come only at
    /// the next token.
    content_end: usize,
}

impl<'t, 'f> Reader<'t, 'f> {
    fn new(text: &'t str, findings: &'f mut Findings, references: References, spent: &'f mut Spent) -> Self {
        let parser = Parser::new_from_str(text);
        Self { text, parser, findings, anchors: HashMap::new(), references, spent, content_end: 0 }
    }

    fn documents(&mut self, most: usize) -> Result<Documents, Fatal> {
        let mut trees = Vec::new();
        loop {
            let token = self.next()?;
            match token.event {
                Event::DocumentStart(..) if trees.len() == most => {
                    return Ok(Documents { trees, rest: Some(token.span) });
                }
                Event::DocumentStart(..) => {
                    let first = self.next()?;
                    trees.push(self.value(first, 0)?.tree);
                }
                Event::StreamEnd => return Ok(Documents { trees, rest: None }),
                _ => {}
            }
        }
    }

    /// Returns the next event; behind the last one, the end of the stream again and again.
    fn next(&mut self) -> Result<Token<'t>, Fatal> {
        match self.parser.next_event() {
            None => Ok(Token { event: Event::StreamEnd, span: Span::new(self.text.len(), self.text.len()) }),
            Some(Ok((event, span))) => {
                // Byte offsets are there for every event of a text; an empty span is the harmless answer if not.
                let range = span.byte_range().unwrap_or(0..0);
                Ok(Token { event, span: Span::new(range.start, range.end) })
            }
            Some(Err(error)) => Err(self.syntax_problem(&error)),
        }
    }

    fn syntax_problem(&self, error: &granit_parser::ScanError) -> Fatal {
        let start = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let width = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, |next| match next {
            '\n' | '\r' => 0,
            other => other.len_utf8(),
        });
        let span = Span::new(start, start + width);
        if let ErrorKind::RecursionLimitExceeded = error.kind() {
            return too_deep(self.findings, span);
        }
        let message = format!("this is not YAML: {}", excerpt(&error.kind().to_string()));
        let problem = Problem::error(code::YAML_SYNTAX, message)
            .at(self.findings.place(span), "reading stopped here")
            .help(
                "look at the indentation and at quotes and brackets left open; a text that holds `: ` or ` #`, or begins \
                 with one of `*&!%@[]{}|>`, needs quotes",
            );
        Box::new(problem)
    }

    /// Reads the value that begins with a token.
    fn value(&mut self, token: Token<'t>, depth: usize) -> Result<Read, Fatal> {
        self.spend(1, 0, token.span)?;
        let Token { event, span } = token;
        match event {
            Event::Alias(id) => self.alias(id, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let before = (self.spent.nodes - 1, self.spent.bytes);
                let tree = self.scalar(&text, style, tag.as_deref(), span)?;
                Ok(self.anchored(anchor, before, Read { tree, height: 0 }))
            }
            Event::SequenceStart(style, anchor, tag) => {
                let before = self.open(anchor, depth, span)?;
                let reference = self.is_reference(tag.as_deref());
                if !reference {
                    self.check_collection_tag(tag.as_deref(), "seq", span);
                }
                let mut read = self.sequence(style, span, depth + 1)?;
                if let TreeKind::Sequence(keys) = &read.tree.kind
                    && reference
                {
                    read.tree.kind = TreeKind::Reference(Rc::clone(keys));
                }
                Ok(self.anchored(anchor, before, read))
            }
            Event::MappingStart(style, anchor, tag) => {
                let before = self.open(anchor, depth, span)?;
                self.check_collection_tag(tag.as_deref(), "map", span);
                let read = self.mapping(style, span, depth + 1)?;
                Ok(self.anchored(anchor, before, read))
            }
            _ => Ok(Read { tree: null(span), height: 0 }),
        }
    }

    /// Counts nodes and bytes against the budgets.
    fn spend(&mut self, nodes: usize, bytes: usize, span: Span) -> Result<(), Fatal> {
        self.spent.nodes = self.spent.nodes.saturating_add(nodes);
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
        if self.spent.nodes > MAX_NODES {
            return Err(too_large(self.findings, span, "the text has too many values".to_owned(), MAX_NODES, "values"));
        }
        if self.spent.bytes > MAX_SCALAR_BYTES {
            let message = "the texts of the document are too long".to_owned();
            return Err(too_large(self.findings, span, message, MAX_SCALAR_BYTES, "bytes"));
        }
        Ok(())
    }

    fn check_depth(&self, depth: usize, span: Span) -> Result<(), Fatal> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(too_deep(self.findings, span))
    }

    /// Begins a collection; returns what had been spent before it.
    fn open(&mut self, anchor: usize, depth: usize, span: Span) -> Result<(usize, usize), Fatal> {
        self.check_depth(depth + 1, span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored::Open);
        }
        Ok((self.spent.nodes - 1, self.spent.bytes))
    }

    /// Keeps a value under its anchor, if it has one.
    fn anchored(&mut self, anchor: usize, (nodes, bytes): (usize, usize), read: Read) -> Read {
        if anchor != 0 {
            let (nodes, bytes) = (self.spent.nodes - nodes, self.spent.bytes - bytes);
            self.anchors
                .insert(anchor, Anchored::Closed { tree: read.tree.clone(), nodes, bytes, height: read.height });
        }
        read
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Read, Fatal> {
        self.content_end = span.end;
        match self.anchors.get(&id) {
            Some(Anchored::Closed { tree, nodes, bytes, height }) => {
                let (read, nodes, bytes) = (Read { tree: tree.clone(), height: *height }, *nodes, *bytes);
                self.check_depth(depth + read.height, span)?;
                self.spend(nodes - 1, bytes, span)?;
                Ok(read)
            }
            Some(Anchored::Open) | None => {
                let problem = Problem::error(code::RECURSIVE_ALIAS, "a value holds itself through an alias")
                    .at(self.findings.place(span), "this alias stands inside its own anchor")
                    .help("an alias may only stand behind the value that its anchor marks");
                Err(Box::new(problem))
            }
        }
    }

    fn sequence(&mut self, style: StructureStyle, start: Span, depth: usize) -> Result<Read, Fatal> {
        self.content_end = start.end;
        let mut items = Vec::new();
        let mut height = 0;
        loop {
            let token = self.next()?;
            if matches!(token.event, Event::SequenceEnd | Event::StreamEnd) {
                let span = self.collection_span(style, start, token.span);
                return Ok(Read { tree: Tree { kind: TreeKind::Sequence(items.into()), span }, height: height + 1 });
            }
            let item = self.value(token, depth)?;
            height = height.max(item.height);
            items.push(item.tree);
        }
    }

    fn mapping(&mut self, style: StructureStyle, start: Span, depth: usize) -> Result<Read, Fatal> {
        self.content_end = start.end;
        let mut members = Members::default();
        let mut height = 0;
        loop {
            let token = self.next()?;
            if matches!(token.event, Event::MappingEnd | Event::StreamEnd) {
                let span = self.collection_span(style, start, token.span);
                return Ok(Read { tree: Tree { kind: TreeKind::Mapping(members.finish()), span }, height: height + 1 });
            }
            let key_span = token.span;
            let key = self.value(token, depth)?.tree;
            let token = self.next()?;
            let mut value = self.value(token, depth)?;
            height = height.max(value.height);
            if value.tree.span.start == value.tree.span.end {
                // A missing value has no place of its own; its key has.
                value.tree.span = key_span;
            }
            self.member(&mut members, &key, key_span, value.tree);
        }
    }

    fn collection_span(&mut self, style: StructureStyle, start: Span, end: Span) -> Span {
        if style == StructureStyle::Flow {
            self.content_end = end.end;
        }
        Span::new(start.start, self.content_end.max(start.start))
    }

    /// Adds a member, after a look at its key.
    fn member(&mut self, members: &mut Members, key: &Tree, span: Span, value: Tree) {
        let TreeKind::Scalar(scalar) = &key.kind else { return self.key_not_text(key.describe(), None, span) };
        if scalar.value != ScalarValue::Text {
            return self.key_not_text(key.describe(), Some(&scalar.text), span);
        }
        if let Some(first) = members.first_place(&scalar.text) {
            return self.duplicate_key(&scalar.text, first, span);
        }
        let key = Spanned::new(Rc::clone(&scalar.text), span);
        if scalar.style == Style::Plain && &*scalar.text == "<<" {
            members.merge_key = Some(span);
            return self.merge(members, value);
        }
        members.add(Member { key, value });
    }

    fn key_not_text(&mut self, what: &str, text: Option<&str>, span: Span) {
        let help = match text {
            Some(text) if !text.is_empty() => format!("quote it to make it a text: `\"{}\"`", excerpt(text)),
            Some(_) | None => "write a text in front of the colon".to_owned(),
        };
        let message = format!("a key must be a text, not {what}");
        self.findings.error(code::KEY_NOT_TEXT, span, message, format!("this is {what}"), help);
    }

    fn duplicate_key(&mut self, key: &str, first: Span, second: Span) {
        if !self.findings.has_room(Severity::Error) {
            return;
        }
        let key = excerpt(key);
        let line = |span: Span| self.findings.source().line_column(span.start).0;
        let message = format!("key `{key}` is there twice, in lines {} and {}", line(first), line(second));
        let problem = Problem::error(code::DUPLICATE_KEY, message)
            .at(self.findings.place(second), "here again")
            .at(self.findings.place(first), "here first")
            .help("leave one of them out");
        self.findings.push(problem);
    }

    /// Takes the members of one mapping, or of each mapping of a list. Keys that the mapping itself has win, then those
    /// of earlier mappings of the list.
    fn merge(&mut self, members: &mut Members, value: Tree) {
        match &value.kind {
            TreeKind::Mapping(merged) => members.merge(merged),
            TreeKind::Sequence(items) => {
                for item in &**items {
                    match &item.kind {
                        TreeKind::Mapping(merged) => members.merge(merged),
                        TreeKind::Scalar(_) | TreeKind::Sequence(_) | TreeKind::Reference(_) => {
                            self.invalid_merge(item)
                        }
                    }
                }
            }
            TreeKind::Scalar(_) | TreeKind::Reference(_) => self.invalid_merge(&value),
        }
    }

    fn invalid_merge(&mut self, value: &Tree) {
        let what = value.describe();
        self.findings.error(
            code::INVALID_MERGE,
            value.span,
            format!("`<<` merges mappings, not {what}"),
            format!("this is {what}"),
            "write an alias of a mapping, such as `<<: *defaults`, or a list of them",
        );
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Tree, Fatal> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        // The library gives `~` for a value that is not there.
        let text = if style == Style::Plain && span.start == span.end { "" } else { text };
        self.spend(0, text.len(), span)?;
        let span = self.without_trailing_space(span);
        self.content_end = span.end;
        let untagged = if style == Style::Plain { type_plain(text) } else { ScalarValue::Text };
        let (text, value) = match tag {
            None => (text.into(), untagged),
            Some(tag) => self.tagged_scalar(text, untagged, tag, span),
        };
        Ok(Tree { kind: TreeKind::Scalar(Scalar { text, style, value }), span })
    }

    /// Block scalars end at the next token; the line breaks between are not theirs to underline.
    fn without_trailing_space(&self, span: Span) -> Span {
        let text = self.text.get(span.start..span.end).unwrap_or("");
        Span::new(span.start, span.start + text.trim_end_matches([' ', '\t', '\r', '\n']).len())
    }

    fn tagged_scalar(&mut self, text: &str, untagged: ScalarValue, tag: &Tag, span: Span) -> (Rc<str>, ScalarValue) {
        let Some(name) = tag_name(tag) else {
            self.unknown_tag(tag, span);
            return (text.into(), untagged);
        };
        let value = match (name.as_str(), type_plain(text)) {
            ("str", _) => Some(ScalarValue::Text),
            ("null", ScalarValue::Null) => Some(ScalarValue::Null),
            ("bool", value @ ScalarValue::Boolean(_)) => Some(value),
            ("int", ScalarValue::Number(number)) if number.fract() == 0.0 => Some(ScalarValue::Number(number)),
            ("float", value @ ScalarValue::Number(_)) => Some(value),
            ("binary", _) => return self.binary(text, span),
            ("null" | "bool" | "int" | "float", _) => None,
            _ => {
                self.unknown_tag(tag, span);
                return (text.into(), untagged);
            }
        };
        if value.is_none() {
            self.findings.error(
                code::INVALID_TAGGED_VALUE,
                span,
                format!("`{}` is no value for the tag `{}`", excerpt(text), excerpt(&tag.original())),
                "does not fit its tag",
                "leave the tag out, or use `!!str` for a text",
            );
        }
        (text.into(), value.unwrap_or(untagged))
    }

    fn binary(&mut self, text: &str, span: Span) -> (Rc<str>, ScalarValue) {
        let compact: String = text.split_ascii_whitespace().collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(compact).ok();
        match decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(decoded) => (decoded.into(), ScalarValue::Text),
            None => {
                self.findings.error(
                    code::INVALID_TAGGED_VALUE,
                    span,
                    "the value of `!!binary` must be base64 of a UTF-8 text",
                    "not base64 of a text",
                    "values are texts; bytes that are no text cannot be given",
                );
                (text.into(), ScalarValue::Text)
            }
        }
    }

    fn is_reference(&self, tag: Option<&Tag>) -> bool {
        self.references == References::Read && tag.is_some_and(|tag| tag.handle() == "!" && tag.suffix() == "reference")
    }

    fn check_collection_tag(&mut self, tag: Option<&Tag>, expected: &str, span: Span) {
        let Some(tag) = tag else { return };
        if !is_non_specific(tag) && tag_name(tag).as_deref() != Some(expected) {
            self.unknown_tag(tag, span);
        }
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        self.findings.error(
            code::UNKNOWN_TAG,
            span,
            format!("the tag `{}` has no meaning here", excerpt(&tag.original())),
            "has this tag",
            match self.references {
                References::Unknown => format!("known for single values, lists and mappings: {KNOWN_TAGS}"),
                References::Read => {
                    format!("known are {KNOWN_TAGS}, and `!reference` for a list such as `[.setup, script]`")
                }
            },
        );
    }
}

/// Tells whether this is the tag `!`: a text, a list or a mapping as it stands.
fn is_non_specific(tag: &Tag) -> bool {
    tag.handle().is_empty() && tag.suffix() == "!"
}

/// Returns the name of a tag of YAML's own name space.
fn tag_name(tag: &Tag) -> Option<String> {
    if is_non_specific(tag) {
        return Some("str".to_owned());
    }
    tag.suffix_in_namespace(TAG_PREFIX).map(std::borrow::Cow::into_owned)
}

fn null(span: Span) -> Tree {
    let scalar = Scalar { text: "".into(), style: Style::Plain, value: ScalarValue::Null };
    Tree { kind: TreeKind::Scalar(scalar), span }
}

/// The members of a mapping while it is read.
#[derive(Default)]
struct Members {
    members: Vec<Member>,
    by_key: HashMap<Rc<str>, Slot>,
    merge_key: Option<Span>,
}

/// Where a key stands in the list of members.
struct Slot {
    index: usize,
    merged: bool,
}

impl Members {
    /// Returns where a key stands already; a merged one may be replaced and does not count.
    fn first_place(&self, key: &str) -> Option<Span> {
        match self.by_key.get(key) {
            Some(slot) if !slot.merged => self.members.get(slot.index).map(|member| member.key.span),
            Some(_) => None,
            None => self.merge_key.filter(|_| key == "<<"),
        }
    }

    /// Adds a member of the mapping itself, in place of a merged one of that key.
    fn add(&mut self, member: Member) {
        let key = Rc::clone(&member.key.value);
        match self.by_key.get_mut(&key) {
            Some(slot) => {
                slot.merged = false;
                if let Some(place) = self.members.get_mut(slot.index) {
                    *place = member;
                }
            }
            None => self.append(member, false),
        }
    }

    /// Adds members of another mapping whose keys are not there yet.
    fn merge(&mut self, merged: &[Member]) {
        for member in merged {
            if !self.by_key.contains_key(&member.key.value) {
                self.append(member.clone(), true);
            }
        }
    }

    fn append(&mut self, member: Member, merged: bool) {
        self.by_key.insert(Rc::clone(&member.key.value), Slot { index: self.members.len(), merged });
        self.members.push(member);
    }

    fn finish(self) -> Rc<[Member]> {
        self.members.into()
    }
}
