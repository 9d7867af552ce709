//! The policies of an operator, with the ceilings beside them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use stepwell_schema::{Problems, Source};

use crate::cedar::{Engine, PROFILES};
use crate::ceiling::Ceilings;
use crate::question::Question;
use crate::rule::PolicyRef;
use crate::ruling::Ruling;

/// Most answers that are kept. A job of a hundred steps asks some five hundred questions, and an answer with its
/// question takes about one KiB.
pub const MAX_KEPT_ANSWERS: usize = 4_096;

/// What an operator allows. Answers are kept, so it is shared: one for all jobs that it holds for.
pub struct Policy {
    engine: Engine,
    sources: Vec<Arc<Source>>,
    warnings: Problems,
    ceilings: Ceilings,
    audit_only: bool,
    kept: Mutex<HashMap<Question, Ruling>>,
}

impl Policy {
    /// Names of the profiles that we ship.
    pub fn profiles() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|(name, _)| *name)
    }

    /// Returns the text of a profile, to be loaded alone or beside other policies; none if there is none of that name.
    /// Its source is called `profile:NAME`.
    pub fn profile_source(name: &str) -> Option<Arc<Source>> {
        let (name, text) = PROFILES.iter().find(|(known, _)| *known == name)?;
        Some(Source::new(format!("profile:{name}"), *text))
    }

    /// Returns a profile; none if there is none of that name.
    pub fn profile(name: &str) -> Option<Self> {
        let source = Self::profile_source(name)?;
        Some(Self::load(&[source]).expect("the profiles that we ship are read by the tests"))
    }

    /// Returns the profile `local`, which holds where nobody chose a policy. It is read once.
    pub fn local() -> Arc<Self> {
        static LOCAL: LazyLock<Arc<Policy>> =
            LazyLock::new(|| Arc::new(Policy::profile("local").expect("it is one of the profiles")));
        Arc::clone(&LOCAL)
    }

    /// Reads policies, all of which hold together, under the highest ceilings.
    ///
    /// # Errors
    /// All problems of all texts: what is no policy, what the schema does not have, and identifiers that stand twice.
    pub fn load(sources: &[Arc<Source>]) -> Result<Self, Problems> {
        let (engine, warnings) = Engine::load(sources)?;
        Ok(Self {
            engine,
            sources: sources.to_vec(),
            warnings,
            ceilings: Ceilings::default(),
            audit_only: false,
            kept: Mutex::new(HashMap::new()),
        })
    }

    /// Sets the ceilings.
    #[must_use]
    pub fn with_ceilings(self, ceilings: Ceilings) -> Self {
        Self { ceilings, ..self }
    }

    /// Tries the policies out: what they deny is given all the same, and each such decision says so. The rules of the
    /// engine hold as ever.
    #[must_use]
    pub fn audit_only(self) -> Self {
        Self { audit_only: true, ..self }
    }

    /// Tells whether the policies are only tried out.
    pub fn is_audit_only(&self) -> bool {
        self.audit_only
    }

    /// Returns the policies, in the order in which they were loaded.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyRef> {
        self.engine.policies()
    }

    /// Returns the ceilings.
    pub fn ceilings(&self) -> &Ceilings {
        &self.ceilings
    }

    /// Returns what is odd about the policies but accepted, such as one that never holds.
    pub fn warnings(&self) -> &Problems {
        &self.warnings
    }

    /// Returns the policies as people read them: each text below a comment with its name.
    pub fn text(&self) -> String {
        let texts = self.sources.iter().map(|source| format!("// {}\n\n{}", source.name(), source.text().trim_end()));
        texts.collect::<Vec<_>>().join("\n\n") + "\n"
    }

    /// Returns the names of the texts, with commas between them.
    pub fn name(&self) -> String {
        self.sources.iter().map(|source| source.name()).collect::<Vec<_>>().join(", ")
    }

    /// Returns how many policies there are.
    pub fn len(&self) -> usize {
        self.engine.len()
    }

    /// Tells whether there is no policy at all, so that everything is denied.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Answers a question by the policies alone; [`Policy::decide`] also holds a request to the rules of the engine.
    pub fn ask(&self, question: &Question) -> Ruling {
        if let Some(ruling) = self.kept().get(question) {
            return ruling.clone();
        }
        let ruling = self.ask_anew(question);
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT_ANSWERS {
            kept.clear();
        }
        kept.insert(question.clone(), ruling.clone());
        ruling
    }

    /// Answers a question without looking at the answers that are kept.
    pub fn ask_anew(&self, question: &Question) -> Ruling {
        self.engine.rule(question)
    }

    /// An answer is put in whole, so a thread that broke down leaves nothing half done.
    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Question, Ruling>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("name", &self.name()).field("policies", &self.len()).finish_non_exhaustive()
    }
}
