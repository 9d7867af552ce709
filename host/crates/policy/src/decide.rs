//! The decision: what is asked, intersected with the job's work dir, is granted; all else is denied.

use std::path::Path;

use stepwell_schema::name::is_name;

use crate::capability::{Capability, Request};
use crate::ceiling;
use crate::decision::{Decision, Decisions, Verdict};
use crate::grants::{Access, Grants, Limits, Root};
use crate::work_path::{InvalidWorkPath, WorkPath};

/// Decides about all requests of one invocation.
///
/// The rules, by identifier: `workspace-read`, `workspace-write`, `env-by-name`, `clock`, `random` and `limits` allow;
/// `read-inside-write` denies a read-only folder inside a writable one, which cannot be held by path (step ABI, section
/// 2.2); `ceiling` denies what is above a ceiling such as [`crate::MAX_MEMORY_BYTES`]; `invalid-name` and `invalid-path`
/// deny what is no name and no path; `no-rule` denies the rest.
pub fn decide(requests: &[Request], work_dir: &Path) -> Decisions {
    let answers: Vec<Answer> = requests.iter().map(|request| Answer::alone(&request.capability, work_dir)).collect();
    let writable: Vec<WorkPath> = answers.iter().filter_map(Answer::writable).cloned().collect();
    let mut decisions = Decisions::default();
    for (request, answer) in requests.iter().zip(answers) {
        match answer.beside(&writable) {
            Ok(allowed) => {
                decisions.grants.add(request, allowed.path.as_ref());
                decisions.decisions.push(allowed.decision(request));
            }
            Err(denied) => decisions.decisions.push(denied.decision(request)),
        }
    }
    decisions.grants.settle();
    decisions
}

/// The answer to a request before the other requests are looked at.
enum Answer {
    Allowed(Allowed),
    Denied(Denied),
}

struct Allowed {
    rule: &'static str,
    reason: &'static str,
    path: Option<WorkPath>,
    access: Option<Access>,
}

struct Denied {
    rule: &'static str,
    reason: String,
    remedy: Remedy,
}

/// What would change a denial. Each is a change to the function file, which the function's author makes.
enum Remedy {
    PathInside,
    AmountBelow,
    ValidName,
    OnePathOrOther,
    MakeOptional,
}

impl Answer {
    fn alone(capability: &Capability, work_dir: &Path) -> Self {
        let exceeded = ceiling::exceeded(capability);
        if !exceeded.is_empty() {
            return Self::Denied(Denied { rule: "ceiling", reason: exceeded.join("; "), remedy: Remedy::AmountBelow });
        }
        match capability {
            Capability::Read { path } => Self::path(path, work_dir, Access::Read),
            Capability::Write { path, .. } => Self::path(path, work_dir, Access::Write),
            Capability::Env { name } if is_name(name) => Self::allowed("env-by-name", "variables asked for by name"),
            Capability::Env { name } => Self::Denied(Denied {
                rule: "invalid-name",
                reason: format!("`{name}` is no name of a variable"),
                remedy: Remedy::ValidName,
            }),
            Capability::Http { .. } => Self::not_enforced("needs for the network"),
            Capability::Secret { .. } => Self::not_enforced("needs for secrets"),
            Capability::Clock(_) => Self::allowed("clock", "every clock may be asked for"),
            Capability::Random(_) => Self::allowed("random", "every source of random numbers may be asked for"),
            Capability::Limits { .. } => Self::allowed("limits", "within the ceilings of this engine"),
        }
    }

    fn path(path: &str, work_dir: &Path, access: Access) -> Self {
        match WorkPath::parse(path, work_dir) {
            Ok(path) => Self::Allowed(Allowed {
                rule: match access {
                    Access::Read => "workspace-read",
                    Access::Write => "workspace-write",
                },
                reason: "inside the job's work dir",
                path: Some(path),
                access: Some(access),
            }),
            Err(invalid) => Self::Denied(Denied {
                rule: match invalid {
                    InvalidWorkPath::Outside(_) => "no-rule",
                    InvalidWorkPath::Nul(_) => "invalid-path",
                },
                reason: invalid.to_string(),
                remedy: Remedy::PathInside,
            }),
        }
    }

    fn allowed(rule: &'static str, reason: &'static str) -> Self {
        Self::Allowed(Allowed { rule, reason, path: None, access: None })
    }

    fn not_enforced(what: &str) -> Self {
        Self::Denied(Denied {
            rule: "no-rule",
            reason: format!("this version does not enforce {what} yet, so a function that has them is refused"),
            remedy: Remedy::MakeOptional,
        })
    }

    fn writable(&self) -> Option<&WorkPath> {
        match self {
            Self::Allowed(Allowed { access: Some(Access::Write), path, .. }) => path.as_ref(),
            Self::Allowed(_) | Self::Denied(_) => None,
        }
    }

    /// Looks at the folders that the same step may write.
    fn beside(self, writable: &[WorkPath]) -> Result<Allowed, Denied> {
        let allowed = match self {
            Self::Allowed(allowed) => allowed,
            Self::Denied(denied) => return Err(denied),
        };
        let (Some(Access::Read), Some(path)) = (allowed.access, &allowed.path) else {
            return Ok(allowed);
        };
        // A folder that is writable itself is fine: reading it adds nothing.
        if writable.contains(path) {
            return Ok(allowed);
        }
        match writable.iter().find(|outer| outer.contains(path)) {
            None => Ok(allowed),
            Some(outer) => Err(Denied {
                rule: "read-inside-write",
                reason: format!(
                    "`{path}` (read) lies inside `{outer}` (write): a read-only part of a writable folder cannot be held"
                ),
                remedy: Remedy::OnePathOrOther,
            }),
        }
    }
}

impl Allowed {
    fn decision(self, request: &Request) -> Decision {
        Decision {
            request: request.clone(),
            verdict: Verdict::Allowed,
            rule: self.rule,
            reason: self.reason.to_owned(),
            remedy: None,
        }
    }
}

impl Denied {
    fn decision(self, request: &Request) -> Decision {
        Decision {
            request: request.clone(),
            verdict: Verdict::Denied,
            rule: self.rule,
            reason: self.reason,
            remedy: Some(self.remedy.text(request)),
        }
    }
}

impl Remedy {
    fn text(&self, request: &Request) -> String {
        let key = request.capability.key();
        let file = match &request.place {
            Some(place) => format!("`{}`", place.source.name()),
            None => "the function file".to_owned(),
        };
        match self {
            Self::PathInside => format!(
                "the function's author asks for a path beneath the job's work dir in `{key}` of {file}; where the path comes from an input, the job gives another one"
            ),
            Self::AmountBelow => format!("the function's author asks for less in `{key}` of {file}"),
            Self::ValidName => {
                format!("the function's author gives names of letters, digits and `_` in `{key}` of {file}")
            }
            Self::OnePathOrOther => format!(
                "the function's author removes the path from `{key}` of {file} (writing includes reading), or writes to a narrower folder"
            ),
            Self::MakeOptional => {
                format!(
                    "where the function works without it, its author marks it `optional: true` in `{key}` of {file}"
                )
            }
        }
    }
}

impl Grants {
    /// Adds what an allowed request asks for.
    fn add(&mut self, request: &Request, path: Option<&WorkPath>) {
        let Request { capability, optional, .. } = request;
        self.capabilities.push(capability.name());
        if let Some(path) = path {
            self.capabilities.push(format!("{}:{path}", capability.kind()));
        }
        match capability {
            Capability::Read { .. } => self.roots.extend(path.map(|path| Root {
                path: path.clone(),
                access: Access::Read,
                bytes: 0,
                files: 0,
                optional: *optional,
            })),
            Capability::Write { bytes, files, .. } => self.roots.extend(path.map(|path| Root {
                path: path.clone(),
                access: Access::Write,
                bytes: bytes.unwrap_or(Limits::DEFAULT_WRITE_BYTES),
                files: files.unwrap_or(Limits::DEFAULT_WRITE_FILES),
                optional: *optional,
            })),
            Capability::Env { name } => self.env.push(name.clone()),
            Capability::Clock(clock) => self.clock = *clock,
            Capability::Random(random) => self.random = *random,
            Capability::Limits { memory, cpu, wall, log } => {
                let limits = &mut self.limits;
                limits.memory = memory.unwrap_or(limits.memory);
                limits.cpu = cpu.unwrap_or(limits.cpu);
                limits.wall = wall.unwrap_or(limits.wall);
                limits.log = log.unwrap_or(limits.log);
            }
            // Never allowed, so there is nothing to add.
            Capability::Http { .. } | Capability::Secret { .. } => {}
        }
    }

    /// Sorts, and merges what says the same twice: one root a path, the wider rights and the larger amounts winning;
    /// a read-only root inside another read-only one adds nothing and goes.
    fn settle(&mut self) {
        for names in [&mut self.env, &mut self.capabilities] {
            names.sort();
            names.dedup();
        }
        self.roots.sort_by(|one, other| one.path.cmp(&other.path));
        self.roots.dedup_by(|next, kept| {
            let same = next.path == kept.path;
            if same {
                kept.widen(next);
            }
            same
        });
        let readable: Vec<WorkPath> =
            self.roots.iter().filter(|root| root.access == Access::Read).map(|root| root.path.clone()).collect();
        self.roots.retain(|root| {
            root.access == Access::Write
                || !readable.iter().any(|outer| *outer != root.path && outer.contains(&root.path))
        });
    }
}

impl Root {
    fn widen(&mut self, other: &Self) {
        if other.access == Access::Write {
            self.access = Access::Write;
        }
        self.bytes = self.bytes.max(other.bytes);
        self.files = self.files.max(other.files);
        self.optional &= other.optional;
    }
}

#[cfg(test)]
mod tests;
