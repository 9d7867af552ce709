//! The loop that owns all state of a job and works through its lists, depth first.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_expr::{Scope, StepOutputs, Values};
use stepwell_plan::{Pinning, Plan, Resolver};
use stepwell_policy::{Policy, Subject};
use stepwell_schema::{OutputsSpec, When};
use tokio_util::sync::CancellationToken;

use crate::environment::{Ground, Layers};
use crate::execute::Executor;
use crate::failure::{Failed, chain, warning};
use crate::frame::{Context, Frame, Item, List};
use crate::inputs::evaluate_env;
use crate::load::Checked;
use crate::log::EventSender;
use crate::mask::Masks;
use crate::outputs::check_list_outputs;
use crate::result::{JobError, JobResult, StepReference, StepResult};
use crate::scratch::Scratch;
use crate::status::{Change, Status};
use crate::step_path::StepPath;
use crate::stop::Stop;
use crate::surroundings::{Options, Surroundings, base_environment};
use crate::table::{Note, StepId, StepTable};

/// Runs a job to its end, whatever that end is. Its events go to `events`; when `cancelled` fires the running step is
/// ended, gently first, and no other starts. Dropping the future ends the running step at once.
///
/// Modules that the plan pins must have been checked with [`Executor::check_module`]; those of functions that are loaded
/// when their step is reached are checked then. Must be called inside a tokio runtime with time enabled.
pub async fn run(
    plan: Arc<Plan>,
    surroundings: Surroundings,
    executor: Arc<dyn Executor>,
    resolver: Arc<dyn Resolver>,
    events: EventSender,
    cancelled: CancellationToken,
) -> JobResult {
    let stop = Stop::new(cancelled, surroundings.time_limit);
    let sequencer = Sequencer::new(surroundings, executor, resolver, events, stop.clone());
    tokio::select! {
        biased;
        never = stop.watch() => match never {},
        result = sequencer.run(plan) => result,
    }
}

/// All state of a running job.
pub(crate) struct Sequencer {
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) events: EventSender,
    pub(crate) stop: Stop,
    pub(crate) masks: Masks,
    pub(crate) vars: Values,
    /// The work dir, absolute; empty if it cannot be written as text, and then nothing runs.
    pub(crate) work_dir: String,
    pub(crate) grace: Duration,
    pub(crate) options: Options,
    pub(crate) policy: Arc<Policy>,
    /// Whom decisions are made for; that of the plan.
    pub(crate) subject: Arc<Subject>,
    pub(crate) pinning: Pinning,
    pub(crate) table: StepTable,
    pub(crate) ground: Ground,
    pub(crate) scratch: Scratch,
    pub(crate) checked: Checked,
    /// The lists that are being worked through, outermost first.
    pub(crate) frames: Vec<Frame>,
    /// The step that failed, and why, while steps that run afterwards are worked through.
    failed: Option<(StepPath, Failed)>,
    started: Instant,
    base: Result<Values, Failed>,
}

/// The end of a step, or list, that ends the job.
pub(crate) struct Stopped {
    /// Which step, or list.
    pub(crate) step: StepPath,
    /// Why.
    pub(crate) failed: Failed,
    /// What came of the step; none if it failed while loading, and for a list, whose result is still in its frame.
    pub(crate) result: Option<StepResult>,
}

impl Stopped {
    /// The end of a list, by itself rather than by one of its items.
    fn list(step: StepPath, failed: Failed) -> Box<Self> {
        Box::new(Self { step, failed, result: None })
    }
}

impl Sequencer {
    fn new(
        surroundings: Surroundings,
        executor: Arc<dyn Executor>,
        resolver: Arc<dyn Resolver>,
        events: EventSender,
        stop: Stop,
    ) -> Self {
        let base = base_environment(&surroundings)
            .and_then(|environment| work_dir_text(&surroundings.work_dir).map(|_| environment));
        let Surroundings { work_dir, variables, scratch_folder, grace, options, policy, mask, .. } = surroundings;
        Self {
            executor,
            resolver,
            stop,
            masks: Masks(mask),
            vars: variables,
            work_dir: work_dir.into_os_string().into_string().unwrap_or_default(),
            grace,
            options,
            policy,
            subject: Arc::new(Subject::of_source("")),
            pinning: Pinning::default(),
            table: StepTable::new(events.clone()),
            events,
            ground: Ground::new(Values::new()),
            scratch: Scratch::new(scratch_folder),
            checked: Checked::new(),
            frames: Vec::new(),
            failed: None,
            started: Instant::now(),
            base,
        }
    }

    async fn run(mut self, plan: Arc<Plan>) -> JobResult {
        self.pinning = plan.pinning;
        self.subject = Arc::clone(&plan.subject);
        let job = self.table.add([StepPath::job()]);
        let ended = self.drive(job, plan).await;
        self.clean_up().await;
        let (root, error) = match ended {
            Ok(root) => (Some(root), None),
            Err((root, error)) => (root, Some(error)),
        };
        JobResult { status: self.table.status(job), error, root, elapsed: self.started.elapsed() }
    }

    async fn drive(&mut self, job: StepId, plan: Arc<Plan>) -> Result<StepResult, (Option<StepResult>, JobError)> {
        let started = self.start(job, plan);
        let stopped = match started {
            Err(failed) => Stopped::list(StepPath::job(), failed),
            Ok(()) => loop {
                match self.turn().await {
                    Ok(None) => {}
                    Ok(Some(root)) => return Ok(root),
                    Err(stopped) => match self.go_on_afterwards(stopped) {
                        Ok(()) => {}
                        Err(stopped) => break stopped,
                    },
                }
            },
        };
        let error = stopped.failed.job_error(&stopped.step);
        Err((self.unwind(*stopped), error))
    }

    /// Opens the frame of the job.
    fn start(&mut self, job: StepId, plan: Arc<Plan>) -> Result<(), Failed> {
        let result = open_result(StepPath::job(), StepReference::Root);
        let context = Context::job(&self.work_dir, Layers::ground(&self.ground));
        self.push_frame(job, List::Job(Arc::clone(&plan)), context, result);
        self.masks.values(&self.vars);
        let base = std::mem::replace(&mut self.base, Ok(Values::new()))?;
        self.ground = Ground::new(base);
        let layers = Layers::ground(&self.ground);
        self.table.change(job, Change::Start, Note::default());
        let context = Context::job(&self.work_dir, layers);
        let call_env = Arc::clone(context.layers.environment().values());
        let env = evaluate_env(&plan.env, &self.scope(&context, &StepOutputs::new()), "expand step env: env variable");
        let frame = self.frames.last_mut().expect("pushed above");
        frame.result.call_env = Arc::clone(&call_env);
        frame.result.env = call_env;
        frame.context = context;
        let env = env?;
        env.iter().for_each(|(_, marked)| self.masks.value(marked));
        frame.context.layers = frame.context.layers.with(&env);
        frame.result.env = Arc::clone(frame.context.layers.environment().values());
        Ok(())
    }

    /// Does the next thing there is to do. Returns the result of the job when that was the last one.
    async fn turn(&mut self) -> Result<Option<StepResult>, Box<Stopped>> {
        let Some(frame) = self.frames.last_mut() else {
            // The job's own frame is closed last, and that ends the loop.
            let failed = Failed::engine("there is no list to work through");
            return Err(Stopped::list(StepPath::job(), failed));
        };
        if frame.is_done() {
            return self.close_list();
        }
        if let Some(cause) = self.stop.cause() {
            return Err(Stopped::list(frame.path.clone(), cause.into()));
        }
        let next = frame.first.item(frame.next);
        if self.table.status(next).is_final() {
            // Skipped, since a step before it failed.
            frame.next += 1;
            return Ok(None);
        }
        frame.context.layers.refresh(&self.ground);
        let path = self.table.path(next).clone();
        let item = frame.take_next(path);
        self.step(item).await?;
        Ok(None)
    }

    /// Puts a list on the stack. All its items are pending from now on.
    pub(crate) fn push_frame(&mut self, owner: StepId, list: List, context: Context, result: StepResult) {
        let path = self.table.path(owner).clone();
        let steps = &list.sequence().steps;
        let first = self.table.add(steps.iter().enumerate().map(|(index, step)| path.child(index, &step.name)));
        let outputs = StepOutputs::new();
        self.frames.push(Frame { owner, path, list, first, next: 0, context, outputs, result });
    }

    /// Ends a list whose items have all succeeded.
    fn close_list(&mut self) -> Result<Option<StepResult>, Box<Stopped>> {
        if let [_job] = self.frames.as_slice()
            && let Some((step, failed)) = self.failed.take()
        {
            return Err(Box::new(Stopped { step, failed, result: None }));
        }
        let frame = self.frames.last_mut().expect("asked for the outputs of the list on top");
        frame.context.layers.refresh(&self.ground);
        let outputs = self.list_outputs();
        let frame = self.frames.last_mut().expect("nothing was taken from the stack since");
        match outputs {
            Ok(outputs) => frame.result.outputs = outputs,
            Err(failed) => {
                let failed = failed.within("outputs");
                return Err(Stopped::list(frame.path.clone(), failed));
            }
        }
        let Some(frame) = self.frames.pop() else { return Ok(None) };
        let (owner, result) = (frame.owner, frame.finish());
        self.masks.values(&result.outputs);
        let result = StepResult { status: Status::Succeeded, ..result };
        self.table.change(owner, Change::Succeed, Note::default());
        match self.frames.last_mut() {
            None => Ok(Some(result)),
            Some(caller) => {
                caller.record(result);
                Ok(None)
            }
        }
    }

    /// Produces the outputs of the list on top, by section 5.8 of the contract.
    fn list_outputs(&self) -> Result<Values, Failed> {
        let Some(frame) = self.frames.last() else { return Ok(Values::new()) };
        let sequence = frame.list.sequence();
        let spec = match &frame.list {
            List::Job(_) => None,
            List::Function(function) => Some(&function.function.spec),
        };
        if spec.is_some_and(|spec| matches!(spec.outputs, OutputsSpec::Delegate(_))) {
            let name = sequence.delegate.as_deref().unwrap_or_default();
            return match frame.outputs.get(name) {
                Some(outputs) => Ok(outputs.clone()),
                None => Err(Failed::step(format!("delegate: could not find step with name {name:?}"))),
            };
        }
        let scope = self.scope(&frame.context, &frame.outputs);
        let mut outputs = Values::new();
        for (name, template) in &sequence.outputs {
            match template.evaluate(&scope) {
                Ok(marked) => {
                    outputs.insert(name.clone(), marked);
                }
                Err(error) => return Err(Failed::step(format!("expand {name:?}: {error}"))),
            }
        }
        let Some(spec) = spec else { return Ok(outputs) };
        let (outputs, odd) =
            check_list_outputs(spec, outputs).map_err(|problems| Failed::step(problems.to_string()))?;
        odd.into_iter().for_each(|odd| self.events.send(&frame.path, warning(odd)));
        Ok(outputs)
    }

    /// Goes on with the steps of the job that run afterwards, if a step failed and there are some, or if it is one of
    /// them.
    ///
    /// # Errors
    /// What was given, where this is how the job ends.
    fn go_on_afterwards(&mut self, stopped: Box<Stopped>) -> Result<(), Box<Stopped>> {
        let (Some(job), Some((index, _)), Change::Fail) =
            (self.frames.first(), stopped.step.segments().next(), stopped.failed.change)
        else {
            return Err(stopped);
        };
        let (list, first, next) = (job.list.clone(), job.first, job.next);
        let steps = &list.sequence().steps;
        let runs_afterwards = |index: usize| steps.get(index).is_some_and(|step| step.when == When::Afterwards);
        let changes_nothing = runs_afterwards(index);
        if !changes_nothing && !(next..steps.len()).any(runs_afterwards) {
            return Err(stopped);
        }
        let Stopped { step, failed, result } = *stopped;
        let result = self.unwind_to(1, &step, &failed, result);
        let job = self.frames.first_mut().expect("only the lists inside it were closed");
        job.result.children.extend(result);
        if changes_nothing {
            return Ok(());
        }
        let because = self.why_skipped(self.frames.first().expect("the same"), &step, &failed);
        for index in (next..steps.len()).filter(|index| !runs_afterwards(*index)) {
            self.table.change(
                first.item(index),
                Change::Skip,
                Note { reason: Some(because.clone()), ..Note::default() },
            );
        }
        self.failed = Some((step, failed));
        Ok(())
    }

    /// Ends all lists after one of their steps, or one of them, did not succeed. Returns the result of the job, if it
    /// had started.
    fn unwind(&mut self, stopped: Stopped) -> Option<StepResult> {
        let Stopped { step, failed, result } = stopped;
        self.unwind_to(0, &step, &failed, result)
    }

    /// Ends the lists inside the outermost `depth`. `result` is that of the step that ended them; returns that of the
    /// outermost list that was ended, if it had started.
    fn unwind_to(
        &mut self,
        depth: usize,
        step: &StepPath,
        failed: &Failed,
        mut result: Option<StepResult>,
    ) -> Option<StepResult> {
        while self.frames.len() > depth
            && let Some(mut frame) = self.frames.pop()
        {
            frame.result.children.extend(result.take());
            let because = self.why_skipped(&frame, step, failed);
            for index in frame.next..frame.list.sequence().steps.len() {
                let note = Note { reason: Some(because.clone()), ..Note::default() };
                self.table.change(frame.first.item(index), Change::Skip, note);
            }
            let below = step.segments().skip(frame.path.depth()).map(|(_, name)| name);
            let note = Note {
                reason: Some(chain(below, &failed.message)),
                hint: failed.hint.clone().filter(|_| frame.path == *step),
                usage: None,
            };
            let owner = frame.owner;
            let has_started = self.table.status(owner) == Status::Running;
            self.table.end(owner, failed.change, note);
            let status = self.table.status(owner);
            result = has_started.then(|| StepResult { status, ..frame.finish() });
        }
        result
    }

    fn why_skipped(&self, frame: &Frame, step: &StepPath, failed: &Failed) -> String {
        match frame.next.checked_sub(1).filter(|_| frame.path != *step) {
            // The item that was taken last is the one that ended the list, by itself or by something in it.
            Some(last) => {
                let item = frame.first.item(last);
                format!("step {:?} {}", self.table.path(item).name(), self.table.status(item))
            }
            None => failed.message.clone(),
        }
    }

    /// Removes the job's temporary files.
    async fn clean_up(&mut self) {
        let mut scratch = std::mem::replace(&mut self.scratch, Scratch::new(PathBuf::new()));
        let closed = tokio::task::spawn_blocking(move || scratch.close()).await;
        if let Ok(Err(error)) = closed {
            let text = format!("temporary files of the job could not be removed: {error}");
            self.events.send(&StepPath::job(), warning(text));
        }
    }

    /// Returns what an expression in a context sees.
    pub(crate) fn scope<'a>(&'a self, context: &'a Context, steps: &'a StepOutputs) -> Scope<'a> {
        context.scope(&self.vars, &self.work_dir, steps)
    }

    /// Ends a step that was taken from the list on top and hands its result over.
    pub(crate) fn end_item(
        &mut self,
        item: &Item,
        result: Option<StepResult>,
        failed: Failed,
    ) -> Result<(), Box<Stopped>> {
        let note = Note { reason: Some(failed.message.clone()), hint: failed.hint.clone(), usage: failed.usage };
        self.table.end(item.id, failed.change, note);
        let status = self.table.status(item.id);
        let result = result.map(|result| StepResult { status, ..result });
        Err(Box::new(Stopped { step: item.path.clone(), failed, result }))
    }
}

impl Frame {
    /// Gives the result out and removes the files.
    fn finish(self) -> StepResult {
        if let Some(files) = &self.context.files {
            files.remove();
        }
        self.result
    }
}

/// Makes the result of a step of which nothing is known yet.
pub(crate) fn open_result(step: StepPath, reference: StepReference) -> StepResult {
    StepResult {
        step,
        reference,
        inputs: Values::new(),
        call_env: Arc::default(),
        status: Status::Pending,
        outputs: Values::new(),
        exports: BTreeMap::new(),
        env: Arc::default(),
        exec: None,
        children: Vec::new(),
    }
}

fn work_dir_text(work_dir: &std::path::Path) -> Result<&str, Failed> {
    match work_dir.to_str() {
        Some(text) if work_dir.is_absolute() => Ok(text),
        Some(_) => Err(Failed::engine(format!("the work dir `{}` is not absolute", work_dir.display()))),
        None => Err(Failed::engine(format!("the work dir `{}` is not UTF-8", work_dir.display()))),
    }
}
