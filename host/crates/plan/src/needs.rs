//! `spec.needs`, compiled: from what the author wrote to requests.

use std::sync::Arc;

use stepwell_expr::{ExprError, Scope, Template};
use stepwell_policy::{Capability, Request};
use stepwell_schema::{
    Clock, HttpNeed, LimitNeeds, Needs, Place, Problem, Random, SecretNeed, SecretUse, Source, Span, Value,
};

use crate::code;
use crate::document::Document;
use crate::names::Names;

/// Port of a need for the network that names none.
const DEFAULT_PORT: u16 = 443;
/// Methods of a need for the network that names none.
const DEFAULT_METHODS: [&str; 2] = ["GET", "HEAD"];

/// Most requests of one invocation. Each path is a descriptor that the guest holds, and the step ABI lets it hold 1,024
/// things in all; deciding also compares each path with each other.
pub const MAX_REQUESTS: usize = 256;

/// What a function asks for, compiled.
#[derive(Debug, Default)]
pub struct PlannedNeeds {
    /// Paths to read, then paths to write, each in the order of the document.
    pub paths: Vec<PlannedPathNeed>,
    /// The other requests, which hold no expressions.
    pub fixed: Vec<Request>,
}

/// A path that a function asks for.
#[derive(Debug)]
pub struct PlannedPathNeed {
    /// The path.
    pub template: Template,
    /// Where it stands.
    pub place: Place,
    /// What is to be done there.
    pub access: PathAccess,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// Whether the function works without it.
    pub optional: bool,
}

/// What is to be done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathAccess {
    /// Read.
    Read,
    /// Read and write.
    Write {
        /// Most bytes of growth.
        bytes: Option<u64>,
        /// Most new files, folders and links.
        files: Option<u64>,
    },
}

/// A need whose path cannot be evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("needs: `{path}`: {cause}")]
pub struct NeedError {
    /// The path as written.
    pub path: String,
    /// Where it is asked for.
    pub place: Place,
    /// Why it cannot be evaluated.
    pub cause: NeedErrorCause,
}

/// Why the path of a need cannot be evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NeedErrorCause {
    /// The expression.
    #[error(transparent)]
    Expression(Box<ExprError>),
    /// With it there are too many requests.
    #[error("a function may ask for at most {MAX_REQUESTS} things")]
    TooMany,
    /// The value is no text.
    #[error("a path must be text or an array of texts, not {0}")]
    NotText(&'static str),
}

impl PlannedNeeds {
    /// Compiles what a function file asks for, its expressions seeing `names`; problems go to the document.
    pub(crate) fn compile(needs: &Needs, document: &mut Document, names: &Names<'_>) -> Self {
        let reads = needs.read.iter().map(|need| (need, PathAccess::Read));
        let writes =
            needs.write.iter().map(|need| (&need.path, PathAccess::Write { bytes: need.bytes, files: need.files }));
        let paths = reads
            .chain(writes)
            .map(|(need, access)| PlannedPathNeed {
                template: document.text(&need.path, names),
                place: document.place(need.path.span),
                access,
                reason: need.reason.clone(),
                optional: need.optional,
            })
            .collect();
        let compiled = Self { paths, fixed: fixed_requests(needs, document.source()) };
        if compiled.paths.len() + compiled.fixed.len() > MAX_REQUESTS {
            let problem = Problem::error(code::TOO_MANY_NEEDS, NeedErrorCause::TooMany.to_string());
            let place = needs.span.map(|span| document.place(span));
            document.push(place.into_iter().fold(problem, |problem, place| problem.at(place, "")));
        }
        compiled
    }

    /// Returns the requests of one invocation, each once: of two that ask for the same, one that is not optional wins.
    ///
    /// A path that evaluates to an array of texts gives one request for each of them; empty text and null give none.
    ///
    /// # Errors
    /// The first path that cannot be evaluated, or with which there are more than [`MAX_REQUESTS`].
    pub fn requests(&self, scope: &Scope<'_>) -> Result<Vec<Request>, NeedError> {
        let mut requests = Vec::new();
        for need in &self.paths {
            requests.extend(need.requests(scope)?);
            if requests.len() + self.fixed.len() > MAX_REQUESTS {
                return Err(need.error(NeedErrorCause::TooMany));
            }
        }
        requests.extend(self.fixed.iter().cloned());
        Ok(unique(requests))
    }

    /// Tells whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.fixed.is_empty()
    }
}

impl PlannedPathNeed {
    /// Returns the requests of one invocation for this path.
    ///
    /// # Errors
    /// The path cannot be evaluated.
    pub fn requests(&self, scope: &Scope<'_>) -> Result<Vec<Request>, NeedError> {
        let value = self
            .template
            .evaluate(scope)
            .map_err(|error| self.error(NeedErrorCause::Expression(Box::new(error))))?
            .value;
        let paths = match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.into_iter().map(|item| self.text(item)).collect::<Result<_, _>>()?,
            single => vec![self.text(single)?],
        };
        Ok(paths.into_iter().filter(|path| !path.is_empty()).map(|path| self.request(path)).collect())
    }

    /// Returns the capability with the path as written, expressions and all: for people, where it is not known yet.
    pub fn as_written(&self) -> Capability {
        self.capability(self.template.text().to_owned())
    }

    fn text(&self, value: Value) -> Result<String, NeedError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(self.error(NeedErrorCause::NotText(other.type_name()))),
        }
    }

    fn request(&self, path: String) -> Request {
        Request {
            capability: self.capability(path),
            reason: self.reason.clone(),
            optional: self.optional,
            place: Some(self.place.clone()),
        }
    }

    fn capability(&self, path: String) -> Capability {
        match self.access {
            PathAccess::Read => Capability::Read { path },
            PathAccess::Write { bytes, files } => Capability::Write { path, bytes, files },
        }
    }

    fn error(&self, cause: NeedErrorCause) -> NeedError {
        NeedError { path: self.template.text().to_owned(), place: self.place.clone(), cause }
    }
}

/// Keeps the first of equal requests; the result is optional only if all of them were.
pub(crate) fn unique(requests: Vec<Request>) -> Vec<Request> {
    let mut kept: Vec<Request> = Vec::with_capacity(requests.len());
    for request in requests {
        match kept.iter_mut().find(|earlier| earlier.capability == request.capability) {
            Some(earlier) => earlier.optional &= request.optional,
            None => kept.push(request),
        }
    }
    kept
}

fn fixed_requests(needs: &Needs, source: &Arc<Source>) -> Vec<Request> {
    let place = |span: Span| Some(Place::new(Arc::clone(source), span));
    let whole = needs.span.and_then(place);
    let env = needs.env.iter().map(|name| Request {
        capability: Capability::Env { name: name.value.clone() },
        reason: None,
        optional: false,
        place: place(name.span),
    });
    let http = needs.http.iter().map(|need| http_request(need, place(need.host.span)));
    let secrets = needs.secrets.iter().map(|need| secret_request(need, place(need.name.span)));
    let others = [
        (needs.clock != Clock::default()).then_some(Capability::Clock(needs.clock)),
        (needs.random != Random::default()).then_some(Capability::Random(needs.random)),
        limits(needs.limits),
    ];
    let others = others.into_iter().flatten().map(|capability| Request {
        capability,
        reason: None,
        optional: false,
        place: whole.clone(),
    });
    env.chain(http).chain(secrets).chain(others).collect()
}

fn http_request(need: &HttpNeed, place: Option<Place>) -> Request {
    let methods = match need.methods.as_slice() {
        [] => DEFAULT_METHODS.map(str::to_owned).to_vec(),
        methods => methods.to_vec(),
    };
    Request {
        capability: Capability::Http {
            host: need.host.value.clone(),
            port: need.port.unwrap_or(DEFAULT_PORT),
            methods,
            paths: need.paths.clone(),
        },
        reason: need.reason.clone(),
        optional: need.optional,
        place,
    }
}

fn secret_request(need: &SecretNeed, place: Option<Place>) -> Request {
    let host = match &need.usage {
        SecretUse::Header { host } => Some(host.clone()),
        SecretUse::Reveal => None,
    };
    Request {
        capability: Capability::Secret { name: need.name.value.clone(), host },
        reason: need.reason.clone(),
        optional: need.optional,
        place,
    }
}

fn limits(needs: LimitNeeds) -> Option<Capability> {
    let LimitNeeds { memory, cpu, wall, log } = needs;
    (needs != LimitNeeds::default()).then_some(Capability::Limits { memory, cpu, wall, log })
}
