//! A host in memory, for unit tests of a step's logic on the machine of its author.

use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::file::{self, Access};
use crate::host::{Host, Info, Level};
use crate::{Failure, Input, Items, Output, Step, Value};

/// A host that keeps what it is told. Clones are the same host.
///
/// Its work dir is a folder of the machine. It is stricter than a real host: a path that is absolute or has a `..` is
/// denied, even where it stays inside.
#[derive(Clone, Debug)]
pub struct Fake {
    work_dir: PathBuf,
    state: Rc<RefCell<State>>,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    groups: Vec<String>,
    masks: Vec<String>,
    granted: Vec<String>,
    cancelled: bool,
    remaining: Option<Duration>,
}

/// One log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its level.
    pub level: Level,
    /// Its message.
    pub message: String,
    /// Its fields in order.
    pub fields: Vec<(String, String)>,
    /// Titles of the groups it stands in, outermost first.
    pub groups: Vec<String>,
}

/// Outputs by name, and exports.
pub type Completion = (Vec<(String, Value)>, Vec<(String, String)>);

impl Fake {
    /// Returns a host whose work dir is the given folder. Nothing is granted by name, there is no deadline, and the job
    /// is not cancelled.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into(), state: Rc::default() }
    }

    /// Grants an optional capability.
    #[must_use]
    pub fn grant(self, capability: impl Into<String>) -> Self {
        self.state.borrow_mut().granted.push(capability.into());
        self
    }

    /// Sets the time left.
    #[must_use]
    pub fn remaining(self, remaining: Duration) -> Self {
        self.state.borrow_mut().remaining = Some(remaining);
        self
    }

    /// Cancels the job.
    pub fn cancel(&self) {
        self.state.borrow_mut().cancelled = true;
    }

    /// Returns a step of this host.
    pub fn step(&self) -> Step {
        Step::new(Rc::new(self.clone()))
    }

    /// Runs a step's function on named values, as a real host does: conversions included.
    ///
    /// # Errors
    ///
    /// The failure of the function, or that of a conversion.
    pub fn run<I: Input, O: Output>(
        &self,
        items: Vec<(String, Value)>,
        body: impl FnOnce(I, &mut Step) -> Result<O, Failure>,
    ) -> Result<Completion, Failure> {
        let mut step = self.step();
        let outputs = body(I::from_items(Items::new(items))?, &mut step)?.into_items()?;
        Ok((outputs.into_vec(), step.into_exports()))
    }

    /// Returns the log records so far.
    pub fn records(&self) -> Vec<Record> {
        self.state.borrow().records.clone()
    }

    /// Returns the texts masked so far.
    pub fn masks(&self) -> Vec<String> {
        self.state.borrow().masks.clone()
    }
}

impl Host for Fake {
    fn info(&self) -> Info {
        Info { step: "fake".to_owned(), invocation: "fake-1".to_owned(), attempt: 1 }
    }

    fn granted(&self, capability: &str) -> bool {
        self.state.borrow().granted.iter().any(|granted| granted == capability)
    }

    fn cancelled(&self) -> bool {
        self.state.borrow().cancelled
    }

    fn remaining(&self) -> Option<Duration> {
        self.state.borrow().remaining
    }

    fn emit(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let mut state = self.state.borrow_mut();
        let groups = state.groups.clone();
        state.records.push(Record { level, message: message.to_owned(), fields: fields.to_vec(), groups });
    }

    fn open_group(&self, title: &str) {
        self.state.borrow_mut().groups.push(title.to_owned());
    }

    fn close_group(&self) {
        self.state.borrow_mut().groups.pop();
    }

    fn progress(&self, _done: u64, _total: Option<u64>, _label: &str) {}

    fn mask(&self, text: &str) {
        self.state.borrow_mut().masks.push(text.to_owned());
    }

    fn locate(&self, path: &Path, access: Access) -> Result<PathBuf, Failure> {
        if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            Ok(file::below(&self.work_dir, path))
        } else {
            Err(file::outside(access, path))
        }
    }
}
