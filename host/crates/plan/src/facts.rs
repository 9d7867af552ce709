//! What policies know of a function: from where it came, and whether it comes from there again.

use stepwell_policy::FunctionFacts;
use stepwell_schema::Reference;

use crate::function::PlannedDefinition;
use crate::resolver::{Protocol, Resolved};

/// What stands between address and revision in the long form of a git reference.
const REVISION: &str = ", rev: ";

/// Returns what policies know of a function.
pub(crate) fn of(resolved: &Resolved, definition: &PlannedDefinition) -> FunctionFacts {
    let origin = &resolved.origin;
    let place = FetchedFrom::read(origin.protocol, &origin.reference, origin.commit.as_deref());
    let place = place.unwrap_or_else(|| FetchedFrom {
        host: String::new(),
        path: origin.reference.clone(),
        pinned: matches!(origin.protocol, Protocol::File | Protocol::BuiltIn),
    });
    FunctionFacts {
        name: origin.reference.clone(),
        protocol: origin.protocol.as_str(),
        host: place.host,
        path: place.path,
        digest: resolved.digest.to_string(),
        pinned: place.pinned,
        kind: definition.kind(),
        module: match definition {
            PlannedDefinition::Wasm(wasm) => Some(wasm.module.digest.to_string()),
            PlannedDefinition::Exec { .. } | PlannedDefinition::Sequence(_) => None,
        },
    }
}

/// Where content was fetched from.
#[derive(Debug, PartialEq)]
struct FetchedFrom {
    host: String,
    path: String,
    pinned: bool,
}

impl FetchedFrom {
    /// Reads a reference in canonical form. None where nothing was fetched, and where a text could be read in two ways: an
    /// address that holds what comes behind it is no address that a policy should trust.
    fn read(protocol: Protocol, reference: &str, commit: Option<&str>) -> Option<Self> {
        match protocol {
            Protocol::File | Protocol::BuiltIn => None,
            Protocol::Git => {
                let (address, revision) = git_address(reference)?;
                let rest = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_lowercase();
                let path = path.trim_matches('/');
                let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
                Some(Self { host, path, pinned: commit == Some(&*revision) })
            }
            Protocol::Oci => match Reference::parse(reference) {
                Ok(Reference::Oci(oci)) => Some(Self {
                    host: oci.registry.to_lowercase(),
                    path: oci.repository,
                    pinned: oci.tag.starts_with("sha256:"),
                }),
                Ok(_) | Err(_) => None,
            },
        }
    }
}

/// Returns address and revision of a git reference in canonical form.
fn git_address(reference: &str) -> Option<(String, String)> {
    if let Some(members) = reference.strip_prefix("{git: {url: ") {
        let (address, rest) = members.split_once(REVISION)?;
        let revision = rest.split([',', '}']).next()?;
        return (!rest.contains(REVISION)).then(|| (address.to_owned(), revision.to_owned()));
    }
    match Reference::parse(reference) {
        Ok(Reference::Git(git)) => Some((git.url, git.revision)),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[track_caller]
    fn check(protocol: Protocol, reference: &str, expected: Option<(&str, &str, bool)>) {
        let found = FetchedFrom::read(protocol, reference, Some(COMMIT));
        let found = found.as_ref().map(|from| (from.host.as_str(), from.path.as_str(), from.pinned));
        assert_eq!(found, expected, "{reference}");
    }

    #[test]
    fn places() {
        check(Protocol::File, "./pack", None);
        check(Protocol::BuiltIn, "builtin://stepwell/archive", None);
        check(
            Protocol::Git,
            "https://Example.com:8443/org/project.git/-/lint@v1",
            Some(("example.com:8443", "org/project", false)),
        );
        check(
            Protocol::Git,
            &format!("https://example.com/org/project@{COMMIT}"),
            Some(("example.com", "org/project", true)),
        );
        let long = format!("{{git: {{url: https://example.com/org/project, rev: {COMMIT}, dir: other}}}}");
        check(Protocol::Git, &long, Some(("example.com", "org/project", true)));
        let long = "{git: {url: https://example.com/org/project, rev: main}}";
        check(Protocol::Git, long, Some(("example.com", "org/project", false)));
        check(Protocol::Git, "{git: {url: file:///srv/project, rev: main}}", Some(("", "srv/project", false)));
        check(
            Protocol::Git,
            "https://example.com@evil.example/org/project@v1",
            Some(("evil.example", "org/project", false)),
        );
        let digest = format!("sha256:{}", "a".repeat(64));
        check(
            Protocol::Oci,
            &format!("registry.example.com/tools/lint@{digest}"),
            Some(("registry.example.com", "tools/lint", true)),
        );
        check(Protocol::Oci, "registry.example.com/tools/lint:1", Some(("registry.example.com", "tools/lint", false)));
    }

    #[test]
    fn an_address_that_holds_a_revision_is_not_read() {
        let long = format!("{{git: {{url: https://example.com/a, rev: {COMMIT}, dir: x, rev: main}}}}");
        check(Protocol::Git, &long, None);
    }
}
