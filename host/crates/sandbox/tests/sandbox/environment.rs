//! What a step sees of the world around it.

use stepwell_schema::{Clock, Random};

use crate::support::Call;

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
async fn clocks_and_random_numbers_of_every_kind() {
    for clock in [Clock::None, Clock::Frozen, Clock::Coarse, Clock::Real] {
        for random in [Random::None, Random::Seeded, Random::Secure] {
            let mut call = Call::of("minimal").input("number", 1.0);
            (call.grants.clock, call.grants.random) = (clock, random);
            assert_eq!(call.run().await.number(), 2.0);
        }
    }
}
