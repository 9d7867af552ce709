//! `stepwell:step/lifetime`: how long the step may go on.

use std::time::Instant;

use stepwell_schema::Clock;

use crate::bindings::stepwell::step::lifetime::Host;
use crate::clocks::rounded;
use crate::state::{Preview2, State};

impl Host for State<Preview2> {
    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.facts.cancelled.is_cancelled())
    }

    /// As precise as the clock that the step was granted, for it is one. Without a clock it stands still.
    fn remaining(&mut self) -> wasmtime::Result<Option<u64>> {
        let Some(deadline) = self.facts.deadline else { return Ok(None) };
        let left = match self.facts.clock {
            Clock::None | Clock::Frozen => self.facts.wall,
            Clock::Coarse => rounded(deadline.saturating_duration_since(Instant::now())),
            Clock::Real => deadline.saturating_duration_since(Instant::now()),
        };
        Ok(Some(left.as_nanos().try_into().unwrap_or(u64::MAX)))
    }
}
