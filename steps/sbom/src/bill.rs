//! The bill: CycloneDX 1.6 as JSON.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stepwell_sdk::Failure;

use crate::component::{Component, Components, Hash};
use crate::hexadecimal;

/// How the subject is referred to; no package URL has this form.
const SUBJECT: &str = "subject";

/// What the URL of a file needs escaped: the lock file may have a plain name there.
const URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What the bill is of, and what is asked of the bill itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    name: String,
    version: String,
    serial: Serial,
    time: String,
}

/// The serial number of the bill.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Serial {
    None,
    Given(String),
    /// One that is the same for the same content.
    OfContent,
}

impl Subject {
    /// Returns the subject.
    ///
    /// # Errors
    ///
    /// A failure that names the input that the format does not allow.
    pub(crate) fn new(name: &str, version: &str, serial: &str, time: &str) -> Result<Self, Failure> {
        if name.trim().is_empty() {
            return Err(Failure::invalid_input("input `name` is empty: the name of what the bill is of"));
        }
        let number = serial.strip_prefix("urn:uuid:").unwrap_or(serial).to_ascii_lowercase();
        let serial = match number.as_str() {
            "" => Serial::None,
            "content" => Serial::OfContent,
            uuid if fits(uuid, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh") => Serial::Given(uuid.to_owned()),
            _ => {
                let problem = format!("input `serial` is `{serial:.60}`");
                return Err(Failure::invalid_input(problem).hint("it is a UUID, `content` or empty"));
            }
        };
        if !time.is_empty() && !fits(time, "dddd-dd-ddTdd:dd:ddZ") {
            let problem = format!("input `time` is `{time:.60}`");
            return Err(Failure::invalid_input(problem).hint("it has the form `2026-01-31T12:00:00Z`"));
        }
        Ok(Self { name: name.to_owned(), version: version.to_owned(), serial, time: time.to_owned() })
    }
}

/// Returns whether a text has a form, in which `d` is a digit and `h` a hexadecimal one.
fn fits(text: &str, form: &str) -> bool {
    let one = |(given, wanted): (u8, u8)| match wanted {
        b'd' => given.is_ascii_digit(),
        b'h' => given.is_ascii_hexdigit(),
        other => given == other,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(one)
}

/// Returns the text of the bill.
pub(crate) fn text(subject: &Subject, components: &Components) -> String {
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata(subject),
        "components": components.iter().map(|(purl, component)| one(purl, component)).collect::<Vec<_>>(),
        "dependencies": dependencies(components),
    });
    let uuid = match &subject.serial {
        Serial::None => None,
        Serial::Given(uuid) => Some(uuid.clone()),
        Serial::OfContent => Some(uuid_of(bill.to_string().as_bytes())),
    };
    if let Some(uuid) = uuid {
        bill["serialNumber"] = json!(format!("urn:uuid:{uuid}"));
    }
    format!("{bill:#}\n")
}

fn metadata(subject: &Subject) -> Value {
    let mut of = json!({ "type": "application", "bom-ref": SUBJECT, "name": subject.name });
    if !subject.version.is_empty() {
        of["version"] = json!(subject.version);
    }
    let tool = json!({ "type": "application", "name": "stepwell-step-sbom", "version": env!("CARGO_PKG_VERSION") });
    let mut metadata = json!({ "tools": { "components": [tool] }, "component": of });
    if !subject.time.is_empty() {
        metadata["timestamp"] = json!(subject.time);
    }
    metadata
}

fn one(purl: &str, component: &Component) -> Value {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), json!("library"));
    fields.insert("bom-ref".to_owned(), json!(purl));
    fields.insert("name".to_owned(), json!(component.name));
    if !component.version.is_empty() {
        fields.insert("version".to_owned(), json!(component.version));
    }
    fields.insert("scope".to_owned(), json!(component.scope.word()));
    if !component.hashes.is_empty() {
        fields.insert("hashes".to_owned(), hashes(&component.hashes));
    }
    fields.insert("purl".to_owned(), json!(purl));
    if !component.files.is_empty() {
        let file = |(url, digests): (&String, _)| {
            let url = utf8_percent_encode(url, URL).to_string();
            json!({ "type": "distribution", "url": url, "hashes": hashes(digests) })
        };
        fields.insert("externalReferences".to_owned(), component.files.iter().map(file).collect());
    }
    Value::Object(fields)
}

fn hashes<'a>(hashes: impl IntoIterator<Item = &'a Hash>) -> Value {
    hashes.into_iter().map(|hash| json!({ "alg": hash.algorithm, "content": hash.digits })).collect()
}

fn dependencies(components: &Components) -> Value {
    let entry = |of: &str, on: Vec<&str>| {
        if on.is_empty() { json!({ "ref": of }) } else { json!({ "ref": of, "dependsOn": on }) }
    };
    let all = components.iter().map(|(purl, _)| entry(purl, components.needs(purl)));
    [entry(SUBJECT, components.direct())].into_iter().chain(all).collect()
}

/// Returns a UUID of version 8, whose bits are the maker's choice: here the digest of the content.
fn uuid_of(content: &[u8]) -> String {
    let digits = hexadecimal(&Sha256::digest(content));
    let [first, second, third, fourth, fifth] =
        [&digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..32]];
    format!("{first}-{second}-8{third}-8{fourth}-{fifth}")
}
