//! Files that a page includes.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stepwell_sdk::{Access, Failure, Step, path};

/// Most of a text file that is shown. Nobody reads more on a page.
pub(crate) const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// Largest image.
const MAX_IMAGE_BYTES: u64 = 8 * 1024 * 1024;

/// What stands at the end of a file that is not shown whole.
const CUT: &str = "\n… (the rest is left out)\n";

/// An image in the form that a page holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    kind: &'static str,
    bytes: Vec<u8>,
}

impl Image {
    /// Returns the image as a URL that holds it.
    pub(crate) fn url(&self) -> String {
        format!("data:{};base64,{}", self.kind, STANDARD.encode(&self.bytes))
    }
}

/// Returns the text of a file of the source. What is not UTF-8 in it becomes U+FFFD, and what is too long is cut.
pub(crate) fn text(step: &Step, source: &str, name: &str) -> Result<String, Failure> {
    let mut bytes = read(step, source, name, MAX_TEXT_BYTES)?;
    let is_cut = bytes.len() as u64 > MAX_TEXT_BYTES;
    bytes.truncate(MAX_TEXT_BYTES as usize);
    if bytes.contains(&0) {
        return Err(Failure::failed(format!("`{name}` is no text: it has zero bytes")));
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(if is_cut { format!("{}{CUT}", text.trim_end_matches('\u{fffd}')) } else { text.to_owned() })
}

/// Returns an image of the source. What it is, its bytes say, not its name.
pub(crate) fn image(step: &Step, source: &str, name: &str) -> Result<Image, Failure> {
    let bytes = read(step, source, name, MAX_IMAGE_BYTES)?;
    if bytes.len() as u64 > MAX_IMAGE_BYTES {
        let problem = format!("the image `{name}` has more than {} MiB", MAX_IMAGE_BYTES / 1024 / 1024);
        return Err(Failure::failed(problem));
    }
    let kind = kind(&bytes).ok_or_else(|| {
        Failure::failed(format!("`{name}` is no image that browsers show"))
            .hint("known are PNG, JPEG, GIF, WebP and SVG")
    })?;
    Ok(Image { kind, bytes })
}

fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        // An image does not run the scripts of its SVG, and fetches nothing.
        _ if is_svg(bytes) => Some("image/svg+xml"),
        _ => None,
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<svg") || (start.starts_with("<?xml") || start.starts_with("<!--")) && start.contains("<svg")
}

/// Reads a file of the source, one byte more than `limit` at most.
fn read(step: &Step, source: &str, name: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    if source.is_empty() {
        return Err(Failure::invalid_input(format!("input `source` is missing: the folder of `{name}`"))
            .hint("a function can be granted folders only"));
    }
    if !path::stays_inside(name) {
        return Err(Failure::invalid_input(format!("`{name}` is no path in the source")));
    }
    let path = path::join(source, name);
    let mut bytes = Vec::new();
    let read = step.open(&path)?.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::of_file(Access::Read, &path, &error))?;
    Ok(bytes)
}
