//! Whom steps run for, and how much of the machine each of them may use.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use stepwell_http::Client;
use stepwell_policy::{Access, Grants};

use crate::turns::Turns;

/// The time after which a tenant has its processor time anew. Long enough that a step of some seconds runs through, short
/// enough that nobody waits for long.
pub const CPU_WINDOW: Duration = Duration::from_secs(60);

/// What all steps of a tenant may use together. A step beyond it waits until others have ended; it does not
/// fail. The default bounds nothing: tenants then only share what there is. Native steps count among the steps at once and
/// in nothing else, since the engine bounds nothing of what they use.
///
/// Memory, log and disk count as what running steps may use at most, not as what they use, so that whatever they do stays
/// beneath. A single step is never given more than its tenant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Steps at once; zero counts as one.
    pub steps: u32,
    /// Memory limits of running steps, in bytes.
    pub memory: u64,
    /// Processor time in each [`CPU_WINDOW`]. Running steps stand still until the next when it is used up.
    pub cpu: Duration,
    /// Log limits of running steps, in bytes.
    pub log: u64,
    /// Growth of all writable folders of running steps, in bytes.
    pub disk: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { steps: u32::MAX, memory: u64::MAX, cpu: Duration::MAX, log: u64::MAX, disk: u64::MAX }
    }
}

/// For whom and how steps run.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whom they run for.
    pub tenant: Tenant,
    /// Whether a step sees nothing that differs from one run to the next: random numbers are seeded by the step and its
    /// module whatever kind was granted, clocks start at the same time and go on with each reading, folders are listed in
    /// the order of names, and results that are not a number have the same bits. What the engine does on a step's behalf
    /// is then not told by events either, since compiled modules are kept.
    pub deterministic: bool,
}

/// Whom steps run for. Cheap to clone; made by [`crate::Sandbox::tenant`].
#[derive(Clone, Debug)]
pub struct Tenant(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) name: String,
    /// Its place among the lines of those who wait.
    pub(crate) line: usize,
    pub(crate) quotas: Quotas,
    pub(crate) turns: Turns,
    pub(crate) account: Option<Arc<CpuAccount>>,
    /// Sends its requests; made for the first of them.
    pub(crate) client: OnceLock<Client>,
}

impl Tenant {
    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns what its steps may use together.
    pub fn quotas(&self) -> Quotas {
        self.0.quotas
    }
}

impl Quotas {
    /// Returns grants that lie within what the tenant has. Where writable folders may grow by more, they share it equally.
    pub(crate) fn within<'a>(&self, grants: &'a Grants) -> Cow<'a, Grants> {
        if Load::of(grants).fits(self) {
            return Cow::Borrowed(grants);
        }
        let mut grants = grants.clone();
        grants.limits.memory = grants.limits.memory.min(self.memory);
        grants.limits.log = grants.limits.log.min(self.log);
        if Load::of(&grants).disk > self.disk {
            let folders = writable(&grants).count().max(1) as u64;
            grants.roots.iter_mut().for_each(|root| root.bytes = root.bytes.min(self.disk / folders));
        }
        Cow::Owned(grants)
    }
}

fn writable(grants: &Grants) -> impl Iterator<Item = u64> {
    grants.roots.iter().filter(|root| root.access == Access::Write).map(|root| root.bytes)
}

/// What a running step takes of its tenant's quotas, and of the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Instances of the pool: one for a guest, none for a native step.
    pub(crate) instances: usize,
    pub(crate) memory: u64,
    pub(crate) log: u64,
    pub(crate) disk: u64,
}

impl Load {
    /// Returns what a step with these grants may use at most.
    pub(crate) fn of(grants: &Grants) -> Self {
        let disk = writable(grants).fold(0, |sum: u64, bytes| sum.saturating_add(bytes));
        Self { instances: 1, memory: grants.limits.memory, log: grants.limits.log, disk }
    }

    /// Returns what is known of what a native step uses.
    pub(crate) fn native() -> Self {
        Self::default()
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            instances: self.instances.saturating_add(other.instances),
            memory: self.memory.saturating_add(other.memory),
            log: self.log.saturating_add(other.log),
            disk: self.disk.saturating_add(other.disk),
        }
    }

    /// Takes off what was added before.
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            instances: self.instances.saturating_sub(other.instances),
            memory: self.memory.saturating_sub(other.memory),
            log: self.log.saturating_sub(other.log),
            disk: self.disk.saturating_sub(other.disk),
        }
    }

    pub(crate) fn fits(self, quotas: &Quotas) -> bool {
        self.memory <= quotas.memory && self.log <= quotas.log && self.disk <= quotas.disk
    }
}

/// The processor time of a tenant, anew in each window.
#[derive(Debug)]
pub(crate) struct CpuAccount {
    quota: Duration,
    spent: Mutex<Spent>,
}

#[derive(Debug)]
struct Spent {
    window: Instant,
    time: Duration,
}

impl CpuAccount {
    /// Opens an account; none where nothing is bounded.
    pub(crate) fn open(quotas: &Quotas, now: Instant) -> Option<Arc<Self>> {
        let spent = Mutex::new(Spent { window: now, time: Duration::ZERO });
        (quotas.cpu < Duration::MAX).then(|| Arc::new(Self { quota: quotas.cpu, spent }))
    }

    /// Adds time that was used until `now`, and returns when there is time again, if there is none left. Time above the
    /// quota counts in the windows that follow.
    pub(crate) fn charge(&self, time: Duration, now: Instant) -> Option<Instant> {
        // Times stay usable, whatever happened to another thread.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        while now.saturating_duration_since(spent.window) >= CPU_WINDOW {
            spent.window += CPU_WINDOW;
            spent.time = spent.time.saturating_sub(self.quota);
            if spent.time.is_zero() {
                spent.window = spent.window.max(now.checked_sub(CPU_WINDOW).unwrap_or(now));
            }
        }
        spent.time = spent.time.saturating_add(time);
        (spent.time >= self.quota).then(|| spent.window + CPU_WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use stepwell_policy::{Limits, Root, WorkPath};

    use super::*;

    fn folder(path: &str, access: Access, bytes: u64) -> Root {
        Root { path: WorkPath::parse(path, Path::new("/work")).unwrap(), access, bytes, files: 1, optional: false }
    }

    #[test]
    fn a_step_takes_no_more_than_its_tenant_has() {
        let limits = Limits { memory: 1_000, log: 7, ..Limits::default() };
        let roots = vec![folder("a", Access::Write, 50), folder("b", Access::Write, 2), folder("c", Access::Read, 0)];
        let grants = Grants { limits, roots, ..Grants::default() };
        assert_eq!(Load::of(&grants), Load { instances: 1, memory: 1_000, log: 7, disk: 52 });
        assert!(matches!(Quotas::default().within(&grants), Cow::Borrowed(_)));
        let quotas = Quotas { memory: 100, disk: 10, ..Quotas::default() };
        let load = Load::of(&quotas.within(&grants));
        assert_eq!(load, Load { instances: 1, memory: 100, log: 7, disk: 7 });
        assert!(load.fits(&quotas) && !load.plus(load).fits(&quotas));
        assert_eq!(load.plus(load).minus(load), load);
    }

    #[test]
    fn processor_time_comes_back_with_each_window() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let account = CpuAccount::open(&Quotas { cpu: second * 10, ..Quotas::default() }, start).unwrap();
        assert_eq!(account.charge(second * 9, start), None);
        assert_eq!(account.charge(second * 16, start + second), Some(start + CPU_WINDOW));
        // 25 s are two windows and a half.
        assert_eq!(account.charge(Duration::ZERO, start + CPU_WINDOW), Some(start + CPU_WINDOW * 2));
        assert_eq!(account.charge(Duration::ZERO, start + CPU_WINDOW * 2), None);
        assert_eq!(account.charge(second * 5, start + CPU_WINDOW * 2), Some(start + CPU_WINDOW * 3));
        assert!(CpuAccount::open(&Quotas::default(), start).is_none());
    }

    #[test]
    fn time_that_was_not_used_is_not_saved() {
        let start = Instant::now();
        let account = CpuAccount::open(&Quotas { cpu: Duration::from_secs(10), ..Quotas::default() }, start).unwrap();
        assert_eq!(account.charge(Duration::ZERO, start + CPU_WINDOW * 1_000_000), None);
        assert!(account.charge(Duration::from_secs(10), start + CPU_WINDOW * 1_000_000).is_some());
    }
}
