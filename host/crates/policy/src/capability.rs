//! Kinds of access, and the requests for them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use stepwell_schema::{Clock, Place, Random};

use crate::amount;

/// One kind of access with what it is about. Paths and hosts are as the author wrote them after evaluation; nothing has
/// been normalised or looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Capability {
    /// Be called. Every function asks for it, without saying so.
    Run {
        /// The reference of the function in canonical form.
        function: String,
    },
    /// Start a native program, unconfined. Commands and scripts ask for it, without saying so.
    Exec {
        /// Its name or path, as the function has it; `sh` for a script.
        program: String,
    },
    /// Hand an environment variable to later steps. Asked for by doing it.
    Export {
        /// Its name.
        name: String,
    },
    /// Read a folder of the job's work dir.
    Read {
        /// The path as asked.
        path: String,
    },
    /// Read and write a folder of the job's work dir.
    Write {
        /// The path as asked.
        path: String,
        /// Most bytes of growth; none means the engine's default.
        bytes: Option<u64>,
        /// Most new files, folders and links; none means the engine's default.
        files: Option<u64>,
    },
    /// See an environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// Send requests to a host.
    Http {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// Methods in upper case.
        methods: Vec<String>,
        /// Path patterns; empty means all.
        paths: Vec<String>,
    },
    /// Use a secret.
    Secret {
        /// Its name.
        name: String,
        /// The only host whose request headers may carry it; none means the guest may read it.
        host: Option<String>,
    },
    /// See a clock other than the default.
    Clock(Clock),
    /// Have random numbers other than the default.
    Random(Random),
    /// Have limits other than the defaults.
    Limits {
        /// Linear memory, in bytes.
        memory: Option<u64>,
        /// Processor time.
        cpu: Option<Duration>,
        /// Time on the wall.
        wall: Option<Duration>,
        /// Log, in bytes.
        log: Option<u64>,
    },
}

/// What one function asks for, once.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The access.
    pub capability: Capability,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// Whether the function works without it: a denial is then an answer, not an end.
    pub optional: bool,
    /// Where it is asked for.
    pub place: Option<Place>,
}

impl Capability {
    /// Returns the word for the kind: `run`, `exec`, `export`, `read`, `write`, `env`, `http`, `secret`, `clock`, `random` or `limits`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Exec { .. } => "exec",
            Self::Export { .. } => "export",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Env { .. } => "env",
            Self::Http { .. } => "http",
            Self::Secret { .. } => "secret",
            Self::Clock(_) => "clock",
            Self::Random(_) => "random",
            Self::Limits { .. } => "limits",
        }
    }

    /// Tells whether this is asked for by doing it, rather than by a need of the function file.
    pub const fn is_act(&self) -> bool {
        matches!(self, Self::Run { .. } | Self::Exec { .. } | Self::Export { .. })
    }

    /// Returns the key of the function file under which this is asked for, such as `spec.needs.read`; for what is asked for
    /// without saying so, the key that leads to it.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Exec { .. } => "exec.command",
            Self::Export { .. } => "spec",
            Self::Read { .. } => "spec.needs.read",
            Self::Write { .. } => "spec.needs.write",
            Self::Env { .. } => "spec.needs.env",
            Self::Http { .. } => "spec.needs.http",
            Self::Secret { .. } => "spec.needs.secrets",
            Self::Clock(_) => "spec.needs.clock",
            Self::Random(_) => "spec.needs.random",
            Self::Limits { .. } => "spec.needs.limits",
        }
    }

    /// Returns what it is about, such as `src`, `CI` or `api.example.com:443`; for limits the empty text.
    pub fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::Run { function } => function.into(),
            Self::Exec { program } => program.into(),
            Self::Read { path } | Self::Write { path, .. } => path.into(),
            Self::Export { name } | Self::Env { name } | Self::Secret { name, .. } => name.into(),
            Self::Http { host, port, .. } => format!("{host}:{port}").into(),
            Self::Clock(clock) => clock_word(*clock).into(),
            Self::Random(random) => random_word(*random).into(),
            Self::Limits { .. } => "".into(),
        }
    }

    /// Returns the particulars, such as `2 GiB, 100 files`; empty where there are none.
    pub fn detail(&self) -> String {
        match self {
            Self::Run { .. }
            | Self::Exec { .. }
            | Self::Export { .. }
            | Self::Read { .. }
            | Self::Env { .. }
            | Self::Clock(_)
            | Self::Random(_) => String::new(),
            Self::Write { bytes, files, .. } => list([
                bytes.map(amount::bytes),
                files.map(|files| format!("{files} {}", if files == 1 { "file" } else { "files" })),
            ]),
            Self::Http { methods, paths, .. } => {
                methods.iter().chain(paths).map(String::as_str).collect::<Vec<_>>().join(" ")
            }
            Self::Secret { host: Some(host), .. } => format!("→ header, {host}"),
            Self::Secret { host: None, .. } => "→ reveal".to_owned(),
            Self::Limits { memory, cpu, wall, log } => list([
                memory.map(|memory| format!("memory {}", amount::bytes(memory))),
                cpu.map(|cpu| format!("cpu {}", amount::time(cpu))),
                wall.map(|wall| format!("wall {}", amount::time(wall))),
                log.map(|log| format!("log {}", amount::bytes(log))),
            ]),
        }
    }

    /// Returns the name under which a guest asks whether it was given this: `read:src`, `env:CI`, `http:HOST`, `limits`.
    /// Paths are as asked.
    pub fn name(&self) -> String {
        match self {
            Self::Http { host, .. } => format!("http:{host}"),
            Self::Limits { .. } => self.kind().to_owned(),
            Self::Run { .. }
            | Self::Exec { .. }
            | Self::Export { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Env { .. }
            | Self::Secret { .. }
            | Self::Clock(_)
            | Self::Random(_) => [self.kind(), ":", &self.subject()].concat(),
        }
    }
}

impl fmt::Display for Capability {
    /// Writes kind, subject and particulars on one line: `write dist 2 GiB, 100 files`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        for part in [self.subject(), self.detail().into()] {
            if !part.is_empty() {
                write!(f, " {part}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Capability {
    /// Writes a flat object: `kind`, and the fields that have a value. Sizes are bytes, times milliseconds.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind())?;
        match self {
            Self::Run { function } => map.serialize_entry("function", function)?,
            Self::Exec { program } => map.serialize_entry("program", program)?,
            Self::Export { name } => map.serialize_entry("name", name)?,
            Self::Read { path } => map.serialize_entry("path", path)?,
            Self::Write { path, bytes, files } => {
                map.serialize_entry("path", path)?;
                entry(&mut map, "bytes", bytes.as_ref())?;
                entry(&mut map, "files", files.as_ref())?;
            }
            Self::Env { name } => map.serialize_entry("name", name)?,
            Self::Http { host, port, methods, paths } => {
                map.serialize_entry("host", host)?;
                map.serialize_entry("port", port)?;
                map.serialize_entry("methods", methods)?;
                map.serialize_entry("paths", paths)?;
            }
            Self::Secret { name, host } => {
                map.serialize_entry("name", name)?;
                map.serialize_entry("use", if host.is_some() { "header" } else { "reveal" })?;
                entry(&mut map, "host", host.as_ref())?;
            }
            Self::Clock(clock) => map.serialize_entry("clock", clock_word(*clock))?,
            Self::Random(random) => map.serialize_entry("random", random_word(*random))?,
            Self::Limits { memory, cpu, wall, log } => {
                entry(&mut map, "memory_bytes", memory.as_ref())?;
                entry(&mut map, "cpu_ms", cpu.map(milliseconds).as_ref())?;
                entry(&mut map, "wall_ms", wall.map(milliseconds).as_ref())?;
                entry(&mut map, "log_bytes", log.as_ref())?;
            }
        }
        map.end()
    }
}

/// Returns the word that function files use for a clock.
const fn clock_word(clock: Clock) -> &'static str {
    match clock {
        Clock::None => "none",
        Clock::Frozen => "frozen",
        Clock::Coarse => "coarse",
        Clock::Real => "real",
    }
}

/// Returns the word that function files use for a source of random numbers.
const fn random_word(random: Random) -> &'static str {
    match random {
        Random::None => "none",
        Random::Seeded => "seeded",
        Random::Secure => "secure",
    }
}

fn entry<M: SerializeMap>(map: &mut M, key: &'static str, value: Option<&impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, value))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn list<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(capability: Capability, line: &str, name: &str, json: serde_json::Value) {
        assert_eq!(capability.to_string(), line);
        assert_eq!(capability.name(), name);
        assert_eq!(serde_json::to_value(&capability).unwrap(), json);
    }

    fn write(bytes: Option<u64>, files: Option<u64>) -> Capability {
        Capability::Write { path: "dist".into(), bytes, files }
    }

    #[test]
    fn one_line_name_and_json() {
        use serde_json::json;
        check(
            Capability::Read { path: "guest-sdk".into() },
            "read guest-sdk",
            "read:guest-sdk",
            json!({"kind": "read", "path": "guest-sdk"}),
        );
        check(
            Capability::Run { function: "./pack".into() },
            "run ./pack",
            "run:./pack",
            json!({"kind": "run", "function": "./pack"}),
        );
        check(
            Capability::Exec { program: "sh".into() },
            "exec sh",
            "exec:sh",
            json!({"kind": "exec", "program": "sh"}),
        );
        check(write(None, None), "write dist", "write:dist", json!({"kind": "write", "path": "dist"}));
        check(
            write(Some(2 << 30), Some(100)),
            "write dist 2 GiB, 100 files",
            "write:dist",
            json!({"kind": "write", "path": "dist", "bytes": 2_147_483_648_u64, "files": 100}),
        );
        check(
            write(Some(1_572_864), Some(1)),
            "write dist 1.5 MiB, 1 file",
            "write:dist",
            json!({"kind": "write", "path": "dist", "bytes": 1_572_864, "files": 1}),
        );
        check(Capability::Env { name: "CI".into() }, "env CI", "env:CI", json!({"kind": "env", "name": "CI"}));
        check(
            Capability::Http {
                host: "api.example.com".into(),
                port: 443,
                methods: vec!["POST".into()],
                paths: vec!["/v1/*".into()],
            },
            "http api.example.com:443 POST /v1/*",
            "http:api.example.com",
            json!({"kind": "http", "host": "api.example.com", "port": 443, "methods": ["POST"], "paths": ["/v1/*"]}),
        );
        check(
            Capability::Secret { name: "token".into(), host: Some("api.example.com".into()) },
            "secret token → header, api.example.com",
            "secret:token",
            json!({"kind": "secret", "name": "token", "use": "header", "host": "api.example.com"}),
        );
        check(
            Capability::Secret { name: "token".into(), host: None },
            "secret token → reveal",
            "secret:token",
            json!({"kind": "secret", "name": "token", "use": "reveal"}),
        );
        check(Capability::Clock(Clock::Real), "clock real", "clock:real", json!({"kind": "clock", "clock": "real"}));
        check(
            Capability::Random(Random::Seeded),
            "random seeded",
            "random:seeded",
            json!({"kind": "random", "random": "seeded"}),
        );
        check(
            Capability::Limits {
                memory: Some(512 << 20),
                cpu: Some(Duration::from_secs(90)),
                wall: None,
                log: Some(1000),
            },
            "limits memory 512 MiB, cpu 1m 30s, log 1000 B",
            "limits",
            json!({"kind": "limits", "memory_bytes": 536_870_912, "cpu_ms": 90_000, "log_bytes": 1000}),
        );
    }
}
