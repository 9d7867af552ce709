//! `stepwell:step/lifetime`: how long the step may go on.

use std::time::Instant;

use crate::bindings::stepwell::step::lifetime::Host;
use crate::state::{Preview2, State};

impl Host for State<Preview2> {
    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.facts.cancelled.is_cancelled())
    }

    fn remaining(&mut self) -> wasmtime::Result<Option<u64>> {
        let nanoseconds = |deadline: Instant| deadline.saturating_duration_since(Instant::now()).as_nanos();
        Ok(self.facts.deadline.map(|deadline| nanoseconds(deadline).try_into().unwrap_or(u64::MAX)))
    }
}
