//! The decision: what is asked, intersected with what the operator's policies permit and with what the engine can hold.

use std::path::Path;
use std::sync::Arc;

use stepwell_schema::Place;

use crate::capability::{Capability, Request};
use crate::ceiling::Ceilings;
use crate::decision::{Decision, Decisions, Verdict};
use crate::facts::{FunctionFacts, Subject};
use crate::grants::{Access, Grants, HttpGrant, Root, SecretGrant};
use crate::hard::{self, Left};
use crate::host_name::host_name;
use crate::passed::Passed;
use crate::policy::Policy;
use crate::question::{Act, Deed, Question};
use crate::remedy::Remedy;
use crate::rule::DecidedBy;
use crate::work_path::WorkPath;

impl Policy {
    /// Decides about all requests of one invocation of a function.
    ///
    /// `passed` is what the steps on the way to the function pass, the outermost first; a request of which nothing is left
    /// is denied by the rule `not-passed`, and one that is narrowed gives a decision for each part that is left.
    ///
    /// The rules of the engine come first, and no policy widens them: `no-rule` and `invalid-path` deny what is no path
    /// beneath the work dir, `invalid-name` what is no name, `invalid-host` what is no host, `ceiling` what is above a
    /// ceiling. `clock`, `random` and `limits` allow. All else is for the policies: without one
    /// that permits it, it is denied. Last, `read-inside-write` denies a read-only folder inside a writable one, which
    /// cannot be held by path (step ABI, section 2.2).
    pub fn decide(
        &self,
        job: &Arc<Subject>,
        function: &Arc<FunctionFacts>,
        requests: &[Request],
        passed: &[Arc<Passed>],
        work_dir: &Path,
    ) -> Decisions {
        let narrowed: Vec<(Request, Option<Answer>)> = self.narrow(requests, passed, work_dir);
        let (requests, answers): (Vec<Request>, Vec<Answer>) = narrowed
            .into_iter()
            .map(|(request, answer)| {
                let answer = answer.unwrap_or_else(|| self.answer(job, function, &request.capability, work_dir));
                (request, answer)
            })
            .unzip();
        let writable: Vec<WorkPath> = answers.iter().filter_map(writable).cloned().collect();
        let mut grants = Grants { limits: self.ceilings().limits(), ..Grants::default() };
        let mut decisions = Vec::with_capacity(requests.len());
        for (request, answer) in requests.into_iter().zip(answers) {
            let answer = answer.and_then(|allowed| allowed.beside(&writable));
            if let Ok(allowed) = &answer {
                grants.add(&request, allowed.root.as_ref().map(|(path, _)| path), self.ceilings());
            }
            decisions.push(decision(answer, request));
        }
        grants.settle();
        Decisions { decisions, grants }
    }

    /// Holds requests against what the steps on the way to the function pass, the outermost first. A request of which
    /// nothing is left is answered.
    fn narrow(&self, requests: &[Request], passed: &[Arc<Passed>], work_dir: &Path) -> Vec<(Request, Option<Answer>)> {
        if passed.is_empty() {
            return requests.iter().map(|request| (request.clone(), None)).collect();
        }
        let limits_asked = requests.iter().any(|request| matches!(request.capability, Capability::Limits { .. }));
        let own_limits = passed.iter().filter(|_| !limits_asked).find_map(|passed| passed.limits_of_its_own());
        let own_limits =
            own_limits.map(|capability| Request { capability, reason: None, optional: false, place: None });
        let narrowed = |request: &Request| {
            let mut left = vec![request.clone()];
            for passed in passed {
                left = left.into_iter().flat_map(|part| passed.narrow(part, work_dir, self.ceilings())).collect();
            }
            if left.is_empty() {
                return vec![(request.clone(), Some(Err(not_passed())))];
            }
            left.into_iter().map(|part| (part, None)).collect()
        };
        requests.iter().chain(&own_limits).flat_map(narrowed).collect()
    }

    /// Decides about something that a function does without a need for it: it is called, starts a program, or exports a
    /// variable. `place` is where it is called.
    pub fn decide_act(
        &self,
        job: &Arc<Subject>,
        function: &Arc<FunctionFacts>,
        capability: Capability,
        place: Place,
    ) -> Decision {
        // The work dir is for paths, which are needs.
        let answer = self.answer(job, function, &capability, Path::new(""));
        decision(answer, Request { capability, reason: None, optional: false, place: Some(place) })
    }

    /// Decides whether a job may run a script of its own, which stands at `place`.
    pub fn decide_script(&self, job: &Arc<Subject>, place: Place) -> Decision {
        let question = Question { job: Arc::clone(job), deed: Deed::Script };
        let capability = Capability::Exec { program: question.resource().into_owned() };
        decision(self.put(question, None), Request { capability, reason: None, optional: false, place: Some(place) })
    }

    fn answer(
        &self,
        job: &Arc<Subject>,
        function: &Arc<FunctionFacts>,
        capability: &Capability,
        work_dir: &Path,
    ) -> Answer {
        match hard::check(capability, work_dir, self.ceilings())? {
            Left::Allowed { rule, reason } => {
                Ok(Allowed { decided_by: DecidedBy::Rule(rule), reason: reason.into(), root: None, overruled: None })
            }
            Left::ForPolicies(act) => {
                let root = match &act {
                    Act::Read { path } => Some((path.clone(), Access::Read)),
                    Act::Write { path, .. } => Some((path.clone(), Access::Write)),
                    Act::Run
                    | Act::Exec { .. }
                    | Act::Connect { .. }
                    | Act::UseSecret { .. }
                    | Act::RevealSecret { .. }
                    | Act::ReadEnv { .. }
                    | Act::Export { .. } => None,
                };
                self.put(question(job, function, act), root)
            }
        }
    }

    /// Puts a question to the policies.
    fn put(&self, question: Question, root: Option<(WorkPath, Access)>) -> Answer {
        let ruling = self.ask(&question);
        match ruling.verdict {
            Verdict::Allowed | Verdict::Audited => {
                Ok(Allowed { decided_by: ruling.decided_by, reason: ruling.reason, root, overruled: None })
            }
            Verdict::Denied => {
                let (reason, remedy) = match ruling.decided_by {
                    DecidedBy::NoPolicy => {
                        (format!("{} (`{}`)", ruling.reason, self.name()), Remedy::Permit(question.permit()))
                    }
                    DecidedBy::Rule(_) | DecidedBy::Policies(_) => {
                        (ruling.reason.to_string(), Remedy::Change(ruling.decided_by.clone()))
                    }
                };
                if self.is_audit_only() {
                    let (decided_by, reason) = (ruling.decided_by, reason.into());
                    return Ok(Allowed { decided_by, reason, root, overruled: Some(remedy) });
                }
                Err(Denied { decided_by: ruling.decided_by, reason, remedy })
            }
        }
    }
}

fn not_passed() -> Denied {
    Denied {
        decided_by: DecidedBy::Rule("not-passed"),
        reason: "the job does not pass it on: it is not in `allow` of the step".to_owned(),
        remedy: Remedy::PassOn,
    }
}

fn question(job: &Arc<Subject>, function: &Arc<FunctionFacts>, act: Act) -> Question {
    Question { job: Arc::clone(job), deed: Deed::Function { function: Arc::clone(function), act } }
}

fn decision(answer: Answer, request: Request) -> Decision {
    match answer {
        Ok(allowed) => allowed.decision(request),
        Err(denied) => denied.decision(request),
    }
}

/// The answer to a request before the other requests are looked at.
type Answer = Result<Allowed, Denied>;

struct Allowed {
    decided_by: DecidedBy,
    reason: Arc<str>,
    root: Option<(WorkPath, Access)>,
    /// What would change the denial that is only recorded.
    overruled: Option<Remedy>,
}

/// A denial, and what would change it.
pub(crate) struct Denied {
    pub(crate) decided_by: DecidedBy,
    pub(crate) reason: String,
    pub(crate) remedy: Remedy,
}

fn writable(answer: &Answer) -> Option<&WorkPath> {
    match answer {
        Ok(Allowed { root: Some((path, Access::Write)), .. }) => Some(path),
        Ok(_) | Err(_) => None,
    }
}

impl Allowed {
    /// Looks at the folders that the same step may write.
    fn beside(self, writable: &[WorkPath]) -> Answer {
        let Some((path, Access::Read)) = &self.root else { return Ok(self) };
        // A folder that is writable itself is fine: reading it adds nothing.
        if writable.contains(path) {
            return Ok(self);
        }
        match writable.iter().find(|outer| outer.contains(path)) {
            None => Ok(self),
            Some(outer) => Err(Denied {
                decided_by: DecidedBy::Rule("read-inside-write"),
                reason: format!(
                    "`{path}` (read) lies inside `{outer}` (write): a read-only part of a writable folder cannot be held"
                ),
                remedy: Remedy::OnePathOrOther,
            }),
        }
    }

    fn decision(self, request: Request) -> Decision {
        Decision {
            verdict: if self.overruled.is_some() { Verdict::Audited } else { Verdict::Allowed },
            decided_by: self.decided_by,
            reason: self.reason.to_string(),
            remedy: self.overruled.map(|remedy| remedy.text(&request)),
            request,
        }
    }
}

impl Denied {
    fn decision(self, request: Request) -> Decision {
        Decision {
            verdict: Verdict::Denied,
            decided_by: self.decided_by,
            reason: self.reason,
            remedy: Some(self.remedy.text(&request)),
            request,
        }
    }
}

impl Grants {
    /// Adds what an allowed request asks for.
    fn add(&mut self, request: &Request, path: Option<&WorkPath>, ceilings: &Ceilings) {
        let Request { capability, optional, .. } = request;
        let (default_bytes, default_files) = ceilings.growth();
        self.capabilities.push(capability.name());
        if let Some(path) = path.filter(|path| path.as_str() != capability.subject()) {
            self.capabilities.push([capability.kind(), ":", path.as_str()].concat());
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
                bytes: bytes.unwrap_or(default_bytes),
                files: files.unwrap_or(default_files),
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
            Capability::Http { host, port, methods, paths } => {
                self.http.extend(host_name(host).map(|host| HttpGrant {
                    host,
                    port: *port,
                    methods: methods.clone(),
                    paths: paths.clone(),
                }))
            }
            Capability::Secret { name, host: None } => {
                self.secrets.push(SecretGrant { name: name.clone(), host: None });
            }
            Capability::Secret { name, host: Some(host) } => {
                self.secrets.extend(host_name(host).map(|host| SecretGrant { name: name.clone(), host: Some(host) }))
            }
            // Nothing is held by these.
            Capability::Run { .. } | Capability::Exec { .. } | Capability::Export { .. } => {}
        }
    }

    /// Sorts, and merges what says the same twice: one root a path, the wider rights and the larger amounts winning;
    /// a read-only root inside another read-only one adds nothing and goes.
    fn settle(&mut self) {
        for names in [&mut self.env, &mut self.capabilities] {
            names.sort();
            names.dedup();
        }
        self.http.sort();
        self.http.dedup();
        self.secrets.sort();
        self.secrets.dedup();
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
