//! The clocks that a step sees.

use std::sync::atomic::{AtomicU64, Ordering};
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

/// The time at which every deterministic step starts: the first second of the year 2000. Archives and certificates know no
/// time before 1980.
const STEPPED_START: Duration = Duration::from_secs(946_684_800);

/// Gives the context clocks that depend on nothing but how often they were read: each reading is a coarse tick later than
/// the one before, so that who waits for time to pass does not wait for ever.
pub(crate) fn add_stepped(builder: &mut WasiCtxBuilder) {
    builder.wall_clock(Stepped::default()).monotonic_clock(Stepped::default());
}

#[derive(Default)]
struct Stepped {
    readings: AtomicU64,
}

impl Stepped {
    fn elapsed(&self) -> Duration {
        let readings = self.readings.fetch_add(1, Ordering::Relaxed);
        COARSE.saturating_mul(u32::try_from(readings).unwrap_or(u32::MAX))
    }
}

impl HostWallClock for Stepped {
    fn resolution(&self) -> Duration {
        COARSE
    }

    fn now(&self) -> Duration {
        STEPPED_START + self.elapsed()
    }
}

impl HostMonotonicClock for Stepped {
    fn resolution(&self) -> u64 {
        COARSE.as_nanos().try_into().unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        self.elapsed().as_nanos().try_into().unwrap_or(u64::MAX)
    }
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
    fn a_stepped_clock_goes_on_with_each_reading_alone() {
        let (one, other) = (Stepped::default(), Stepped::default());
        for _ in 0..3 {
            assert_eq!(HostWallClock::now(&one), HostWallClock::now(&other));
        }
        assert_eq!(HostWallClock::now(&one), STEPPED_START + COARSE * 3);
        assert_eq!(HostMonotonicClock::now(&Stepped::default()), 0);
    }

    #[test]
    fn rounding_goes_down() {
        assert_eq!(rounded(Duration::new(1, 2_999_999)), Duration::new(1, 2_000_000));
        assert_eq!(rounded(Duration::ZERO), Duration::ZERO);
    }
}
