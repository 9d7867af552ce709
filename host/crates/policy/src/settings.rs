//! `stepwell.toml`: the numbers of an operator, and how requests are sent.
//!
//! ```toml
//! [ceilings]
//! memory = "2GiB"        # linear memory of a step
//! cpu = "10m"            # processor time of a step
//! wall = "30m"           # time of a step on the wall
//! log = "8MiB"           # log of a step
//! bytes = "4GiB"         # growth of one writable folder
//! files = 100_000        # new files in one writable folder
//! steps-at-once = 16     # steps side by side
//!
//! [http]
//! private-networks = ["10.1.0.0/16"]           # reached besides public addresses
//! certificate-authorities = ["company.pem"]    # trusted, and no others
//! proxy = "http://proxy.example.com:3128"
//! request-bytes = "256MiB"                     # body of a request
//! response-bytes = "16MiB"                     # body of a response
//! header-bytes = "16KiB"                       # headers of either
//! time = "30s"                                 # from the request to the end of the response
//! requests-per-step = 16                       # requests at once
//! requests-per-tenant = 64
//! ```

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stepwell_schema::{Problems, Source};
use toml::de::{DeTable, DeValue};

use crate::amount;
use crate::ceiling::Ceilings;
use crate::code;
use crate::host_name::host_name;
use crate::network::Network;
use crate::toml_text::{TomlText, Wanted, span, whole};

/// The tables of the file.
const CEILINGS: &str = "ceilings";
const HTTP: &str = "http";

/// The keys of the first.
const KEYS: [&str; 7] = ["memory", "cpu", "wall", "log", "bytes", "files", "steps-at-once"];
/// The keys of the second.
const HTTP_KEYS: [&str; 9] = [
    "private-networks",
    "certificate-authorities",
    "proxy",
    "request-bytes",
    "response-bytes",
    "header-bytes",
    "time",
    "requests-per-step",
    "requests-per-tenant",
];

/// Most bytes that the body of a request or a response may be set to: as much as a writable folder may grow by.
pub const MAX_TRANSFER_BYTES: u64 = crate::ceiling::MAX_WRITE_BYTES;
/// Most bytes that headers may be set to: what the interface of guests holds.
pub const MAX_HEADER_BYTES: u64 = 64 << 10;
/// Most time that a request may be set to: no step has more.
pub const MAX_REQUEST_TIME: Duration = crate::ceiling::MAX_WALL;
/// Most requests at once that a step may be set to: as many as are known of a step in a worker.
pub const MAX_REQUESTS_PER_STEP: u64 = 64;
/// Most requests at once that a tenant may be set to. Each is a connection, of which a process has so many.
pub const MAX_REQUESTS_PER_TENANT: u64 = 1_000;

/// What an operator has put into `stepwell.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What is not set is as high as the engine can hold.
    pub ceilings: Ceilings,
    /// How requests are sent.
    pub http: HttpTable,
}

/// How requests of steps are sent, as far as it is set. The debug output leaves the proxy out, whose address may hold
/// credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HttpTable {
    /// Addresses that are not public and may be reached.
    pub private_networks: Vec<Network>,
    /// PEM files with the certificate authorities that are trusted, and no others. As they are written: relative paths
    /// start where the file lies.
    pub certificate_authorities: Vec<PathBuf>,
    /// The address of a proxy, with scheme and host.
    pub proxy: Option<String>,
    /// Most bytes of the body of a request.
    pub request_bytes: Option<u64>,
    /// Most bytes of the body of a response.
    pub response_bytes: Option<u64>,
    /// Most bytes of headers.
    pub header_bytes: Option<u64>,
    /// Most time of a request.
    pub time: Option<Duration>,
    /// Most requests of a step at once.
    pub per_step: Option<u64>,
    /// Most requests of a tenant at once.
    pub per_tenant: Option<u64>,
}

impl Settings {
    /// Reads `stepwell.toml`.
    ///
    /// # Errors
    /// All problems: a text that is no TOML, keys that there are not, values that are not what is wanted, and ones above
    /// what the engine can hold.
    pub fn parse(source: &Arc<Source>) -> Result<Self, Problems> {
        TomlText::read(source, |text, table| {
            text.only(table, &[CEILINGS, HTTP]);
            let wanted = Wanted { what: "a table", example: "[ceilings]" };
            let ceilings = text.value(table, CEILINGS, &wanted, |value| value.as_table());
            let wanted = Wanted { what: "a table", example: "[http]" };
            let http = text.value(table, HTTP, &wanted, |value| value.as_table());
            Self {
                ceilings: ceilings.map_or_else(Ceilings::default, |table| Ceilings::read(text, table)),
                http: http.map_or_else(HttpTable::default, |table| HttpTable::read(text, table)),
            }
        })
    }
}

impl HttpTable {
    fn read(text: &mut TomlText, table: &DeTable<'_>) -> Self {
        text.only(table, &HTTP_KEYS);
        let count = |number: u64| number.to_string();
        let transfer = MAX_TRANSFER_BYTES;
        Self {
            private_networks: list(text, table, "private-networks", &NETWORKS, |item| item.parse().ok()),
            certificate_authorities: list(text, table, "certificate-authorities", &FILES, |item| {
                (!item.is_empty()).then(|| PathBuf::from(item))
            }),
            proxy: text.value(table, "proxy", &PROXY, |value| value.as_str().and_then(proxy)),
            request_bytes: at_most(text, table, "request-bytes", transfer, &SIZE, size, amount::bytes),
            response_bytes: at_most(text, table, "response-bytes", transfer, &SIZE, size, amount::bytes),
            header_bytes: at_most(text, table, "header-bytes", MAX_HEADER_BYTES, &SIZE, size, amount::bytes),
            time: at_most(text, table, "time", MAX_REQUEST_TIME, &TIME, time, amount::time),
            per_step: at_most(text, table, "requests-per-step", MAX_REQUESTS_PER_STEP, &STEPS, positive, count),
            per_tenant: at_most(text, table, "requests-per-tenant", MAX_REQUESTS_PER_TENANT, &STEPS, positive, count),
        }
    }
}

impl fmt::Debug for HttpTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTable")
            .field("private_networks", &self.private_networks)
            .field("certificate_authorities", &self.certificate_authorities)
            .field("proxy", &self.proxy.as_ref().map(|_| "[MASKED]"))
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl Ceilings {
    fn read(text: &mut TomlText, table: &DeTable<'_>) -> Self {
        text.only(table, &KEYS);
        let most = Self::default();
        let count = |number: u64| number.to_string();
        Self {
            memory: below(text, table, "memory", most.memory, &SIZE, size, amount::bytes),
            cpu: below(text, table, "cpu", most.cpu, &TIME, time, amount::time),
            wall: below(text, table, "wall", most.wall, &TIME, time, amount::time),
            log: below(text, table, "log", most.log, &SIZE, size, amount::bytes),
            bytes: below(text, table, "bytes", most.bytes, &SIZE, size, amount::bytes),
            files: below(text, table, "files", most.files, &COUNT, whole, count),
            steps_at_once: below(text, table, "steps-at-once", most.steps_at_once, &STEPS, positive, count),
        }
    }
}

const SIZE: Wanted = Wanted { what: "a size", example: "\"64MiB\"" };
const TIME: Wanted = Wanted { what: "a time with its unit", example: "\"20s\"" };
const COUNT: Wanted = Wanted { what: "a whole number from 0 up", example: "100" };
const STEPS: Wanted = Wanted { what: "a whole number from 1 up", example: "16" };
const NETWORKS: Wanted = Wanted { what: "a list of addresses and networks", example: "[\"10.0.0.0/8\"]" };
const FILES: Wanted = Wanted { what: "a list of files", example: "[\"company.pem\"]" };
const PROXY: Wanted =
    Wanted { what: "the address of a proxy, with `http` or `https`", example: "\"http://proxy.example.com:3128\"" };

/// Returns the amount of a key, which may be at most what the engine can hold and is that where the key is missing.
fn below<'v, 't, T: Copy + PartialOrd>(
    text: &mut TomlText,
    table: &'v DeTable<'t>,
    key: &'static str,
    most: T,
    wanted: &Wanted,
    read: impl FnOnce(&'v DeValue<'t>) -> Option<T>,
    show: impl Fn(T) -> String,
) -> T {
    at_most(text, table, key, most, wanted, read, show).unwrap_or(most)
}

/// Returns the amount of a key, which may be at most what the engine can hold; none where the key is missing.
fn at_most<'v, 't, T: Copy + PartialOrd>(
    text: &mut TomlText,
    table: &'v DeTable<'t>,
    key: &'static str,
    most: T,
    wanted: &Wanted,
    read: impl FnOnce(&'v DeValue<'t>) -> Option<T>,
    show: impl Fn(T) -> String,
) -> Option<T> {
    let amount = text.value(table, key, wanted, read)?;
    if amount > most {
        let message = format!("`{key}` is {}, more than this engine can hold", show(amount));
        let place = table.get(key).map(span).unwrap_or_default();
        text.push(code::SETTING_VALUE, message, place, Some(format!("at most {}", show(most))));
    }
    Some(amount)
}

/// Returns what `read` makes of each text in the list of a key. An item that is not what is wanted is a problem of its own.
fn list<T>(
    text: &mut TomlText,
    table: &DeTable<'_>,
    key: &str,
    wanted: &Wanted,
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let items = text.value(table, key, wanted, |value| value.as_array());
    let mut found = Vec::new();
    for item in items.into_iter().flatten() {
        match item.get_ref().as_str().and_then(&read) {
            Some(read) => found.push(read),
            None => {
                let help = Some(format!("such as `{}`", wanted.example));
                text.push(code::SETTING_VALUE, format!("`{key}` must be {}", wanted.what), span(item), help);
            }
        }
    }
    found
}

/// Reads the address of a proxy: a scheme, perhaps a user, a host, perhaps a port.
fn proxy(text: &str) -> Option<String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let place = authority.rsplit('@').next()?;
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        Some(_) | None => (place, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    (host_name(host).is_ok() && port.is_none_or(is_port)).then(|| text.to_owned())
}

/// Reads a size: a whole number of bytes, or a text with a unit.
fn size(value: &DeValue<'_>) -> Option<u64> {
    let Some(text) = value.as_str() else { return whole(value) };
    let starts_well = text.starts_with(|first: char| first.is_ascii_digit());
    text.parse::<bytesize::ByteSize>().ok().filter(|size| starts_well && size.0 < u64::MAX).map(|size| size.0)
}

fn time(value: &DeValue<'_>) -> Option<Duration> {
    humantime::parse_duration(value.as_str()?.trim()).ok()
}

fn positive(value: &DeValue<'_>) -> Option<u64> {
    whole(value).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, Problems> {
        Settings::parse(&Source::new("stepwell.toml", text))
    }

    #[track_caller]
    fn check_problem(text: &str, expected: &[&str]) {
        let problems = parse(text).expect_err("the settings have no problems");
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| {
                let place = &problem.labels[0].place;
                let under = &place.source.text()[place.span.start..place.span.end];
                format!("{}: {problem} `{under}` {}", problem.code, problem.help.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_not_set_is_as_high_as_can_be() {
        assert_eq!(parse(""), Ok(Settings::default()));
        assert_eq!(parse("[http]\n[ceilings]"), Ok(Settings::default()));
    }

    #[test]
    fn every_ceiling_can_be_set() {
        let text = "[ceilings]\nmemory = \"2GiB\"\ncpu = \"10m\"\nwall = \"1m 30s\"\nlog = 1000\nbytes = \"1KB\"\n\
            files = 1_000\nsteps-at-once = 16\n";
        let expected = Ceilings {
            memory: 2 << 30,
            cpu: Duration::from_secs(600),
            wall: Duration::from_secs(90),
            log: 1000,
            bytes: 1000,
            files: 1000,
            steps_at_once: 16,
        };
        assert_eq!(parse(text).map(|settings| settings.ceilings), Ok(expected));
    }

    #[test]
    fn requests_can_be_set() {
        let text = "[http]\nprivate-networks = [\"10.1.0.0/16\", \"::1\"]\ncertificate-authorities = [\"a.pem\", \"/b.pem\"]\n\
            proxy = \"http://user:word@proxy.test:3128/\"\nrequest-bytes = \"1GiB\"\nresponse-bytes = 1000\n\
            header-bytes = \"8KiB\"\ntime = \"2m\"\nrequests-per-step = 4\nrequests-per-tenant = 8\n";
        let expected = HttpTable {
            private_networks: ["10.1.0.0/16", "::1"].map(|text| text.parse().unwrap()).into(),
            certificate_authorities: ["a.pem", "/b.pem"].map(PathBuf::from).into(),
            proxy: Some("http://user:word@proxy.test:3128/".to_owned()),
            request_bytes: Some(1 << 30),
            response_bytes: Some(1000),
            header_bytes: Some(8 << 10),
            time: Some(Duration::from_secs(120)),
            per_step: Some(4),
            per_tenant: Some(8),
        };
        let settings = parse(text).unwrap();
        assert_eq!((&settings.http, settings.ceilings), (&expected, Ceilings::default()));
        assert!(!format!("{settings:?}").contains("word"));
    }

    #[test]
    fn mistakes_about_requests_have_a_place() {
        check_problem(
            "[http]\nprivate-networks = [\"10.0.0.0/8\", \"10.0.0.0/33\", 1]\ncertificate-authorities = \"a.pem\"\n\
             proxy = \"proxy.test:3128\"\ntime = \"2h\"\nrequests-per-step = 0\nrequest-byte = 1\n",
            &[
                "setting-value: stepwell.toml:2:35: `private-networks` must be a list of addresses and networks \
                 `\"10.0.0.0/33\"` such as `[\"10.0.0.0/8\"]`",
                "setting-value: stepwell.toml:2:50: `private-networks` must be a list of addresses and networks \
                 `1` such as `[\"10.0.0.0/8\"]`",
                "setting-value: stepwell.toml:3:27: `certificate-authorities` must be a list of files `\"a.pem\"` \
                 such as `[\"company.pem\"]`",
                "setting-value: stepwell.toml:4:9: `proxy` must be the address of a proxy, with `http` or `https` \
                 `\"proxy.test:3128\"` such as `\"http://proxy.example.com:3128\"`",
                "setting-value: stepwell.toml:5:8: `time` is 2h, more than this engine can hold `\"2h\"` at most 1h",
                "setting-value: stepwell.toml:6:21: `requests-per-step` must be a whole number from 1 up `0` such as `16`",
                "unknown-setting: stepwell.toml:7:1: unknown key `request-byte` `request-byte` \
                 did you mean `request-bytes`?",
            ],
        );
    }

    #[test]
    fn addresses_of_proxies() {
        for text in ["http://a.test", "https://a.test:1/", "http://u:p@[::1]:3128", "http://10.0.0.1:80"] {
            assert_eq!(proxy(text).as_deref(), Some(text));
        }
        for text in ["", "a.test", "socks5://a.test", "http://", "http://a.test:0", "http://a.test:x", "http://a b"] {
            assert_eq!(proxy(text), None, "{text}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        check_problem(
            "[ceiling]\n[ceilings]\nmemroy = 1\nx = 2\n",
            &[
                "unknown-setting: stepwell.toml:1:2: unknown key `ceiling` `ceiling` did you mean `ceilings`?",
                "unknown-setting: stepwell.toml:3:1: unknown key `memroy` `memroy` did you mean `memory`?",
                "unknown-setting: stepwell.toml:4:1: unknown key `x` `x` \
                 known keys: memory, cpu, wall, log, bytes, files, steps-at-once",
            ],
        );
        check_problem(
            "[ceilings]\nmemory = \"8GiB\"\ncpu = 20\nfiles = -1\nsteps-at-once = 0\nlog = \".5MB\"\n",
            &[
                "setting-value: stepwell.toml:2:10: `memory` is 8 GiB, more than this engine can hold `\"8GiB\"` \
                 at most 4 GiB",
                "setting-value: stepwell.toml:3:7: `cpu` must be a time with its unit `20` such as `\"20s\"`",
                "setting-value: stepwell.toml:4:9: `files` must be a whole number from 0 up `-1` such as `100`",
                "setting-value: stepwell.toml:5:17: `steps-at-once` must be a whole number from 1 up `0` such as `16`",
                "setting-value: stepwell.toml:6:7: `log` must be a size `\".5MB\"` such as `\"64MiB\"`",
            ],
        );
    }

    #[test]
    fn no_toml() {
        let problems = parse("[ceilings\n").expect_err("that is no TOML");
        assert!(problems.iter().all(|problem| problem.code == code::SETTINGS_SYNTAX && problem.labels.len() == 1));
    }
}
