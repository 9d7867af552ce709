//! `spec.needs`. Unknown keys are errors here: a need that is misspelt would silently be another one.

use super::fields::Fields;
use super::{quantity, shape};
use crate::code;
use crate::excerpt::excerpt;
use crate::findings::Findings;
use crate::needs::{Clock, HttpNeed, LimitNeeds, Needs, PathNeed, Random, SecretNeed, SecretUse, WriteNeed};
use crate::problem::Severity;
use crate::source::Spanned;
use crate::yaml::{Tree, TreeKind};

const CLOCKS: [(&str, Clock); 4] =
    [("none", Clock::None), ("frozen", Clock::Frozen), ("coarse", Clock::Coarse), ("real", Clock::Real)];

const RANDOMS: [(&str, Random); 3] = [("none", Random::None), ("seeded", Random::Seeded), ("secure", Random::Secure)];

/// The two ways to use a secret, before it is known where it may go.
#[derive(Clone, Copy)]
enum Usage {
    Header,
    Reveal,
}

const USAGES: [(&str, Usage); 2] = [("header", Usage::Header), ("reveal", Usage::Reveal)];

/// Reads the mapping behind `needs`.
pub(super) fn needs(tree: &Tree, findings: &mut Findings) -> Needs {
    rights(tree, "`needs`", "needs: { read: [ src ] }", findings)
}

/// Reads a mapping in the words of `needs`; `what` is its key in backticks.
pub(super) fn rights(tree: &Tree, what: &'static str, example: &str, findings: &mut Findings) -> Needs {
    let members = shape::mapping_or_nothing(tree, what, "a mapping", example, findings);
    let mut fields = Fields::new(what, members, tree.span);
    let needs = Needs {
        read: list(fields.get("read"), "read", "[ src ]", path_need, findings),
        write: list(fields.get("write"), "write", "[ dist ]", write_need, findings),
        env: list(fields.get("env"), "env", "[ CI_COMMIT_SHA ]", variable, findings),
        http: list(fields.get("http"), "http", "[ { host: api.example.com } ]", http_need, findings),
        secrets: list(fields.get("secrets"), "secrets", "[ { name: token, use: reveal } ]", secret_need, findings),
        clock: fields.get("clock").and_then(|tree| shape::word(tree, "`clock`", &CLOCKS, findings)).unwrap_or_default(),
        random: fields
            .get("random")
            .and_then(|tree| shape::word(tree, "`random`", &RANDOMS, findings))
            .unwrap_or_default(),
        limits: fields.get("limits").map(|tree| limits(tree, findings)).unwrap_or_default(),
        span: Some(tree.span),
    };
    fields.finish(Severity::Error, findings);
    needs
}

fn list<T>(
    tree: Option<&Tree>,
    key: &str,
    example: &str,
    read: fn(&Tree, &mut Findings) -> Option<T>,
    findings: &mut Findings,
) -> Vec<T> {
    let Some(tree) = tree.filter(|tree| !tree.is_null()) else { return Vec::new() };
    let example = format!("{key}: {example}");
    let items = shape::sequence(tree, &format!("`{key}`"), "a list", &example, findings).unwrap_or(&[]);
    items.iter().filter_map(|item| read(item, findings)).collect()
}

fn variable(tree: &Tree, findings: &mut Findings) -> Option<Spanned<String>> {
    let name = shape::text(tree, "the name of a variable", "CI_COMMIT_SHA", findings)?;
    shape::check_name(&name.value, name.span, "a variable", findings).then_some(name)
}

fn path_need(tree: &Tree, findings: &mut Findings) -> Option<PathNeed> {
    if let TreeKind::Scalar(_) = tree.kind {
        return bare_path(tree, findings);
    }
    let mut fields = path_fields(tree, "a path to read", findings)?;
    let need = path_members(&mut fields, findings);
    fields.finish(Severity::Error, findings);
    need
}

fn write_need(tree: &Tree, findings: &mut Findings) -> Option<WriteNeed> {
    if let TreeKind::Scalar(_) = tree.kind {
        return Some(WriteNeed { path: bare_path(tree, findings)?, bytes: None, files: None });
    }
    let mut fields = path_fields(tree, "a path to write", findings)?;
    let path = path_members(&mut fields, findings);
    let bytes = fields.get("bytes").and_then(|tree| quantity::size(tree, "`bytes`", findings));
    let files = fields.get("files").and_then(|tree| quantity::count(tree, "`files`", findings));
    fields.finish(Severity::Error, findings);
    Some(WriteNeed { path: path?, bytes, files })
}

fn bare_path(tree: &Tree, findings: &mut Findings) -> Option<PathNeed> {
    let path = shape::filled_text(tree, "a path", "src", findings)?;
    Some(PathNeed { path, reason: None, optional: false })
}

fn path_fields<'t>(tree: &'t Tree, what: &'static str, findings: &mut Findings) -> Option<Fields<'t>> {
    let members = shape::mapping(tree, what, "a text or a mapping with `path`", "{ path: src }", findings)?;
    Some(Fields::new(what, members, tree.span))
}

fn path_members(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<PathNeed> {
    let path = fields
        .required("path", "path: src", findings)
        .and_then(|tree| shape::filled_text(tree, "`path`", "path: src", findings));
    let (reason, optional) = reason(fields, findings);
    Some(PathNeed { path: path?, reason, optional })
}

/// Reads what every need may say about itself.
fn reason(fields: &mut Fields<'_>, findings: &mut Findings) -> (Option<String>, bool) {
    let reason = shape::note(fields.get("reason"), "`reason`", findings);
    (reason, shape::flag(fields.get("optional"), "`optional`", "optional", findings))
}

fn http_need(tree: &Tree, findings: &mut Findings) -> Option<HttpNeed> {
    let example = "{ host: api.example.com, methods: [GET] }";
    let members = shape::mapping(tree, "an item of `http`", "a mapping with `host`", example, findings)?;
    let mut fields = Fields::new("an item of `http`", members, tree.span);
    let host = fields.required("host", "host: api.example.com", findings).and_then(|tree| host(tree, findings));
    let port = fields.get("port").and_then(|tree| quantity::port(tree, findings));
    let methods = texts(fields.get("methods"), "methods", "[ GET, POST ]", method, findings);
    let paths = texts(fields.get("paths"), "paths", "[ \"/v1/*\" ]", url_path, findings);
    let (reason, optional) = reason(&mut fields, findings);
    fields.finish(Severity::Error, findings);
    Some(HttpNeed { host: host?, port, methods, paths, reason, optional })
}

fn texts(
    tree: Option<&Tree>,
    key: &str,
    example: &str,
    read: fn(Spanned<String>, &mut Findings) -> Option<String>,
    findings: &mut Findings,
) -> Vec<String> {
    let Some(tree) = tree else { return Vec::new() };
    shape::texts(tree, &format!("`{key}`"), &format!("{key}: {example}"), findings)
        .into_iter()
        .filter_map(|text| read(text, findings))
        .collect()
}

fn host(tree: &Tree, findings: &mut Findings) -> Option<Spanned<String>> {
    let host = shape::filled_text(tree, "`host`", "host: api.example.com", findings)?;
    if host.value.contains("${{") || !host.value.contains(['/', '@', ' ', '\t', '\n', '\\']) {
        return Some(host);
    }
    let help =
        "write the name or address alone, such as `api.example.com`; the port goes to `port`, the path to `paths`";
    let message = format!("`{}` is not a host", excerpt(&host.value));
    findings.error(code::INVALID_VALUE, host.span, message, "more than a name", help);
    None
}

fn method(method: Spanned<String>, findings: &mut Findings) -> Option<String> {
    let upper = method.value.to_ascii_uppercase();
    if !upper.is_empty() && upper.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Some(upper);
    }
    let message = format!("`{}` is not a request method", excerpt(&method.value));
    findings.error(code::INVALID_VALUE, method.span, message, "letters only", "for example `GET`");
    None
}

fn url_path(path: Spanned<String>, findings: &mut Findings) -> Option<String> {
    if path.value.starts_with('/') || path.value.contains("${{") {
        return Some(path.value);
    }
    let message = format!("`{}` is not the path of a request", excerpt(&path.value));
    let help = format!("for example `/{}`", excerpt(&path.value));
    findings.error(code::INVALID_VALUE, path.span, message, "begins with `/`", help);
    None
}

fn secret_need(tree: &Tree, findings: &mut Findings) -> Option<SecretNeed> {
    let example = "{ name: token, use: header, host: api.example.com }";
    let members = shape::mapping(tree, "an item of `secrets`", "a mapping with `name` and `use`", example, findings)?;
    let mut fields = Fields::new("an item of `secrets`", members, tree.span);
    let name = fields
        .required("name", "name: token", findings)
        .and_then(|tree| shape::text(tree, "the name of a secret", "name: token", findings))
        .filter(|name| shape::check_name(&name.value, name.span, "a secret", findings));
    let usage = secret_use(&mut fields, findings);
    let (reason, optional) = reason(&mut fields, findings);
    fields.finish(Severity::Error, findings);
    Some(SecretNeed { name: name?, usage: usage?, reason, optional })
}

fn secret_use(fields: &mut Fields<'_>, findings: &mut Findings) -> Option<SecretUse> {
    let usage =
        fields.required("use", "use: header", findings).and_then(|tree| shape::word(tree, "`use`", &USAGES, findings));
    let host_member = fields.member("host");
    match (usage?, host_member) {
        (Usage::Header, Some(member)) => Some(SecretUse::Header { host: host(&member.value, findings)?.value }),
        (Usage::Header, None) => {
            fields.missing("host", "host: api.example.com", findings);
            None
        }
        (Usage::Reveal, None) => Some(SecretUse::Reveal),
        (Usage::Reveal, Some(member)) => {
            findings.error(
                code::CONFLICTING_KEYS,
                member.key.span,
                "a secret that is revealed is not bound to a host",
                "cannot stand beside `use: reveal`",
                "write `use: header` to let the secret go to this host only, or leave `host` out",
            );
            None
        }
    }
}

fn limits(tree: &Tree, findings: &mut Findings) -> LimitNeeds {
    let members = shape::mapping_or_nothing(tree, "`limits`", "a mapping", "limits: { memory: 64MiB }", findings);
    let mut fields = Fields::new("`limits`", members, tree.span);
    let limits = LimitNeeds {
        memory: fields.get("memory").and_then(|tree| quantity::size(tree, "`memory`", findings)),
        cpu: fields.get("cpu").and_then(|tree| quantity::duration(tree, "`cpu`", findings)),
        wall: fields.get("wall").and_then(|tree| quantity::duration(tree, "`wall`", findings)),
        log: fields.get("log").and_then(|tree| quantity::size(tree, "`log`", findings)),
    };
    fields.finish(Severity::Error, findings);
    limits
}
