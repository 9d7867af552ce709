//! What a step may use, and what it used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_policy::Limits;
use stepwell_run::Usage;
use wasmtime::ResourceLimiter;

use crate::engine::TICK;
use crate::stopwatch::Stopwatch;
use crate::tenant::CpuAccount;

/// Most host resources and handles that one step holds. From the step ABI, section 5.
pub(crate) const MAX_HANDLES: usize = 1_024;

/// Most host memory that the values of one call between guest and host take, in bytes. From the step ABI, section 5.
pub(crate) const MAX_CALL_BYTES: usize = 4 << 20;

/// Host memory of one table element, in bytes.
const TABLE_ELEMENT_BYTES: u64 = size_of::<usize>() as u64;

/// Counts what a step uses and says no when it is too much. All linear memories and tables of the step together are
/// held against one limit.
#[derive(Debug)]
pub(crate) struct Meter {
    limit_bytes: u64,
    memory_bytes: u64,
    table_bytes: u64,
    peak_bytes: u64,
    /// The last growth that was allowed, which the machine may still refuse.
    last_growth_bytes: u64,
    refused: bool,
    watch: Stopwatch,
    limit_cpu: Duration,
    cpu_is_spent: bool,
    /// Whose time it is, where that is bounded, and how much of it was charged already.
    account: Option<Arc<CpuAccount>>,
    charged: Duration,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit_bytes: limits.memory,
            memory_bytes: 0,
            table_bytes: 0,
            peak_bytes: 0,
            last_growth_bytes: 0,
            refused: false,
            watch: Stopwatch::default(),
            limit_cpu: limits.cpu,
            cpu_is_spent: false,
            account: None,
            charged: Duration::ZERO,
        }
    }

    /// Charges the time that is used to an account.
    pub(crate) fn on_account(mut self, account: Option<Arc<CpuAccount>>) -> Self {
        self.account = account;
        self
    }

    /// Charges the time since the last charge, and returns until when the step has to stand still: its tenant has used its
    /// time up.
    pub(crate) fn charge(&mut self) -> Option<Instant> {
        let account = self.account.as_ref()?;
        let ran = self.watch.elapsed();
        let until = account.charge(ran.saturating_sub(self.charged), Instant::now());
        self.charged = ran;
        until
    }

    /// Returns the watch that times the guest.
    pub(crate) fn watch(&self) -> Stopwatch {
        self.watch.clone()
    }

    /// Looks at the time at a tick in which the guest ran. False: the budget is used up.
    pub(crate) fn tick(&mut self) -> bool {
        self.cpu_is_spent = self.watch.elapsed() > self.limit_cpu;
        !self.cpu_is_spent
    }

    /// Tells whether the processor budget is used up.
    pub(crate) fn cpu_is_spent(&self) -> bool {
        self.cpu_is_spent
    }

    /// Tells whether memory or a table was asked to grow beyond the limit.
    pub(crate) fn growth_was_refused(&self) -> bool {
        self.refused
    }

    /// Returns the most that memories and tables took together, in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Returns what was used. Processor time is told in whole ticks; a step shorter than a tick used nothing that is
    /// worth telling.
    pub(crate) fn usage(&self) -> Usage {
        let ran = self.watch.elapsed();
        let ticks = u32::try_from(ran.as_nanos() / TICK.as_nanos()).unwrap_or(u32::MAX);
        let cpu = if self.cpu_is_spent { self.limit_cpu } else { TICK.saturating_mul(ticks) };
        Usage { cpu: Some(cpu).filter(|time| *time > Duration::ZERO), peak_memory_bytes: Some(self.peak_bytes) }
    }

    fn grow(&mut self, growth_bytes: u64) -> bool {
        let total = self.memory_bytes.saturating_add(self.table_bytes).saturating_add(growth_bytes);
        if total > self.limit_bytes {
            self.refused = true;
            return false;
        }
        self.peak_bytes = self.peak_bytes.max(total);
        self.last_growth_bytes = growth_bytes;
        true
    }
}

impl Drop for Meter {
    /// Steps shorter than a tick are charged too.
    fn drop(&mut self) {
        self.charge();
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        if maximum.is_some_and(|maximum| desired > maximum) || !self.grow(growth) {
            return Ok(false);
        }
        self.memory_bytes += growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes = self.memory_bytes.saturating_sub(std::mem::take(&mut self.last_growth_bytes));
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let growth = (desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT_BYTES);
        if maximum.is_some_and(|maximum| desired > maximum) || !self.grow(growth) {
            return Ok(false);
        }
        self.table_bytes += growth;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_bytes = self.table_bytes.saturating_sub(std::mem::take(&mut self.last_growth_bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(memory: u64) -> Meter {
        Meter::new(&Limits { memory, ..Limits::default() })
    }

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut meter = meter(1_000);
        assert!(meter.memory_growing(0, 600, None).unwrap());
        assert!(meter.memory_growing(0, 300, None).unwrap());
        assert!(!meter.memory_growing(300, 500, None).unwrap());
        assert!(meter.growth_was_refused());
        assert!(meter.table_growing(0, 10, None).unwrap());
        assert!(!meter.table_growing(10, 20, None).unwrap());
        assert_eq!(meter.peak_bytes(), 980);
    }

    #[test]
    fn a_declared_maximum_is_no_limit_of_ours() {
        let mut meter = meter(1_000);
        assert!(!meter.memory_growing(0, 600, Some(500)).unwrap());
        assert!(!meter.growth_was_refused());
    }

    #[test]
    fn what_the_machine_refuses_is_not_counted() {
        let mut meter = meter(1_000);
        assert!(meter.memory_growing(0, 1_000, None).unwrap());
        meter.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(meter.memory_growing(0, 1_000, None).unwrap());
    }

    #[tokio::test]
    async fn time_is_held_against_the_limit() {
        let mut meter = Meter::new(&Limits { cpu: Duration::ZERO, ..Limits::default() });
        assert!(meter.tick());
        assert_eq!(meter.usage().cpu, None);
        meter.watch().time(async {}).await;
        assert!(!meter.tick());
        assert!(meter.cpu_is_spent());
        let mut meter = Meter::new(&Limits { cpu: Duration::from_secs(3_600), ..Limits::default() });
        meter.watch().time(async {}).await;
        assert!(meter.tick());
    }
}
