//! References to functions, as written.

use std::fmt;

use crate::digest::Digest;
use crate::excerpt::excerpt;
use crate::source::Spanned;

/// A reference as written in a step, classified by its form (section 3.1 of the contract). Nothing has been looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A text that holds an expression: evaluated when the step is reached, then classified anew.
    Dynamic {
        /// The text as written.
        text: String,
    },
    /// A path that starts with `.` or `/`.
    File {
        /// The path as written, with forward slashes; repeated and trailing slashes dropped.
        path: String,
    },
    /// `builtin://NAME` or `dist://NAME`.
    BuiltIn {
        /// The part behind `://`.
        name: String,
        /// Whether the old prefix `dist://` was used.
        dist: bool,
    },
    /// A repository at a revision; short or long form.
    Git(GitReference),
    /// An image in a registry; short or long form.
    Oci(OciReference),
}

/// A git reference. In the long form each member may hold expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct GitReference {
    /// Repository address; the short form without scheme has `https://` in front.
    pub url: String,
    /// Tag, branch or commit.
    pub revision: String,
    /// Folder from the repository root; the short form puts `steps` in front. Empty means the root.
    pub directory: String,
    /// File name, if one is named.
    pub file: Option<String>,
}

/// An OCI reference.
#[derive(Clone, Debug, PartialEq)]
pub struct OciReference {
    /// Registry host, with port if any.
    pub registry: String,
    /// Repository in it.
    pub repository: String,
    /// Tag, or `sha256:…`.
    pub tag: String,
    /// Folder in the image; empty means its root.
    pub directory: String,
    /// File name, if one is named.
    pub file: Option<String>,
}

/// Why a text is no reference. Texts are excerpts for messages, without credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing there.
    #[error("the reference is empty")]
    Empty,
    /// Neither a path, nor built in, nor git, nor an image.
    #[error(
        "`{0}` is not a reference: expected a path that starts with `.` or `/`, `builtin://NAME`, `host/project@revision`, or `registry/image:tag`"
    )]
    Unrecognised(String),
    /// An address without revision.
    #[error("`{0}` names no revision: put a tag, branch or commit behind it, such as `@main`")]
    MissingRevision(String),
    /// `..` leads out of the repository or image.
    #[error("`{0}` leads out of what it refers to")]
    LeavesTree(String),
}

/// A reference and where it stands.
pub type SpannedReference = Spanned<Reference>;

/// The registry of short forms that name none; from the proposal behind the OCI short form.
pub const DEFAULT_REGISTRY: &str = "registry.gitlab.com";

/// The tag of short forms that name none.
pub const DEFAULT_TAG: &str = "latest";

/// The folder of a repository in which the git short form looks.
const SHORT_FORM_FOLDER: &str = "steps";

/// The schemes that a repository address may have.
const GIT_SCHEMES: [&str; 4] = ["https", "http", "file", "ssh"];

/// Name of the built-in function that is the same as a `script:` item.
const SCRIPT: &str = "script";

impl Reference {
    /// Tells whether this is the built-in script function, by its old or its new prefix. It has no function file.
    pub fn is_script(&self) -> bool {
        matches!(self, Self::BuiltIn { name, .. } if name == SCRIPT)
    }

    /// Classifies the text of a short form, in this order: an expression, a path, built in, git, OCI. White space around
    /// the text is dropped, except around an expression.
    ///
    /// A text with `@` is git, unless a digest follows; any other text is an image.
    ///
    /// # Errors
    /// The text has none of these forms, or leads out of the repository or image.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        if text.contains("${{") {
            return Ok(Self::Dynamic { text: text.to_owned() });
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        if text.contains(char::is_control) {
            return Err(unrecognised(text));
        }
        if text.starts_with(['.', '/']) {
            let path = text.trim_end_matches(|end: char| end == '/' || end.is_whitespace());
            return Ok(Self::File { path: clean_path(if path.is_empty() { "/" } else { path }) });
        }
        for (prefix, dist) in [("builtin://", false), ("dist://", true)] {
            if let Some(name) = text.strip_prefix(prefix) {
                return built_in(text, name, dist);
            }
        }
        let image = text.split_once(' ').map_or(text, |(image, _)| image);
        match image.rsplit_once('@') {
            Some((_, digest)) if digest.starts_with("sha256:") => oci_short(text).map(Self::Oci),
            Some(_) => git_short(text).map(Self::Git),
            None if text.contains("://") => Err(InvalidReference::MissingRevision(quotable(text))),
            None => oci_short(text).map(Self::Oci),
        }
    }
}

/// Splits a path into its folder and the file it names: only the ending `.yml` makes the last part a file name. The
/// folder of a bare file name is empty.
///
/// ```
/// use stepwell_schema::reference::split_file;
/// assert_eq!(split_file("./a/b.yml"), ("./a", Some("b.yml")));
/// assert_eq!(split_file("./a/b"), ("./a/b", None));
/// assert_eq!(split_file("/b.yml"), ("/", Some("b.yml")));
/// ```
pub fn split_file(path: &str) -> (&str, Option<&str>) {
    if !path.ends_with(".yml") {
        return (path, None);
    }
    match path.rsplit_once('/') {
        Some(("", file)) => ("/", Some(file)),
        Some((folder, file)) => (folder, Some(file)),
        None => ("", Some(path)),
    }
}

fn unrecognised(text: &str) -> InvalidReference {
    InvalidReference::Unrecognised(quotable(text))
}

/// Returns a mistaken reference as a message may quote it.
fn quotable(text: &str) -> String {
    excerpt(&without_credentials(text))
}

fn built_in(text: &str, name: &str, dist: bool) -> Result<Reference, InvalidReference> {
    let name = relative_path(name);
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(unrecognised(text));
    }
    Ok(Reference::BuiltIn { name, dist })
}

/// Reads `[SCHEME://]HOST/PROJECT[/-/PATH]@REVISION`.
fn git_short(text: &str) -> Result<GitReference, InvalidReference> {
    let (place, revision) = text.rsplit_once('@').ok_or_else(|| unrecognised(text))?;
    let (url, path) = place.split_once("/-/").unwrap_or((place, ""));
    let url = with_scheme(url);
    let (scheme, rest) = url.split_once("://").ok_or_else(|| unrecognised(text))?;
    let has_project = rest.trim_end_matches('/').split_once('/').is_some_and(|(_, project)| !project.is_empty());
    let blank = text.contains(char::is_whitespace);
    if blank || revision.is_empty() || !has_project || !GIT_SCHEMES.contains(&scheme) {
        return Err(unrecognised(text));
    }
    let path = relative_path(&format!("{SHORT_FORM_FOLDER}/{path}"));
    if leaves_tree(&path) {
        return Err(InvalidReference::LeavesTree(quotable(text)));
    }
    let (directory, file) = split_file(&path);
    let directory = directory.to_owned();
    Ok(GitReference { url, revision: revision.to_owned(), directory, file: file.map(str::to_owned) })
}

/// Puts `https://` in front of an address that has no scheme, and drops repeated and trailing slashes.
fn with_scheme(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    format!("{scheme}://{}", clean_path(rest).trim_end_matches('/'))
}

/// Reads `[REGISTRY/]REPOSITORY[:TAG][@DIGEST][ PATH]`.
fn oci_short(text: &str) -> Result<OciReference, InvalidReference> {
    let (image, path) = text.split_once(' ').unwrap_or((text, ""));
    let (image, digest) = match image.split_once('@') {
        Some((image, digest)) => (image, Some(digest.parse::<Digest>().map_err(|_| unrecognised(text))?)),
        None => (image, None),
    };
    let (name, tag) = split_tag(image);
    let (registry, repository) = split_registry(name);
    let told_apart = tag.is_some() || digest.is_some() || image.contains('/');
    if !told_apart || !is_repository(repository) || !tag.is_none_or(is_tag) {
        return Err(unrecognised(text));
    }
    let path = relative_path(path.trim());
    if path.contains(char::is_whitespace) {
        return Err(unrecognised(text));
    }
    if leaves_tree(&path) {
        return Err(InvalidReference::LeavesTree(quotable(text)));
    }
    let (directory, file) = split_file(&path);
    Ok(OciReference {
        registry: registry.unwrap_or(DEFAULT_REGISTRY).to_owned(),
        repository: repository.to_owned(),
        tag: digest.map_or_else(|| tag.unwrap_or(DEFAULT_TAG).to_owned(), |digest| digest.to_string()),
        directory: directory.to_owned(),
        file: file.map(str::to_owned),
    })
}

/// Splits the tag off: behind the last colon, unless a slash follows (then it is the port of the registry).
fn split_tag(image: &str) -> (&str, Option<&str>) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        Some(_) | None => (image, None),
    }
}

/// Splits the registry off: a first part that looks like a host.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((registry, repository)) if is_registry(registry) => (Some(registry), repository),
        Some(_) | None => (None, name),
    }
}

fn is_registry(text: &str) -> bool {
    let like_host = text.contains(['.', ':']) || text == "localhost";
    like_host
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'[' | b']'))
}

/// Repository names have lower-case parts, by the OCI distribution specification.
fn is_repository(text: &str) -> bool {
    text.split('/').all(|part| {
        part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'))
    })
}

/// Tags have at most 128 characters, by the OCI distribution specification.
fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Drops repeated and trailing slashes; the root stays.
fn clean_path(path: &str) -> String {
    let mut clean = String::with_capacity(path.len());
    for (index, part) in path.split('/').filter(|part| !part.is_empty()).enumerate() {
        if index > 0 || path.starts_with('/') {
            clean.push('/');
        }
        clean.push_str(part);
    }
    if clean.is_empty() && path.starts_with('/') { "/".to_owned() } else { clean }
}

/// Cleans a path below some root: without slashes at its ends, and without parts that are a single dot.
fn relative_path(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// Tells whether a path below some root leads out of it.
fn leaves_tree(path: &str) -> bool {
    let mut depth = 0_usize;
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            depth += 1;
        } else if let Some(less) = depth.checked_sub(1) {
            depth = less;
        } else {
            return true;
        }
    }
    false
}

impl GitReference {
    /// Puts the members of the long form together; each may hold expressions. A `dir` that ends in a file name keeps it as a folder, as written.
    pub fn from_members(url: String, revision: String, directory: &str, file: Option<String>) -> Self {
        // An address with an expression gets its scheme once that is evaluated: the value may bring its own.
        let url = if url.contains("${{") { url } else { with_scheme(url.trim()) };
        Self { url, revision, directory: relative_path_unless_dynamic(directory), file }
    }
}

impl OciReference {
    /// Puts the members of the long form together; each may hold expressions.
    pub fn from_members(
        registry: String,
        repository: String,
        tag: String,
        directory: &str,
        file: Option<String>,
    ) -> Self {
        Self { registry, repository, tag, directory: relative_path_unless_dynamic(directory), file }
    }
}

/// Slashes inside an expression are operators.
fn relative_path_unless_dynamic(path: &str) -> String {
    if path.contains("${{") { path.to_owned() } else { relative_path(path) }
}

impl fmt::Display for Reference {
    /// Writes the short form where there is one, else the long form as one line of YAML. Credentials in the address of a
    /// repository are written as `[MASKED]`, so the text is for people and logs, not for fetching.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dynamic { text } => f.write_str(&without_credentials(text)),
            Self::File { path } => f.write_str(path),
            Self::BuiltIn { name, dist: false } => write!(f, "builtin://{name}"),
            Self::BuiltIn { name, dist: true } => write!(f, "dist://{name}"),
            Self::Git(git) => git.fmt(f),
            Self::Oci(oci) => oci.fmt(f),
        }
    }
}

impl fmt::Display for GitReference {
    /// Writes the short form if the folder is below `steps` and all members fit it; see [`Reference`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.shown_url();
        let short = format!("{}{}@{}", url, self.short_path(), self.revision);
        if self.is_short_form(&short) {
            return f.write_str(&short);
        }
        write!(f, "{{git: {{url: {url}, rev: {}", self.revision)?;
        long_form_path(f, &self.directory, self.file.as_deref())
    }
}

impl GitReference {
    /// Returns the address for people and files: user name and password in it are written as `[MASKED]`, unless they are an
    /// expression.
    pub fn shown_url(&self) -> String {
        without_credentials(&self.url)
    }

    /// Tells whether a short form means this. The address is left out of the comparison, since it may be masked.
    fn is_short_form(&self, short: &str) -> bool {
        let Ok(Reference::Git(parsed)) = Reference::parse(short) else { return false };
        (&parsed.revision, &parsed.directory, &parsed.file) == (&self.revision, &self.directory, &self.file)
    }

    /// Returns the part of the short form between address and revision.
    fn short_path(&self) -> String {
        let below = self.directory.strip_prefix(SHORT_FORM_FOLDER).unwrap_or(&self.directory);
        let path = relative_path(&format!("{below}/{}", self.file.as_deref().unwrap_or_default()));
        if path.is_empty() { String::new() } else { format!("/-/{path}") }
    }
}

impl fmt::Display for OciReference {
    /// Writes the short form if all members fit it; see [`Reference`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.tag.starts_with("sha256:") { '@' } else { ':' };
        let mut short = format!("{}/{}{separator}{}", self.registry, self.repository, self.tag);
        let path = relative_path(&format!("{}/{}", self.directory, self.file.as_deref().unwrap_or_default()));
        if !path.is_empty() {
            short.push(' ');
            short.push_str(&path);
        }
        match Reference::parse(&short) {
            Ok(Reference::Oci(parsed)) if parsed == *self => f.write_str(&short),
            _ => {
                let Self { registry, repository, tag, .. } = self;
                write!(f, "{{oci: {{registry: {registry}, repository: {repository}, tag: \"{tag}\"")?;
                long_form_path(f, &self.directory, self.file.as_deref())
            }
        }
    }
}

fn long_form_path(f: &mut fmt::Formatter<'_>, directory: &str, file: Option<&str>) -> fmt::Result {
    if !directory.is_empty() {
        write!(f, ", dir: {directory}")?;
    }
    if let Some(file) = file {
        write!(f, ", file: {file}")?;
    }
    f.write_str("}}")
}

/// Masks user name and password of an address, unless they are written as an expression.
fn without_credentials(url: &str) -> String {
    // `://` may stand anywhere in a mistaken reference, not only behind a scheme.
    let parts: Vec<&str> = url.split("://").collect();
    let masked = |part: &&str| {
        let host_end = part.find('/').unwrap_or(part.len());
        let Some(at) = part[..host_end].rfind('@') else { return (*part).to_owned() };
        // Without scheme, path and password it is a name with a revision behind it, such as `project@main`.
        let is_name = parts.len() == 1 && host_end == part.len() && !part[..at].contains(':');
        if is_name || part[..at].contains("${{") { (*part).to_owned() } else { format!("[MASKED]{}", &part[at..]) }
    };
    parts.iter().map(masked).collect::<Vec<_>>().join("://")
}

/// Returns a text with the credentials of every address in it replaced by as many stars as they have bytes, so that what
/// is known about places in the text holds for the result. An address is what stands between blanks or quotes and has
/// `@` before its first slash, with a scheme in front or a colon before the `@`.
///
/// ```
/// use stepwell_schema::reference::without_written_credentials;
/// assert_eq!(without_written_credentials("func: 'https://me:pw@host/a@v1'"), "func: 'https://*****@host/a@v1'");
/// assert_eq!(without_written_credentials("func: host/a@v1 # me@host"), "func: host/a@v1 # me@host");
/// ```
pub fn without_written_credentials(text: &str) -> String {
    let is_border = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '`');
    text.split_inclusive(is_border).map(stars_for_credentials).collect()
}

fn stars_for_credentials(word: &str) -> String {
    let starred = |(index, part): (usize, &str)| {
        // Behind a scheme an expression, which holds blanks, may stand before the first slash.
        let end = part.find('/').or((index > 0).then_some(part.len()));
        let authority = end.map_or("", |end| &part[..end]);
        match authority.rfind('@') {
            Some(at) if index > 0 || authority[..at].contains(':') => format!("{}{}", "*".repeat(at), &part[at..]),
            Some(_) | None => part.to_owned(),
        }
    };
    word.split("://").enumerate().map(starred).collect::<Vec<_>>().join("://")
}
