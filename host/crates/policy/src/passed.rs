//! What a job passes to a step: it narrows what the function asks for, and never widens it.

use std::path::Path;

use stepwell_schema::{Clock, Random};

use crate::capability::{Capability, Request};
use crate::ceiling::Ceilings;
use crate::host_name::host_name;
use crate::work_path::WorkPath;

/// The most that a function, and those it calls, may have of what they ask for, as one step of a job says it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passed(Vec<Capability>);

impl Passed {
    /// Takes what a step says, in the words of needs.
    pub fn new(allowed: impl IntoIterator<Item = Request>) -> Self {
        Self(allowed.into_iter().map(|request| request.capability).collect())
    }

    /// Returns what is left of a request: itself, narrower ones, or nothing.
    ///
    /// A path is left where an allowed one lies around it, and becomes the allowed ones that lie inside it; to write
    /// includes to read. Of two amounts the smaller holds. A destination keeps the methods and the patterns of paths
    /// that both sides name. A secret is left where name and use are allowed as asked. The real clock is left where it is
    /// allowed; other clocks and random numbers give nothing away and are left. What no path, host or name of the job can
    /// be (see the rules of the engine) is left as it is, to be denied by them.
    pub(crate) fn narrow(&self, request: Request, work_dir: &Path, ceilings: &Ceilings) -> Vec<Request> {
        let narrower: Vec<Capability> = match &request.capability {
            Capability::Read { path } => self.paths(path, work_dir, |path, _| Capability::Read { path }, |_| true),
            Capability::Write { path, bytes, files } => {
                let asked = (*bytes, *files);
                let make = |path, allowed: (Option<u64>, Option<u64>)| {
                    let (default_bytes, default_files) = ceilings.growth();
                    Capability::Write {
                        path,
                        bytes: smaller(asked.0, allowed.0, default_bytes),
                        files: smaller(asked.1, allowed.1, default_files),
                    }
                };
                self.paths(path, work_dir, make, |allowed| matches!(allowed, Capability::Write { .. }))
            }
            Capability::Http { .. } => {
                self.0.iter().filter_map(|allowed| same_destination(&request.capability, allowed)).collect()
            }
            Capability::Secret { name, host } => {
                let is_allowed = self.0.iter().any(|allowed| match allowed {
                    Capability::Secret { name: other, host: to } => {
                        name == other && host.as_deref().map(host_name) == to.as_deref().map(host_name)
                    }
                    _ => false,
                });
                kept(&request.capability, is_allowed)
            }
            Capability::Env { .. } | Capability::Clock(Clock::Real) => {
                kept(&request.capability, self.0.contains(&request.capability))
            }
            Capability::Limits { memory, cpu, wall, log } => {
                let (mut memory, mut cpu, mut wall, mut log) = (*memory, *cpu, *wall, *log);
                for allowed in self.limits() {
                    memory = least(memory, allowed.0);
                    cpu = least(cpu, allowed.1);
                    wall = least(wall, allowed.2);
                    log = least(log, allowed.3);
                }
                vec![Capability::Limits { memory, cpu, wall, log }]
            }
            Capability::Run { .. }
            | Capability::Exec { .. }
            | Capability::Export { .. }
            | Capability::Clock(Clock::None | Clock::Frozen | Clock::Coarse)
            | Capability::Random(Random::None | Random::Seeded | Random::Secure) => vec![request.capability.clone()],
        };
        narrower.into_iter().map(|capability| Request { capability, ..request.clone() }).collect()
    }

    /// Returns the request for limits that this makes of a function that asks for none.
    pub(crate) fn limits_of_its_own(&self) -> Option<Capability> {
        self.0.iter().find(|allowed| matches!(allowed, Capability::Limits { .. })).cloned()
    }

    fn limits(&self) -> impl Iterator<Item = Amounts> {
        self.0.iter().filter_map(|allowed| match allowed {
            Capability::Limits { memory, cpu, wall, log } => Some((*memory, *cpu, *wall, *log)),
            _ => None,
        })
    }

    fn paths(
        &self,
        asked: &str,
        work_dir: &Path,
        make: impl Fn(String, (Option<u64>, Option<u64>)) -> Capability,
        serves: impl Fn(&Capability) -> bool,
    ) -> Vec<Capability> {
        let Ok(asked_path) = WorkPath::parse(asked, work_dir) else {
            return vec![make(asked.to_owned(), (None, None))];
        };
        let allowed = self.0.iter().filter(|allowed| serves(allowed)).filter_map(|allowed| match allowed {
            Capability::Read { path } => Some((WorkPath::parse(path, work_dir).ok()?, (None, None))),
            Capability::Write { path, bytes, files } => Some((WorkPath::parse(path, work_dir).ok()?, (*bytes, *files))),
            _ => None,
        });
        let mut inside = Vec::new();
        for (path, amounts) in allowed {
            if path.contains(&asked_path) {
                return vec![make(asked.to_owned(), amounts)];
            }
            if asked_path.contains(&path) {
                inside.push(make(path.as_str().to_owned(), amounts));
            }
        }
        inside
    }
}

/// Memory, processor, wall and log of a request for limits.
type Amounts = (Option<u64>, Option<std::time::Duration>, Option<std::time::Duration>, Option<u64>);

fn kept(capability: &Capability, is_allowed: bool) -> Vec<Capability> {
    if is_allowed { vec![capability.clone()] } else { Vec::new() }
}

/// Returns the smaller of what is asked and what is allowed, where one of them is none for the default.
fn smaller(asked: Option<u64>, allowed: Option<u64>, default: u64) -> Option<u64> {
    allowed.map_or(asked, |allowed| Some(asked.unwrap_or(default).min(allowed)))
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Returns what two requests for destinations have in common; none where it is nothing.
fn same_destination(asked: &Capability, allowed: &Capability) -> Option<Capability> {
    let (
        Capability::Http { host, port, methods, paths },
        Capability::Http { host: to, port: at, methods: by, paths: under },
    ) = (asked, allowed)
    else {
        return None;
    };
    if port != at || host_name(host).ok()? != host_name(to).ok()? {
        return None;
    }
    let methods: Vec<String> = methods.iter().filter(|method| by.contains(method)).cloned().collect();
    if methods.is_empty() {
        return None;
    }
    Some(Capability::Http { host: host.clone(), port: *port, methods, paths: common_paths(paths, under)? })
}

/// Returns the patterns that lie in both lists, where an empty list means every path; none where no path is left.
fn common_paths(asked: &[String], allowed: &[String]) -> Option<Vec<String>> {
    if asked.is_empty() {
        return Some(allowed.to_vec());
    }
    if allowed.is_empty() {
        return Some(asked.to_vec());
    }
    let inside = |inner: &String, outer: &String| {
        inner == outer
            || outer.strip_suffix('*').is_some_and(|prefix| !prefix.contains('*') && inner.starts_with(prefix))
    };
    let mut common: Vec<String> =
        asked.iter().filter(|asked| allowed.iter().any(|allowed| inside(asked, allowed))).cloned().collect();
    let narrower = allowed.iter().filter(|allowed| asked.iter().any(|asked| inside(allowed, asked)));
    common.extend(narrower.filter(|narrower| !common.contains(narrower)).cloned().collect::<Vec<_>>());
    (!common.is_empty()).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(capability: Capability) -> Request {
        Request { capability, reason: None, optional: false, place: None }
    }

    fn read(path: &str) -> Capability {
        Capability::Read { path: path.into() }
    }

    fn write(path: &str, bytes: Option<u64>) -> Capability {
        Capability::Write { path: path.into(), bytes, files: None }
    }

    fn http(methods: &[&str], paths: &[&str]) -> Capability {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Capability::Http { host: "A.example.".into(), port: 443, methods: texts(methods), paths: texts(paths) }
    }

    #[track_caller]
    fn check(asked: Capability, allowed: &[Capability], left: &[Capability]) {
        let passed = Passed(allowed.to_vec());
        let found = passed.narrow(request(asked), Path::new("/job"), &Ceilings::default());
        let found: Vec<Capability> = found.into_iter().map(|request| request.capability).collect();
        assert_eq!(found, left);
    }

    #[test]
    fn paths() {
        check(read("src/a"), &[read("src")], &[read("src/a")]);
        check(read("."), &[read("src"), write("dist", None)], &[read("src"), read("dist")]);
        check(read("src"), &[], &[]);
        check(read("srcs"), &[read("src")], &[]);
        check(write("dist", None), &[read("dist")], &[]);
        check(write("dist", None), &[write("dist", Some(5))], &[write("dist", Some(5))]);
        check(write("dist", Some(3)), &[write(".", Some(5))], &[write("dist", Some(3))]);
        check(read("../etc"), &[read(".")], &[read("../etc")]);
    }

    #[test]
    fn destinations() {
        let all = &["GET", "POST"];
        check(http(all, &[]), &[http(&["POST"], &["/v1/*"])], &[http(&["POST"], &["/v1/*"])]);
        check(http(all, &["/v1/*"]), &[http(all, &["/*"])], &[http(all, &["/v1/*"])]);
        check(http(all, &["/v1/*"]), &[http(all, &["/v1/a", "/v2"])], &[http(all, &["/v1/a"])]);
        check(http(all, &["/v1/*"]), &[http(all, &["/v2/*"])], &[]);
        check(http(&["GET"], &[]), &[http(&["POST"], &[])], &[]);
    }

    #[test]
    fn names_secrets_clock_and_limits() {
        let env = |name: &str| Capability::Env { name: name.into() };
        check(env("A"), &[env("A")], &[env("A")]);
        check(env("A"), &[env("B")], &[]);
        let secret = |host: Option<&str>| Capability::Secret { name: "s".into(), host: host.map(Into::into) };
        check(secret(None), &[secret(Some("h"))], &[]);
        check(secret(Some("h")), &[secret(Some("H."))], &[secret(Some("h"))]);
        check(Capability::Clock(Clock::Real), &[], &[]);
        check(Capability::Clock(Clock::Frozen), &[], &[Capability::Clock(Clock::Frozen)]);
        let limits = |memory: Option<u64>, log: Option<u64>| Capability::Limits { memory, cpu: None, wall: None, log };
        check(limits(Some(9), None), &[limits(Some(5), Some(2))], &[limits(Some(5), Some(2))]);
    }
}
