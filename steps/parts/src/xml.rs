//! XML, read as a stream with bounds on all that a document can make its reader hold.
//!
//! Refused are document types that declare anything (so no entity but the five of the standard and no entity bomb), other
//! encodings than UTF-8, elements nested too deeply, and texts, tags and attributes without end. Every failure names the
//! file and the line.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion, escape};
use stepwell_sdk::{Access, Failure, Step};

/// How much is read at once. Each call of the host moves up to 64 KiB.
const BUFFER_BYTES: usize = 64 * 1024;

/// Longest text, comment or tag. Reports hold the output of a test in one text, some megabytes of it at times; two copies
/// of the longest are held at once, far below the memory of a guest.
pub const MAX_PIECE_BYTES: usize = 16 * 1024 * 1024;

/// How deep elements may be nested. Reports nest six deep at most.
pub const MAX_DEPTH: usize = 128;

/// Most attributes of an element; they are compared with each other.
const MAX_ATTRIBUTES: usize = 256;

/// An element's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name as written, with the prefix if it has one.
    pub name: String,
    /// Names and values of its attributes, in order, references resolved.
    pub attributes: Vec<(String, String)>,
}

impl Element {
    /// Returns the value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the name without prefix.
    pub fn local_name(&self) -> &str {
        self.name.rsplit_once(':').map_or(&self.name, |(_, local)| local)
    }
}

/// What comes next in a document. Comments and processing instructions are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element begins.
    Start(Element),
    /// The innermost open element ends.
    End,
    /// Text in it, references resolved; a text with references comes in several pieces.
    Text(String),
}

/// A document that is being read.
pub struct Document<'a> {
    step: &'a Step,
    path: String,
    reader: Reader<Bounded>,
    place: Rc<RefCell<Place>>,
    buffer: Vec<u8>,
    depth: usize,
    rooted: bool,
    /// The end of an element without content, which comes after its start.
    ends: bool,
}

/// Where the reader stands.
#[derive(Debug, Default)]
struct Place {
    /// Line feeds so far.
    lines: u64,
    /// Bytes since the last event.
    piece: usize,
    /// Bytes since the job was last asked whether it is cancelled.
    unasked: usize,
}

impl<'a> Document<'a> {
    /// Opens a file of the work dir.
    ///
    /// # Errors
    ///
    /// A failure that names it, if it cannot be read or begins as UTF-16 does.
    pub fn open(step: &'a Step, path: &str) -> Result<Self, Failure> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, step.open(path)?);
        let start = file.fill_buf().map_err(|error| Failure::of_file(Access::Read, path, &error))?;
        if start.starts_with(&[0xfe, 0xff])
            || start.starts_with(&[0xff, 0xfe])
            || start.iter().take(4).any(|byte| *byte == 0)
        {
            return Err(encoding(path, 1, "UTF-16"));
        }
        let place = Rc::<RefCell<Place>>::default();
        let mut reader = Reader::from_reader(Bounded { file, place: Rc::clone(&place) });
        reader.config_mut().check_comments = true;
        Ok(Self {
            step,
            path: path.to_owned(),
            reader,
            place,
            buffer: Vec::new(),
            depth: 0,
            rooted: false,
            ends: false,
        })
    }

    /// Returns the line that the reader has reached, from 1.
    pub fn line(&self) -> u64 {
        self.place.borrow().lines + 1
    }

    /// Returns a failure at the line that was reached.
    pub fn failure(&self, problem: impl std::fmt::Display) -> Failure {
        Failure::failed(format!("{}, line {}: {problem}", self.path, self.line()))
    }

    /// Returns what comes next; none at the end of the document.
    ///
    /// # Errors
    ///
    /// A failure that names file and line, for what is not well-formed, ends too early or passes a bound; that of a job
    /// that was cancelled.
    pub fn next_node(&mut self) -> Result<Option<Node>, Failure> {
        if std::mem::take(&mut self.ends) {
            return Ok(Some(self.leave()));
        }
        loop {
            self.buffer.clear();
            self.place.borrow_mut().piece = 0;
            // Each question is a call of the host, which costs more than most events.
            if self.place.borrow().unasked >= BUFFER_BYTES {
                self.place.borrow_mut().unasked = 0;
                self.step.check_cancelled()?;
            }
            // The buffer is lent to the event, so that the failures below can be made while it lives.
            let mut buffer = std::mem::take(&mut self.buffer);
            let event = self.reader.read_event_into(&mut buffer).map_err(|error| self.unreadable(&error))?;
            let node = match event {
                Event::Start(start) => Some(self.enter(&start)?),
                Event::Empty(start) => {
                    let node = self.enter(&start)?;
                    self.ends = true;
                    Some(node)
                }
                Event::End(_) => Some(self.leave()),
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => self.text(&self.resolve(&reference)?)?,
                Event::DocType(declared) => self.check_document_type(&declared)?,
                Event::Decl(declaration) => match declaration.encoding() {
                    Some(Ok(name)) if !is_utf_8(&name) => return Err(encoding(&self.path, self.line(), &name)),
                    Some(_) | None => None,
                },
                Event::Comment(_) | Event::PI(_) => None,
                Event::Eof => return self.end(),
            };
            self.buffer = buffer;
            if node.is_some() {
                return Ok(node);
            }
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>) -> Result<Node, Failure> {
        if self.depth == 0 && self.rooted {
            return Err(self.failure("a second element follows the outermost one"));
        }
        if self.depth == MAX_DEPTH {
            return Err(self.failure(format!("elements are nested more than {MAX_DEPTH} deep")));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(&error))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.malformed(&error))?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(self.failure(format!("an element has more than {MAX_ATTRIBUTES} attributes")));
            }
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        (self.depth, self.rooted) = (self.depth + 1, true);
        Ok(Node::Start(Element { name: start.name().as_ref().to_owned(), attributes }))
    }

    fn leave(&mut self) -> Node {
        self.depth -= 1;
        Node::End
    }

    fn text(&self, text: &str) -> Result<Option<Node>, Failure> {
        match self.depth {
            0 if text.chars().all(char::is_whitespace) => Ok(None),
            0 => Err(self.failure("there is text outside of the outermost element")),
            _ => Ok(Some(Node::Text(text.to_owned()))),
        }
    }

    fn resolve(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<String, Failure> {
        if let Some(character) = reference.resolve_char_ref().map_err(|error| self.malformed(&error))? {
            return Ok(character.to_string());
        }
        let name: &str = reference;
        let known = escape::resolve_predefined_entity(name);
        known.map(str::to_owned).ok_or_else(|| self.failure(format!("the entity `{name:.40}` is not known")))
    }

    /// Lets pass a document type that only names where its declarations are; they are not fetched.
    fn check_document_type(&self, declared: &str) -> Result<Option<Node>, Failure> {
        if declared.contains('[') {
            let failure = self.failure("the document type declares entities or elements, which is refused");
            return Err(failure.hint("remove the part of `<!DOCTYPE …>` in square brackets"));
        }
        Ok(None)
    }

    fn end(&self) -> Result<Option<Node>, Failure> {
        match (self.depth, self.rooted) {
            (0, true) => Ok(None),
            (0, false) => Err(self.failure("the document is empty")),
            (open, _) => Err(self
                .failure(format!("the document ends with {open} elements open"))
                .hint("what wrote it was probably interrupted")),
        }
    }

    fn unreadable(&self, error: &quick_xml::Error) -> Failure {
        match error {
            quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                self.failure(format!("a text or tag is longer than {} MiB", MAX_PIECE_BYTES / 1024 / 1024))
            }
            quick_xml::Error::Io(error) => Failure::of_file(Access::Read, &self.path, &**error),
            quick_xml::Error::Encoding(_) => encoding(&self.path, self.line(), "no UTF-8"),
            error => self.malformed(error),
        }
    }

    fn malformed(&self, error: &dyn std::fmt::Display) -> Failure {
        // A name in the error is the document's, and as long as it likes.
        self.failure(format!("not well-formed XML: {error:.200}"))
    }
}

fn is_utf_8(name: &str) -> bool {
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn encoding(path: &str, line: u64, name: &str) -> Failure {
    Failure::failed(format!("{path}, line {line}: the encoding is {name:.40}, and only UTF-8 is read"))
        .hint("convert it first, for example with `iconv --to-code UTF-8`")
}

/// A file whose reader ends with an error when a piece becomes too long, and that counts its lines.
struct Bounded {
    file: BufReader<File>,
    place: Rc<RefCell<Place>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Bounded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.place.borrow().piece > MAX_PIECE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.file.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let mut place = self.place.borrow_mut();
        let read = self.file.buffer().get(..count).unwrap_or_default();
        place.lines += read.iter().filter(|byte| **byte == b'\n').count() as u64;
        place.piece += count;
        place.unasked += count;
        self.file.consume(count);
    }
}

/// Returns a text as it stands in a document. Characters that XML 1.0 cannot hold become U+FFFD.
pub fn escaped(text: &str) -> String {
    let allowed = |character: char| !matches!(character, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().map(|character| if allowed(character) { character } else { '\u{fffd}' }).collect();
    escape::escape(&text).replace('\r', "&#13;")
}

/// Returns the value of an attribute as it stands in a document: as [`escaped`], with line feeds and tabs kept.
pub fn escaped_attribute(text: &str) -> String {
    escaped(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::fake::Fake;

    use super::*;

    fn read(document: &[u8]) -> Result<Vec<Node>, Failure> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let step = Fake::new(folder.path()).step();
        step.write("a.xml", document).expect("written");
        let mut document = Document::open(&step, "a.xml")?;
        let mut nodes = Vec::new();
        while let Some(node) = document.next_node()? {
            nodes.push(node);
        }
        Ok(nodes)
    }

    fn start(name: &str, attributes: &[(&str, &str)]) -> Node {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Node::Start(Element { name: name.to_owned(), attributes })
    }

    #[test]
    fn a_document_in_pieces() {
        let document = "\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n<!DOCTYPE a SYSTEM 'http://example.com/a.dtd'>\n\
            <a b='&lt;&#228;' c=\"\"><!-- x --><d/>1 &amp; <![CDATA[<2>]]></a>\n";
        let text = |text: &str| Node::Text(text.to_owned());
        let expected = vec![
            start("a", &[("b", "<ä"), ("c", "")]),
            start("d", &[]),
            Node::End,
            text("1 "),
            text("&"),
            text(" "),
            text("<2>"),
            Node::End,
        ];
        assert_eq!(read(document.as_bytes()).expect("it is well-formed"), expected);
    }

    #[test]
    fn what_is_refused_names_its_line() {
        #[track_caller]
        fn check(document: impl AsRef<[u8]>, expected: &str) {
            let failure = read(document.as_ref()).expect_err("it is refused");
            assert_eq!(failure.message(), format!("a.xml, {expected}"));
        }
        check("", "line 1: the document is empty");
        check("<a>\n<b>", "line 2: the document ends with 2 elements open");
        check(
            "<a>\n<b",
            "line 2: not well-formed XML: syntax error: tag not closed: `>` not found before end of input",
        );
        check("<a></a><b/>", "line 1: a second element follows the outermost one");
        check("<a/>\nx", "line 2: there is text outside of the outermost element");
        check("<a>&b;</a>", "line 1: the entity `b` is not known");
        check("<a>\n</b>", "line 2: not well-formed XML: ill-formed document: expected `</a>`, but `</b>` was found");
        check(
            "<a b='1' b='2'/>",
            "line 1: not well-formed XML: position 8: duplicated attribute, previous declaration at position 2",
        );
        check("<a b='&c;'/>", "line 1: not well-formed XML: at 1..2: unrecognized entity `c`");
        let types = "line 1: the document type declares entities or elements, which is refused";
        check("<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;'>]><a>&c;</a>", types);
        check("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", types);
        check("<a>".repeat(100_000), "line 1: elements are nested more than 128 deep");
        check(
            format!("<a{}/>", (0..300).map(|n| format!(" a{n}=''")).collect::<String>()),
            "line 1: an element has more than 256 attributes",
        );
        check(
            b"<?xml version='1.0' encoding='ISO-8859-1'?>\n<a>\xe4</a>",
            "line 1: the encoding is ISO-8859-1, and only UTF-8 is read",
        );
        check(b"<a>\n\xe4</a>", "line 2: the encoding is no UTF-8, and only UTF-8 is read");
        check(b"\xff\xfe<\0a\0/\0>\0", "line 1: the encoding is UTF-16, and only UTF-8 is read");
        check(b"\0<\0a\0/\0>", "line 1: the encoding is UTF-16, and only UTF-8 is read");
    }

    #[test]
    fn a_piece_without_end_is_not_held() {
        let long = "x".repeat(MAX_PIECE_BYTES + 2 * BUFFER_BYTES);
        for document in
            [format!("<a b='{long}'/>"), format!("<a>{long}</a>"), format!("<!-- {long} --><a/>"), format!("<{long}/>")]
        {
            let failure = read(document.as_bytes()).expect_err("it is refused");
            assert_eq!(failure.message(), "a.xml, line 1: a text or tag is longer than 16 MiB");
        }
        let enough = "x".repeat(MAX_PIECE_BYTES / 2);
        assert_eq!(read(format!("<a b='{enough}'>{enough}</a>").as_bytes()).expect("it is short enough").len(), 3);
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "<&>\"' \t\n\r\u{1}ä\u{1f600}";
        let document = format!("<a b=\"{}\">{}</a>", escaped_attribute(text), escaped(text));
        let read = read(document.as_bytes()).expect("it is well-formed");
        let expected = text.replace('\u{1}', "\u{fffd}");
        assert_eq!(read[0], start("a", &[("b", &expected)]));
        let pieces = read.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Start(_) | Node::End => None,
        });
        assert_eq!(pieces.collect::<String>(), expected);
    }
}
