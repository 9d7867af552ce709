//! The rules of the engine, which no policy widens.

use std::path::Path;

use stepwell_schema::name::is_name;

use crate::capability::Capability;
use crate::ceiling::Ceilings;
use crate::decide::Denied;
use crate::host_name::host_name;
use crate::question::Act;
use crate::remedy::Remedy;
use crate::rule::DecidedBy;
use crate::work_path::{InvalidWorkPath, WorkPath};

/// What the rules of the engine leave of a request.
pub(crate) enum Left {
    /// It is allowed: policies have no say in it.
    Allowed { rule: &'static str, reason: &'static str },
    /// The policies decide, about what will really be touched.
    ForPolicies(Act),
}

/// Holds a request to the rules of the engine.
pub(crate) fn check(capability: &Capability, work_dir: &Path, ceilings: &Ceilings) -> Result<Left, Denied> {
    let exceeded = ceilings.exceeded(capability);
    if !exceeded.is_empty() {
        return Err(denied("ceiling", exceeded.join("; "), Remedy::AmountBelow));
    }
    match capability {
        Capability::Run { .. } => Ok(Left::ForPolicies(Act::Run)),
        Capability::Exec { program } => Ok(Left::ForPolicies(Act::Exec { program: program.clone() })),
        Capability::Export { name } => Ok(Left::ForPolicies(Act::Export { name: name.clone() })),
        Capability::Read { path } => Ok(Left::ForPolicies(Act::Read { path: inside(path, work_dir)? })),
        Capability::Write { path, bytes, files } => {
            let (default_bytes, default_files) = ceilings.growth();
            Ok(Left::ForPolicies(Act::Write {
                path: inside(path, work_dir)?,
                bytes: bytes.unwrap_or(default_bytes),
                files: files.unwrap_or(default_files),
            }))
        }
        Capability::Env { name } if is_name(name) => Ok(Left::ForPolicies(Act::ReadEnv { name: name.clone() })),
        Capability::Env { name } => {
            Err(denied("invalid-name", format!("`{name}` is no name of a variable"), Remedy::ValidName))
        }
        Capability::Http { host, port, methods, paths } => Ok(Left::ForPolicies(Act::Connect {
            host: normal_host(host)?,
            port: *port,
            methods: methods.clone(),
            paths: paths.clone(),
        })),
        Capability::Secret { name, host: Some(host) } => {
            Ok(Left::ForPolicies(Act::UseSecret { name: name.clone(), host: normal_host(host)? }))
        }
        Capability::Secret { name, host: None } => Ok(Left::ForPolicies(Act::RevealSecret { name: name.clone() })),
        Capability::Clock(_) => Ok(Left::Allowed { rule: "clock", reason: "every clock may be asked for" }),
        Capability::Random(_) => {
            Ok(Left::Allowed { rule: "random", reason: "every source of random numbers may be asked for" })
        }
        Capability::Limits { .. } => Ok(Left::Allowed { rule: "limits", reason: "within the ceilings of this engine" }),
    }
}

fn inside(path: &str, work_dir: &Path) -> Result<WorkPath, Denied> {
    WorkPath::parse(path, work_dir).map_err(|invalid| {
        let rule = match invalid {
            InvalidWorkPath::Outside(_) => "no-rule",
            InvalidWorkPath::Nul(_) | InvalidWorkPath::TooLong(_) => "invalid-path",
        };
        denied(rule, invalid.to_string(), Remedy::PathInside)
    })
}

fn normal_host(host: &str) -> Result<String, Denied> {
    host_name(host).map_err(|invalid| denied("invalid-host", invalid.to_string(), Remedy::ValidHost))
}

fn denied(rule: &'static str, reason: String, remedy: Remedy) -> Denied {
    Denied { decided_by: DecidedBy::Rule(rule), reason, remedy }
}
