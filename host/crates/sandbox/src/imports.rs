//! Which imports of a component are served, and what to tell about the others.

use std::collections::BTreeSet;

use crate::log_sink::cut;

/// The version of our own package that this engine serves: the track, and the newest patch.
const ABI_TRACK: &str = "0.1";
pub(crate) const ABI_VERSION: &str = "0.1.0";

/// Longest name of an import that is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 200;

/// Our own interfaces.
const STEP_INTERFACES: &[&str] = &["types", "context", "lifetime", "log", "secrets"];

/// The WASI interfaces that every step may import. Those about files and sockets are there because interpreters import
/// them whether or not the step uses them; they show nothing that was not granted.
const WASI_INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The WASI interfaces for which a function asks with `http`.
const HTTP_INTERFACES: [&str; 2] = ["wasi:http/outgoing-handler", "wasi:http/types"];

/// An import that is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Uncovered {
    #[error("needs interface {interface} of step ABI {version}, this engine has {ABI_VERSION}")]
    NewerAbi { interface: String, version: String },
    #[error("imports `{import}`: the function does not ask for outgoing requests")]
    Http { import: String },
    #[error("imports `{import}`: WASI {version} is not served, WASI 0.2 is")]
    OtherWasi { import: String, version: String },
    #[error("imports `{import}`, which this engine does not have")]
    Unknown { import: String },
}

impl Uncovered {
    /// Tells whether a need could cover it.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, Self::Http { .. })
    }

    /// Returns the line below `spec.needs` that asks for it, where there is one.
    pub(crate) fn needs_line(&self) -> Option<&'static str> {
        match self {
            Self::Http { .. } => Some("http: [{ host: HOST }]"),
            Self::NewerAbi { .. } | Self::OtherWasi { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Returns the imports that are not served, in the order of their names. `asks_http` tells whether the function asks for
/// outgoing requests.
pub(crate) fn uncovered(imports: &BTreeSet<&str>, asks_http: bool) -> Vec<Uncovered> {
    imports.iter().filter_map(|import| check(import, asks_http)).collect()
}

fn check(import: &str, asks_http: bool) -> Option<Uncovered> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if let Some(name) = interface.strip_prefix("stepwell:step/") {
        let is_track = version.strip_prefix(ABI_TRACK).is_some_and(|patch| patch.starts_with('.'));
        let is_served = is_track && STEP_INTERFACES.contains(&name);
        return (!is_served).then(|| Uncovered::NewerAbi { interface: shown(name), version: shown(version) });
    }
    let import = shown(import);
    let is_http = HTTP_INTERFACES.contains(&interface);
    if !is_http && !WASI_INTERFACES.contains(&interface) {
        return Some(Uncovered::Unknown { import });
    }
    if is_http && !asks_http {
        return Some(Uncovered::Http { import });
    }
    (!version.starts_with("0.2.")).then(|| Uncovered::OtherWasi { import, version: shown(version) })
}

/// A module names its imports as it likes: a name is shown as far as any real one goes.
fn shown(name: &str) -> String {
    cut(name, MAX_SHOWN_BYTES).0.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn told(import: &str, expected: Option<&str>) {
        assert_eq!(check(import, false).map(|uncovered| uncovered.to_string()).as_deref(), expected);
    }

    #[test]
    fn served() {
        told("stepwell:step/log@0.1.0", None);
        told("stepwell:step/log@0.1.9", None);
        told("wasi:io/streams@0.2.6", None);
        told("wasi:io/streams@0.2.12", None);
        told("wasi:sockets/tcp@0.2.0", None);
    }

    #[test]
    fn served_where_it_is_asked_for() {
        let told = |import: &str| check(import, true).map(|uncovered| uncovered.to_string());
        assert_eq!(told("wasi:http/outgoing-handler@0.2.3"), None);
        assert_eq!(told("wasi:http/types@0.2.12"), None);
        let expected = "imports `wasi:http/types@0.3.0`: WASI 0.3.0 is not served, WASI 0.2 is";
        assert_eq!(told("wasi:http/types@0.3.0").as_deref(), Some(expected));
        let expected = "imports `wasi:http/incoming-handler@0.2.3`, which this engine does not have";
        assert_eq!(told("wasi:http/incoming-handler@0.2.3").as_deref(), Some(expected));
    }

    #[test]
    fn not_served() {
        told("stepwell:step/log@0.2.0", Some("needs interface log of step ABI 0.2.0, this engine has 0.1.0"));
        told("stepwell:step/cache@0.1.3", Some("needs interface cache of step ABI 0.1.3, this engine has 0.1.0"));
        told(
            "wasi:http/outgoing-handler@0.2.3",
            Some("imports `wasi:http/outgoing-handler@0.2.3`: the function does not ask for outgoing requests"),
        );
        told("wasi:io/streams@0.3.0", Some("imports `wasi:io/streams@0.3.0`: WASI 0.3.0 is not served, WASI 0.2 is"));
        told("wasi:keyvalue/store@0.2.0", Some("imports `wasi:keyvalue/store@0.2.0`, which this engine does not have"));
        assert!(check(&"long".repeat(1_000), true).unwrap().to_string().len() < 300);
        told("env", Some("imports `env`, which this engine does not have"));
        told("wasi:io/streams", Some("imports `wasi:io/streams`: WASI  is not served, WASI 0.2 is"));
    }
}
