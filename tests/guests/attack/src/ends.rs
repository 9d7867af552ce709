//! Ways to end.

use std::hint::black_box;

use stepwell_sdk::{Failure, FailureKind};

use crate::Answer;

/// A failure with everything in it.
pub(crate) fn fail() -> Result<Answer, Failure> {
    Err(Failure::new(FailureKind::Unavailable, "the service did not answer")
        .cause("connection refused")
        .cause("no route")
        .hint("try again later"))
}

/// A message of `count` KiB and as many causes.
pub(crate) fn fail_huge(count: u32) -> Result<Answer, Failure> {
    let failure = Failure::failed("x".repeat((count as usize) << 10));
    Err((0..count).fold(failure, |failure, number| failure.cause(number)))
}

/// Says the job was cancelled, which it was not.
pub(crate) fn claim_cancelled() -> Result<Answer, Failure> {
    Err(Failure::cancelled())
}

pub(crate) fn exit(code: u32) -> ! {
    std::process::exit(code as i32)
}

pub(crate) fn panic() -> ! {
    panic!("the guest panics on purpose")
}

pub(crate) fn abort() -> ! {
    std::process::abort()
}

/// Divides by `count`; zero panics.
pub(crate) fn divide(count: u32) -> Result<Answer, Failure> {
    Ok(Answer::number(f64::from(7 / black_box(count))))
}

/// Looks at place `count` of four.
pub(crate) fn index(count: u32) -> Result<Answer, Failure> {
    Ok(Answer::number(black_box([1.0, 2.0, 3.0, 4.0])[count as usize]))
}
