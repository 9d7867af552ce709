//! Which step starts next.
//!
//! Every step needs room in the quotas of its tenant, and one with a guest an instance of the pool. Steps of a tenant start
//! in the order in which they came; tenants take turns. While there are several tenants, none holds more instances than it
//! leaves free, so whoever comes finds one, however much the others have started.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::tenant::{CpuAccount, Inner, Load, Quotas, Tenant};
use crate::turns::{Crowd, Turns};

/// The instances of the pool, and who waits for one.
#[derive(Debug)]
pub(crate) struct Admission {
    queue: Mutex<Queue>,
    tenants: Mutex<HashMap<String, Tenant>>,
    /// Quotas of tenants that have none of their own.
    otherwise: Quotas,
    crowd: Arc<Crowd>,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    lines: Vec<Line>,
    /// Lines in which somebody waits, each once; whose turn is next stands first.
    turns: VecDeque<usize>,
    last_ticket: u64,
}

/// The steps of one tenant.
#[derive(Debug)]
struct Line {
    quotas: Quotas,
    running: usize,
    load: Load,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    load: Load,
    admitted: oneshot::Sender<()>,
}

/// A place that a step holds until this is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    admission: &'a Admission,
    line: usize,
    load: Load,
}

/// A step in its line. Dropping it leaves the line.
struct InLine<'a> {
    admission: &'a Admission,
    line: usize,
    load: Load,
    ticket: u64,
}

impl Admission {
    pub(crate) fn new(instances: usize, otherwise: Quotas) -> Self {
        let queue = Queue { free: instances, lines: Vec::new(), turns: VecDeque::new(), last_ticket: 0 };
        Self { queue: Mutex::new(queue), tenants: Mutex::default(), otherwise, crowd: Arc::default() }
    }

    /// Returns a tenant. Quotas count for one that was not seen before.
    pub(crate) fn tenant(&self, name: &str, quotas: Option<Quotas>) -> Tenant {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = tenants.get(name) {
            return tenant.clone();
        }
        let quotas = quotas.unwrap_or(self.otherwise);
        let line = {
            let mut queue = self.queue();
            queue.lines.push(Line { quotas, running: 0, load: Load::default(), waiting: VecDeque::new() });
            queue.lines.len() - 1
        };
        self.crowd.tenants(line + 1);
        let turns = Turns::new(line, Arc::clone(&self.crowd));
        let account = CpuAccount::open(&quotas, Instant::now());
        let tenant =
            Tenant(Arc::new(Inner { name: name.to_owned(), line, quotas, turns, account, client: OnceLock::new() }));
        tenants.insert(name.to_owned(), tenant.clone());
        tenant
    }

    /// Waits for a place. `waits` is called once, and only where there is none right now. Dropping the future leaves the
    /// line.
    pub(crate) async fn place(&self, tenant: &Tenant, load: Load, waits: impl FnOnce()) -> Place<'_> {
        let line = tenant.0.line;
        self.crowd.note(line);
        let (in_line, admitted) = {
            let mut queue = self.queue();
            if queue.lines[line].waiting.is_empty() && queue.fits(line, load) {
                queue.take(line, load);
                return Place { admission: self, line, load };
            }
            let (admitted, told) = oneshot::channel();
            (InLine { admission: self, line, load, ticket: queue.join(line, load, admitted) }, told)
        };
        waits();
        // The sender goes away only by sending.
        let _ = admitted.await;
        in_line.into_place()
    }

    /// A change is made as a whole or not at all.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn fits(&self, line: usize, load: Load) -> bool {
        let several = self.lines.len() > 1;
        let line = &self.lines[line];
        let has_instance = load.instances <= self.free && (!several || line.load.instances < self.free);
        (load.instances == 0 || has_instance)
            && line.running < usize::try_from(line.quotas.steps.max(1)).unwrap_or(usize::MAX)
            && line.load.plus(load).fits(&line.quotas)
    }

    fn take(&mut self, line: usize, load: Load) {
        self.free -= load.instances;
        let line = &mut self.lines[line];
        line.running += 1;
        line.load = line.load.plus(load);
    }

    fn give_back(&mut self, line: usize, load: Load) {
        self.free += load.instances;
        let line = &mut self.lines[line];
        line.running -= 1;
        line.load = line.load.minus(load);
    }

    fn join(&mut self, line: usize, load: Load, admitted: oneshot::Sender<()>) -> u64 {
        self.last_ticket += 1;
        if self.lines[line].waiting.is_empty() {
            self.turns.push_back(line);
        }
        self.lines[line].waiting.push_back(Waiting { ticket: self.last_ticket, load, admitted });
        self.last_ticket
    }

    /// Takes a step out of its line. False: it was admitted already.
    fn leave(&mut self, line: usize, ticket: u64) -> bool {
        let waiting = &mut self.lines[line].waiting;
        let before = waiting.len();
        waiting.retain(|one| one.ticket != ticket);
        let left = waiting.len() < before;
        if left && waiting.is_empty() {
            self.turns.retain(|&other| other != line);
        }
        left
    }

    /// Admits whoever can be, tenant by tenant.
    fn admit(&mut self) {
        loop {
            let next = self
                .turns
                .iter()
                .position(|&line| self.lines[line].waiting.front().is_some_and(|first| self.fits(line, first.load)));
            let Some(line) = next.and_then(|at| self.turns.remove(at)) else { return };
            let Some(first) = self.lines[line].waiting.pop_front() else { return };
            self.take(line, first.load);
            if !self.lines[line].waiting.is_empty() {
                self.turns.push_back(line);
            }
            // A step that was dropped meanwhile gives its place back itself.
            let _ = first.admitted.send(());
        }
    }
}

impl<'a> InLine<'a> {
    fn into_place(self) -> Place<'a> {
        let this = std::mem::ManuallyDrop::new(self);
        Place { admission: this.admission, line: this.line, load: this.load }
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut queue = self.admission.queue();
        if !queue.leave(self.line, self.ticket) {
            queue.give_back(self.line, self.load);
        }
        // Those behind it may need less.
        queue.admit();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queue = self.admission.queue();
        queue.give_back(self.line, self.load);
        queue.admit();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A step that waits for its place.
    type Starting<'a> = Pin<Box<dyn Future<Output = Place<'a>> + 'a>>;

    /// Steps that try to start in an order of the test's own; nothing depends on time.
    struct Steps<'a> {
        admission: &'a Admission,
        waiting: Vec<(String, Starting<'a>)>,
        running: Vec<(String, Place<'a>)>,
    }

    impl<'a> Steps<'a> {
        fn of(admission: &'a Admission) -> Self {
            Self { admission, waiting: Vec::new(), running: Vec::new() }
        }

        fn start(&mut self, name: &str, tenant: &Tenant, load: Load) -> &mut Self {
            let (admission, tenant) = (self.admission, tenant.clone());
            let step = Box::pin(async move { admission.place(&tenant, load, || {}).await });
            self.waiting.push((name.to_owned(), step));
            self.poll();
            self
        }

        fn poll(&mut self) {
            let mut context = Context::from_waker(Waker::noop());
            for (name, mut step) in std::mem::take(&mut self.waiting) {
                match step.as_mut().poll(&mut context) {
                    Poll::Ready(place) => self.running.push((name, place)),
                    Poll::Pending => self.waiting.push((name, step)),
                }
            }
        }

        /// Ends the steps one after the other, and returns the order in which all of them started.
        fn order(&mut self) -> String {
            let mut order = Vec::new();
            self.poll();
            while !self.running.is_empty() {
                let (name, place) = self.running.remove(0);
                order.push(name);
                drop(place);
                self.poll();
            }
            assert!(self.waiting.is_empty());
            order.join(" ")
        }

        fn running(&self) -> String {
            self.running.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
        }
    }

    const NONE: Load = Load { instances: 1, memory: 0, log: 0, disk: 0 };

    #[test]
    fn one_tenant_has_all_places_and_its_steps_start_in_order() {
        let admission = Admission::new(2, Quotas::default());
        let a = admission.tenant("a", None);
        let mut steps = Steps::of(&admission);
        steps.start("1", &a, NONE).start("2", &a, NONE).start("3", &a, NONE).start("4", &a, NONE);
        assert_eq!(steps.running(), "1 2");
        assert_eq!(steps.order(), "1 2 3 4");
    }

    #[test]
    fn tenants_take_turns_whatever_the_length_of_their_lines() {
        let admission = Admission::new(1, Quotas::default());
        let (a, b, c) = (admission.tenant("a", None), admission.tenant("b", None), admission.tenant("c", None));
        let mut steps = Steps::of(&admission);
        for name in ["a1", "a2", "a3", "a4", "a5"] {
            steps.start(name, &a, NONE);
        }
        steps.start("b1", &b, NONE).start("b2", &b, NONE).start("c1", &c, NONE);
        assert_eq!(steps.order(), "a1 a2 b1 c1 a3 b2 a4 a5");
    }

    #[test]
    fn a_flood_leaves_places_to_others() {
        let admission = Admission::new(8, Quotas::default());
        let (flood, other) = (admission.tenant("flood", None), admission.tenant("other", None));
        let mut steps = Steps::of(&admission);
        for number in 0..1_000 {
            steps.start(&format!("f{number}"), &flood, NONE);
        }
        assert_eq!(steps.running.len(), 4);
        steps.start("other", &other, NONE);
        assert!(steps.running().ends_with(" other"));
    }

    #[test]
    fn quotas_hold_a_tenant_back_and_nobody_else() {
        let quotas = Quotas { memory: 10, ..Quotas::default() };
        let admission = Admission::new(16, Quotas::default());
        let (a, b) = (admission.tenant("a", Some(quotas)), admission.tenant("b", None));
        let memory = |memory: u64| Load { memory, ..NONE };
        let mut steps = Steps::of(&admission);
        steps.start("a6", &a, memory(6)).start("a5", &a, memory(5)).start("a1", &a, memory(1));
        steps.start("b9", &b, memory(99));
        assert_eq!(steps.running(), "a6 b9", "a step does not overtake those of its own tenant");
        assert_eq!(steps.order(), "a6 b9 a5 a1");
    }

    #[test]
    fn steps_at_once_are_bounded_and_never_zero() {
        let admission = Admission::new(16, Quotas { steps: 2, ..Quotas::default() });
        let a = admission.tenant("a", None);
        let none = admission.tenant("none", Some(Quotas { steps: 0, ..Quotas::default() }));
        let mut steps = Steps::of(&admission);
        steps.start("a1", &a, NONE).start("a2", &a, NONE).start("a3", &a, NONE);
        steps.start("n1", &none, NONE).start("n2", &none, NONE);
        assert_eq!(steps.running(), "a1 a2 n1");
        assert_eq!(steps.order(), "a1 a2 n1 a3 n2");
    }

    #[test]
    fn a_native_step_counts_in_its_tenant_and_takes_no_instance() {
        let admission = Admission::new(1, Quotas { steps: 2, ..Quotas::default() });
        let (a, b) = (admission.tenant("a", None), admission.tenant("b", None));
        let mut steps = Steps::of(&admission);
        steps.start("guest", &a, NONE).start("a1", &a, Load::native()).start("a2", &a, Load::native());
        steps.start("b1", &b, Load::native()).start("b2", &b, Load::native());
        assert_eq!(steps.running(), "guest a1 b1 b2");
        assert_eq!(steps.order(), "guest a1 b1 b2 a2");
        assert_eq!(admission.queue().free, 1);
    }

    #[test]
    fn who_is_cancelled_leaves_the_line_and_takes_nothing() {
        let admission = Admission::new(1, Quotas::default());
        let a = admission.tenant("a", None);
        let mut steps = Steps::of(&admission);
        steps.start("1", &a, NONE).start("2", &a, NONE).start("3", &a, NONE).start("4", &a, NONE);
        drop(steps.waiting.remove(0));
        steps.running.clear();
        // Admitted, but cancelled before it noticed.
        drop(steps.waiting.remove(0));
        assert_eq!(steps.order(), "4");
        let queue = admission.queue();
        assert_eq!((queue.free, queue.lines[0].running, queue.turns.len()), (1, 0, 0));
    }

    #[test]
    fn only_who_waits_is_told_so() {
        let admission = Admission::new(1, Quotas::default());
        let a = admission.tenant("a", None);
        let mut context = Context::from_waker(Waker::noop());
        let mut waits = 0;
        let mut first = Box::pin(admission.place(&a, NONE, || panic!("there is a place")));
        let Poll::Ready(place) = first.as_mut().poll(&mut context) else { panic!("there is a place") };
        let mut second = Box::pin(admission.place(&a, NONE, || waits += 1));
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(place);
        assert!(second.as_mut().poll(&mut context).is_ready());
        drop(second);
        assert_eq!(waits, 1);
    }

    #[test]
    fn a_tenant_keeps_its_quotas() {
        let admission = Admission::new(1, Quotas::default());
        let quotas = Quotas { steps: 3, ..Quotas::default() };
        assert_eq!(admission.tenant("a", Some(quotas)).quotas(), quotas);
        assert_eq!(admission.tenant("a", None).quotas(), quotas);
        assert_eq!(admission.tenant("b", None).quotas(), Quotas::default());
    }
}
