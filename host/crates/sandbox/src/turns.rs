//! Whose guest has a thread.
//!
//! A guest that computes gives way at each tick only, and a tick is long beside a step. So while several tenants have steps,
//! guests of one tenant compute on all threads but one, and take turns on those: whoever else comes finds a thread free.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How long a tenant counts as there after one of its steps has started. Long enough for the steps of a job with native
/// steps between them, short enough that a thread does not stay unused for long.
const PRESENCE: Duration = Duration::from_secs(2);

/// Which tenants have started steps lately.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    tenants: AtomicUsize,
    lately: Mutex<Lately>,
}

/// The last two tenants that started a step.
#[derive(Debug, Default)]
struct Lately {
    last: Option<(usize, Instant)>,
    other: Option<Instant>,
}

impl Crowd {
    /// Takes note of how many tenants there are.
    pub(crate) fn tenants(&self, count: usize) {
        self.tenants.fetch_max(count, Ordering::Relaxed);
    }

    /// Takes note of a step of a tenant.
    pub(crate) fn note(&self, tenant: usize) {
        if self.is_one() {
            return;
        }
        let mut lately = self.lately();
        if let Some((last, when)) = lately.last
            && last != tenant
        {
            lately.other = Some(when);
        }
        lately.last = Some((tenant, Instant::now()));
    }

    /// Tells whether somebody else is there.
    fn is_shared(&self, tenant: usize) -> bool {
        if self.is_one() {
            return false;
        }
        let lately = self.lately();
        let when = match lately.last {
            Some((last, when)) if last != tenant => Some(when),
            Some(_) | None => lately.other,
        };
        when.is_some_and(|when| when.elapsed() < PRESENCE)
    }

    fn is_one(&self) -> bool {
        self.tenants.load(Ordering::Relaxed) <= 1
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turns of the guests of one tenant.
#[derive(Debug)]
pub(crate) struct Turns {
    tenant: usize,
    crowd: Arc<Crowd>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Guests that compute, and those whose turn it is although they have not noticed.
    computing: usize,
    waiting: VecDeque<(u64, Waker)>,
    called: Vec<u64>,
    last_ticket: u64,
}

impl Turns {
    pub(crate) fn new(tenant: usize, crowd: Arc<Crowd>) -> Self {
        Self { tenant, crowd, state: Mutex::default() }
    }

    /// Drives a guest to its end. Each time that it computes it has a thread of those that are this tenant's.
    pub(crate) async fn take<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        let mut ticket = Ticket { turns: self, number: None };
        std::future::poll_fn(|context| {
            if self.crowd.is_one() && ticket.number.is_none() {
                return guest.as_mut().poll(context);
            }
            ticket.poll(guest.as_mut(), context)
        })
        .await
    }

    /// Returns how many guests of this tenant may compute at the same time.
    fn threads(&self) -> usize {
        let threads = tokio::runtime::Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers());
        if self.crowd.is_shared(self.tenant) { threads.saturating_sub(1).max(1) } else { threads }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_over(&self) {
        let threads = self.threads();
        let mut state = self.state();
        state.computing = state.computing.saturating_sub(1);
        while state.computing < threads {
            let Some((number, waker)) = state.waiting.pop_front() else { return };
            state.computing += 1;
            state.called.push(number);
            waker.wake();
        }
    }
}

/// The place of a guest among those that wait for their turn.
struct Ticket<'a> {
    turns: &'a Turns,
    number: Option<u64>,
}

impl Ticket<'_> {
    fn poll<F: Future>(&mut self, guest: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        if !self.is_called(context.waker()) {
            return Poll::Pending;
        }
        let _turn = Turn(self.turns);
        guest.poll(context)
    }

    /// Tells whether it is this guest's turn, and lines it up if not.
    fn is_called(&mut self, waker: &Waker) -> bool {
        let threads = self.turns.threads();
        let mut state = self.turns.state();
        let Some(number) = self.number else {
            if state.waiting.is_empty() && state.computing < threads {
                state.computing += 1;
                return true;
            }
            state.last_ticket += 1;
            let number = state.last_ticket;
            state.waiting.push_back((number, waker.clone()));
            self.number = Some(number);
            return false;
        };
        if let Some(at) = state.called.iter().position(|called| *called == number) {
            state.called.swap_remove(at);
            self.number = None;
            return true;
        }
        if let Some((_, known)) = state.waiting.iter_mut().find(|(waiting, _)| *waiting == number) {
            known.clone_from(waker);
        }
        false
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.turns.state();
        state.waiting.retain(|(waiting, _)| *waiting != number);
        let Some(at) = state.called.iter().position(|called| *called == number) else { return };
        state.called.swap_remove(at);
        drop(state);
        self.turns.turn_over();
    }
}

/// One time in which a guest computes.
struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.turn_over();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A guest that computes for so many ticks and writes its name down at each.
    async fn guest(name: char, ticks: usize, log: &RefCell<String>) {
        for _ in 0..ticks {
            log.borrow_mut().push(name);
            tokio::task::yield_now().await;
        }
    }

    fn crowd() -> Arc<Crowd> {
        let crowd = Arc::new(Crowd::default());
        crowd.tenants(2);
        crowd
    }

    #[test]
    fn guests_of_a_tenant_take_turns() {
        let (turns, log) = (Turns::new(0, crowd()), RefCell::new(String::new()));
        let mut context = Context::from_waker(Waker::noop());
        let mut guests = ['a', 'b', 'c'].map(|name| Box::pin(turns.take(guest(name, 2, &log))));
        let computing = turns.state().computing;
        // Outside a runtime there is one thread. As long as a guest computes, nobody else does.
        turns.state().computing += 1;
        for one in &mut guests {
            assert!(one.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(*log.borrow(), "");
        turns.turn_over();
        for _ in 0..3 {
            for one in &mut guests {
                let _ = one.as_mut().poll(&mut context);
            }
        }
        drop(guests);
        assert!(log.borrow().starts_with("abc"), "{}", log.borrow());
        assert_eq!(turns.state().computing, computing);
    }

    #[test]
    fn who_is_dropped_when_it_is_its_turn_hands_it_on() {
        let (turns, log) = (Turns::new(0, crowd()), RefCell::new(String::new()));
        let mut context = Context::from_waker(Waker::noop());
        let mut guests = Vec::from(['a', 'b', 'c'].map(|name| Box::pin(turns.take(guest(name, 1, &log)))));
        turns.state().computing += 1;
        for one in &mut guests {
            assert!(one.as_mut().poll(&mut context).is_pending());
        }
        drop(guests.remove(1));
        turns.turn_over();
        drop(guests.remove(0));
        assert!(guests[0].as_mut().poll(&mut context).is_pending());
        assert_eq!(*log.borrow(), "c");
    }

    #[test]
    fn a_thread_is_left_to_others_while_they_are_there() {
        let crowd = crowd();
        assert!(!crowd.is_shared(0));
        crowd.note(0);
        assert!(!crowd.is_shared(0) && crowd.is_shared(1));
        crowd.note(1);
        assert!(crowd.is_shared(0) && crowd.is_shared(1));
        let alone = Crowd::default();
        alone.note(0);
        alone.note(1);
        assert!(!alone.is_shared(0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn threads_of_a_tenant() {
        let crowd = crowd();
        let turns = Turns::new(0, Arc::clone(&crowd));
        assert_eq!(turns.threads(), 3);
        crowd.note(1);
        assert_eq!(turns.threads(), 2);
    }
}
