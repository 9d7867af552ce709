//! What a step sees of the world around it.

use stepwell_run::Stream;
use stepwell_schema::{Clock, Random};

use crate::support::{Call, files_command, module};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_inherited() {
    let ended = Call::attack("environment").variable("SECRET", "s").run().await;
    assert_eq!(ended.text("content"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn granted_variables_alone() {
    let ended = Call::attack("environment")
        .variable("CI", "true")
        .variable("TOKEN", "s")
        .grant_env("CI")
        .grant_env("NOT_SET")
        .run()
        .await;
    assert_eq!(ended.text("content"), "CI=true");
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_the_step_abi_are_its_own() {
    let names = ["STEPWELL_OUTPUT_FILE", "STEPWELL_INPUT_WHO", "PWD"];
    for target in ["wasm32-wasip1", "wasm32-wasip2"] {
        let call = Call::of_module(module("files", files_command(target))).input("who", "me").argument("variables");
        let call = names.iter().fold(call, |call, name| call.grant_env(name).variable(name, "other"));
        let seen = call.run().await.stream(Stream::Out);
        for line in ["STEPWELL_OUTPUT_FILE=/out/outputs", "STEPWELL_INPUT_WHO=me", "PWD=/"] {
            assert_eq!(seen.lines().filter(|seen| *seen == line).count(), 1, "{seen}");
        }
        assert_eq!(seen.lines().count(), 7, "{seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_remains_is_as_coarse_as_the_clock() {
    for clock in [Clock::None, Clock::Frozen, Clock::Coarse, Clock::Real] {
        let mut call = Call::attack("remaining");
        call.grants.clock = clock;
        let limit = call.grants.limits.wall.as_nanos() as f64;
        let left = call.run().await.number();
        match clock {
            Clock::None | Clock::Frozen => assert_eq!(left, limit),
            Clock::Coarse => assert!(left < limit && left > 0.0 && left % 1e6 == 0.0, "{left}"),
            Clock::Real => assert!(left < limit && left > 0.0, "{left}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_and_random_numbers_of_every_kind() {
    for clock in [Clock::None, Clock::Frozen, Clock::Coarse, Clock::Real] {
        for random in [Random::None, Random::Seeded, Random::Secure] {
            let mut call = Call::of("minimal").input("number", 1.0);
            (call.grants.clock, call.grants.random) = (clock, random);
            assert_eq!(call.run().await.number(), 2.0);
        }
    }
}

/// Runs a command of the given words and returns the numbers it prints.
async fn numbers(target: &'static str, words: &[&str], clock: Clock, random: Random) -> Vec<u128> {
    let mut call = Call::of_module(module("files", files_command(target)));
    (call.grants.clock, call.grants.random) = (clock, random);
    let call = words.iter().fold(call, |call, word| call.argument(word));
    call.run().await.stream(Stream::Out).lines().map(|line| line.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clocks_say() {
    for target in ["wasm32-wasip1", "wasm32-wasip2"] {
        let times = |clock| numbers(target, &["now", "sleep", "5", "now"], clock, Random::None);
        assert_eq!(times(Clock::None).await, [0, 0]);
        let frozen = times(Clock::Frozen).await;
        assert!(frozen[0] == frozen[1] && frozen[0] > 0);
        let coarse = times(Clock::Coarse).await;
        assert!(coarse.iter().all(|time| time % 1_000_000 == 0) && coarse[0] < coarse[1]);
        let real = times(Clock::Real).await;
        assert!(real[0] < real[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_random_numbers_are() {
    for target in ["wasm32-wasip1", "wasm32-wasip2"] {
        let twice = |random| async move {
            let first = numbers(target, &["random"], Clock::None, random).await;
            (first, numbers(target, &["random"], Clock::None, random).await)
        };
        let (zeros, (first, second)) = (twice(Random::None).await, twice(Random::Seeded).await);
        assert_eq!(zeros.0, zeros.1);
        assert_eq!(first, second);
        assert_ne!(first, zeros.0);
        let (first, second) = twice(Random::Secure).await;
        assert_ne!(first, second);
    }
}
