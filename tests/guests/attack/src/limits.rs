//! Things without an end, and without a measure.

use std::hint::black_box;
use std::time::Duration;

use stepwell_sdk::{Failure, Step};
use wasip2::clocks::monotonic_clock::subscribe_duration;

use crate::Answer;

pub(crate) fn endless() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

pub(crate) fn endless_host_calls(step: &Step) -> ! {
    loop {
        black_box(step.cancelled());
    }
}

pub(crate) fn sleep() -> Result<Answer, Failure> {
    std::thread::sleep(Duration::from_secs(365 * 24 * 60 * 60));
    Ok(Answer::content("woke up"))
}

/// Overflows the stack of the machine.
pub(crate) fn recurse() -> Result<Answer, Failure> {
    Ok(Answer::number(f64::from(deeper(0))))
}

#[inline(never)]
fn deeper(depth: u32) -> u32 {
    if black_box(depth) == u32::MAX { depth } else { deeper(depth + 1).rotate_left(depth) ^ depth }
}

/// Overflows the stack that compilers keep in linear memory, which traps as an access out of bounds.
pub(crate) fn recurse_in_memory() -> Result<Answer, Failure> {
    Ok(Answer::number(f64::from(deeper_in_memory(0))))
}

#[expect(unconditional_recursion, reason = "that is the attack")]
fn deeper_in_memory(depth: u32) -> u32 {
    let ballast = black_box([depth; 1024]);
    deeper_in_memory(depth.wrapping_add(1)).wrapping_add(ballast[3])
}

/// Takes and touches memory until the host refuses, then gives the number of MiB: a refusal by itself is no end.
pub(crate) fn grow() -> Result<Answer, Failure> {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        if block.try_reserve_exact(1 << 20).is_err() {
            return Ok(Answer::number(blocks.len() as f64));
        }
        block.resize(1 << 20, 1);
        blocks.push(black_box(block));
    }
}

/// As `grow`, and asks for more than any memory can have after each step.
pub(crate) fn grow_and_fail() -> Result<Answer, Failure> {
    const PAGES: usize = 16;
    let mut mib = 0_u32;
    while mib < 1_000 && core::arch::wasm32::memory_grow::<0>(PAGES) != usize::MAX {
        mib += 1;
        let _ = core::arch::wasm32::memory_grow::<0>(65_536);
    }
    Ok(Answer::number(f64::from(mib)))
}

/// As `grow`, but takes a refusal as most programs do: it traps.
pub(crate) fn exhaust() -> ! {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        blocks.push(black_box(vec![1; 1 << 20]));
    }
}

/// Emits `count` records of 1 KiB.
pub(crate) fn flood_log(step: &Step, count: u32) -> Result<Answer, Failure> {
    let text = "x".repeat(1 << 10);
    (0..count).for_each(|_| step.info(&text));
    Ok(Answer::number(f64::from(count)))
}

/// Prints `count` lines of 1 KiB.
pub(crate) fn flood_stdout(count: u32) -> Result<Answer, Failure> {
    let text = "x".repeat(1 << 10);
    (0..count).for_each(|_| println!("{text}"));
    Ok(Answer::number(f64::from(count)))
}

/// Prints one line of `count` KiB with control characters in it, and no line feed.
pub(crate) fn long_line(count: u32) -> Result<Answer, Failure> {
    let text = "\u{1b}[31mx\0".repeat((1 << 10) / 7);
    (0..count).for_each(|_| print!("{text}"));
    Ok(Answer::number(f64::from(count)))
}

/// Opens `count` groups and closes none.
pub(crate) fn groups(step: &Step, count: u32) -> Result<Answer, Failure> {
    (0..count).for_each(|number| std::mem::forget(step.group(format!("group {number}"))));
    Ok(Answer::number(f64::from(count)))
}

/// Masks `count` texts, the empty one and one of a single letter first.
pub(crate) fn masks(step: &Step, count: u32) -> Result<Answer, Failure> {
    step.mask("");
    step.mask("e");
    (0..count).for_each(|number| step.mask(&format!("mask-{number}")));
    Ok(Answer::number(f64::from(count)))
}

/// Gives the nanoseconds that remain.
pub(crate) fn remaining(step: &Step) -> Result<Answer, Failure> {
    Ok(Answer::number(step.remaining().map_or(-1.0, |left| left.as_nanos() as f64)))
}

pub(crate) fn progress(step: &Step, count: u32) -> Result<Answer, Failure> {
    (0..count).for_each(|number| step.progress(u64::from(number), None, "flooding"));
    Ok(Answer::number(f64::from(count)))
}

/// Holds `count` handles of the host at once.
pub(crate) fn handles(count: u32) -> Result<Answer, Failure> {
    let held: Vec<_> = (0..count).map(|_| subscribe_duration(u64::MAX)).collect();
    Ok(Answer::number(held.len() as f64))
}

/// Asks for `count` MiB of random bytes in one call.
pub(crate) fn random(count: u32) -> Result<Answer, Failure> {
    let bytes = wasip2::random::random::get_random_bytes(u64::from(count) << 20);
    Ok(Answer::number(bytes.len() as f64))
}
