//! A host in memory, for unit tests of a step's logic on the machine of its author.

#[cfg(feature = "http")]
mod http;
mod secrets;

use std::cell::RefCell;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;

#[cfg(feature = "http")]
pub use self::http::{Reply, Request};
use self::secrets::Secrets;
use crate::file::{self, Access};
use crate::host::{Host, Info, Level};
use crate::secret::{Denied, HeaderForm};
use crate::{Failure, Input, Items, Output, Step, Value};

/// A host that keeps what it is told. Clones are the same host.
///
/// Its work dir is a folder of the machine. It is stricter than a real host: a path that is absolute or has a `..` is
/// denied, even where it stays inside; a request that nothing answers is denied.
///
/// ```
/// use stepwell_sdk::{Failure, Input, Output, Step, step};
///
/// #[derive(Input)]
/// struct Request { folder: String }
///
/// #[derive(Output)]
/// struct Response { files: usize }
///
/// #[step]
/// fn run(request: Request, step: &mut Step) -> Result<Response, Failure> {
///     let files = step.list(&request.folder)?.len();
///     step.info("counted");
///     Ok(Response { files })
/// }
///
/// let fake = Step::fake().file("src/a.txt", "one").file("src/b.txt", "two");
/// let (outputs, _) = fake.run([("folder", "src")], run).unwrap();
/// assert_eq!(outputs, [("files".to_owned(), 2.into())]);
/// assert_eq!(fake.records()[0].message, "counted");
/// ```
#[derive(Clone, Debug)]
pub struct Fake {
    work_dir: PathBuf,
    /// Removes the work dir with the last clone, if it is the fake's own.
    _own: Option<Rc<TempDir>>,
    state: Rc<RefCell<State>>,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Record>,
    groups: Vec<String>,
    progress: Vec<Progress>,
    masks: Vec<String>,
    secrets: Secrets,
    #[cfg(feature = "http")]
    server: http::Server,
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

/// How far a step said it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much was done.
    pub done: u64,
    /// Out of how much, if that was known.
    pub total: Option<u64>,
    /// Of what.
    pub label: String,
}

/// Outputs by name, and exports.
pub type Completion = (Vec<(String, Value)>, Vec<(String, String)>);

impl Step {
    /// Returns a host for tests, whose work dir is an empty folder of its own; it is removed with the host. Only on
    /// targets other than WebAssembly.
    ///
    /// # Panics
    ///
    /// If the machine has no place for temporary folders.
    pub fn fake() -> Fake {
        let own = Rc::new(tempfile::tempdir().expect("a test needs a place for temporary folders"));
        Fake { work_dir: own.path().to_owned(), _own: Some(own), state: Rc::default() }
    }
}

impl Fake {
    /// Returns a host whose work dir is the given folder. Nothing is granted by name, there is no deadline, the job is
    /// not cancelled, there are no secrets, and no request is answered.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self { work_dir: work_dir.into(), _own: None, state: Rc::default() }
    }

    /// Writes a file of the work dir, with the folders above it.
    ///
    /// # Panics
    ///
    /// If the path leaves the work dir or cannot be written.
    #[must_use]
    pub fn file(self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Self {
        self.step().write(path, content).unwrap_or_else(|failure| panic!("{failure}"));
        self
    }

    /// Returns the work dir, as a folder of this machine.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }

    /// Passes a secret that may go into headers of requests to a host. Of several for one name each adds its host.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, text: impl Into<String>, host: impl Into<String>) -> Self {
        self.state.borrow_mut().secrets.add(name.into(), text.into(), Some(host.into()));
        self
    }

    /// Passes a secret that the step may read.
    #[must_use]
    pub fn revealed(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.state.borrow_mut().secrets.add(name.into(), text.into(), None);
        self
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
        Step::new(self.clone())
    }

    /// Runs a step's function on named values, as a real host does: conversions included.
    ///
    /// # Errors
    ///
    /// The failure of the function, or that of a conversion.
    pub fn run<I: Input, O: Output>(
        &self,
        items: impl IntoIterator<Item = (impl Into<String>, impl Into<Value>)>,
        body: impl FnOnce(I, &mut Step) -> Result<O, Failure>,
    ) -> Result<Completion, Failure> {
        let mut step = self.step();
        let items = items.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let outputs = body(I::from_items(Items::new(items))?, &mut step)?.into_items()?;
        Ok((outputs.into_vec(), step.into_exports()))
    }

    /// Returns the log records so far.
    pub fn records(&self) -> Vec<Record> {
        self.state.borrow().records.clone()
    }

    /// Returns the states of progress so far.
    pub fn progress(&self) -> Vec<Progress> {
        self.state.borrow().progress.clone()
    }

    /// Returns the texts masked so far.
    pub fn masks(&self) -> Vec<String> {
        self.state.borrow().masks.clone()
    }
}

impl Host for Fake {
    type Held = String;

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

    fn progress(&self, done: u64, total: Option<u64>, label: &str) {
        self.state.borrow_mut().progress.push(Progress { done, total, label: label.to_owned() });
    }

    fn mask(&self, text: &str) {
        self.state.borrow_mut().masks.push(text.to_owned());
    }

    fn open(&self, secret: &str) -> Result<String, Denied> {
        if self.state.borrow().secrets.has(secret) { Ok(secret.to_owned()) } else { Err(Denied::Unknown) }
    }

    fn reveal(&self, secret: &String) -> Result<String, Denied> {
        self.state.borrow().secrets.reveal(secret)
    }

    fn header_value(&self, secret: &String, form: HeaderForm<'_>) -> String {
        self.state.borrow_mut().secrets.placeholder(secret, form)
    }

    fn locate(&self, path: &Path, access: Access) -> Result<PathBuf, Failure> {
        if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            Ok(file::below(&self.work_dir, path))
        } else {
            Err(file::outside(access, path))
        }
    }
}
