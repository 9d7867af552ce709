//! The clocks that a step sees.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stepwell_schema::Clock;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// What a coarse clock is rounded down to. Too coarse to tell a cached read from an uncached one.
const COARSE: Duration = Duration::from_millis(1);

/// Gives the context the clocks of the given kind. The monotonic clock counts from the start of the step, so that it
/// says nothing of how long the machine has been up.
pub(crate) fn add(builder: &mut WasiCtxBuilder, clock: Clock) {
    let started = Started { kind: clock, monotonic: Instant::now(), wall: now() };
    builder.wall_clock(started).monotonic_clock(started);
}

#[derive(Clone, Copy)]
struct Started {
    kind: Clock,
    monotonic: Instant,
    wall: Duration,
}

fn now() -> Duration {
    // A machine that stands before 1970 is at its beginning.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns a time rounded down to what a coarse clock tells.
pub(crate) fn rounded(time: Duration) -> Duration {
    time - Duration::from_nanos((time.as_nanos() % COARSE.as_nanos()).try_into().unwrap_or_default())
}

impl Started {
    fn precision(&self) -> Duration {
        match self.kind {
            Clock::None | Clock::Frozen | Clock::Coarse => COARSE,
            Clock::Real => Duration::from_nanos(1),
        }
    }
}

impl HostWallClock for Started {
    fn resolution(&self) -> Duration {
        self.precision()
    }

    fn now(&self) -> Duration {
        match self.kind {
            Clock::None => Duration::ZERO,
            Clock::Frozen => self.wall,
            Clock::Coarse => rounded(now()),
            Clock::Real => now(),
        }
    }
}

impl HostMonotonicClock for Started {
    fn resolution(&self) -> u64 {
        self.precision().as_nanos().try_into().unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        let elapsed = match self.kind {
            Clock::None | Clock::Frozen => Duration::ZERO,
            Clock::Coarse => rounded(self.monotonic.elapsed()),
            Clock::Real => self.monotonic.elapsed(),
        };
        elapsed.as_nanos().try_into().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(kind: Clock) -> Started {
        Started { kind, monotonic: Instant::now(), wall: Duration::new(1_000, 123_456_789) }
    }

    #[test]
    fn each_kind() {
        assert_eq!(HostWallClock::now(&started(Clock::None)), Duration::ZERO);
        assert_eq!(HostWallClock::now(&started(Clock::Frozen)), Duration::new(1_000, 123_456_789));
        assert_eq!(HostWallClock::now(&started(Clock::Coarse)).subsec_nanos() % 1_000_000, 0);
        assert_eq!(HostMonotonicClock::now(&started(Clock::Coarse)) % 1_000_000, 0);
        assert_eq!(HostMonotonicClock::now(&started(Clock::Frozen)), 0);
        assert!(HostWallClock::now(&started(Clock::Real)) > Duration::from_secs(1_000_000_000));
    }

    #[test]
    fn rounding_goes_down() {
        assert_eq!(rounded(Duration::new(1, 2_999_999)), Duration::new(1, 2_000_000));
        assert_eq!(rounded(Duration::ZERO), Duration::ZERO);
    }
}
