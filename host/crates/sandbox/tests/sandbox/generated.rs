//! Modules and components by chance, the same each time: whatever the loader is given, it says what is wrong or runs it,
//! and goes on.

use std::ops::Range;
use std::time::Duration;

use arbitrary::Unstructured;
use sha2::{Digest as _, Sha256};
use stepwell_run::Outcome;
use stepwell_sandbox::Sandbox;
use stepwell_schema::Spec;
use wasm_smith::{Component, Config, Module};

use crate::support::{Call, module, shared};

/// Files that are looked at.
const LOOKED_AT: Range<u64> = 0..1_000;
/// Commands that are compiled and run: each may take all of its processor time.
const RUN: Range<u64> = 0..200;
/// How much chance goes into each, in bytes.
const CHANCE_BYTES: u64 = 4 << 10;

fn chance(seed: u64) -> Vec<u8> {
    let blocks = 0..CHANCE_BYTES / 32;
    blocks.flat_map(|block| Sha256::digest([seed.to_le_bytes(), block.to_le_bytes()].concat())).collect()
}

/// Looks at a file; what is no step has a reason.
fn look(bytes: Vec<u8>) -> bool {
    match Sandbox::check_module(&module("generated", bytes.into()), &Spec::default()) {
        Ok(()) => true,
        Err(refused) => {
            assert!(!refused.message.is_empty());
            false
        }
    }
}

/// As [`look`], and with a byte changed and the end cut off, at places that follow from the seed.
fn look_at_all(bytes: Vec<u8>, seed: u64) {
    let at = |salt: u64| usize::try_from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt) >> 1).unwrap();
    let mut changed = bytes.clone();
    let place = at(1) % changed.len();
    changed[place] ^= 1 << (seed % 8);
    look(changed);
    look(bytes[..at(2) % bytes.len()].to_vec());
    look(bytes);
}

/// A module without imports that has what a command needs.
fn command(seed: u64) -> Vec<u8> {
    let entry = wat::parse_str(r#"(module (func (export "_start")) (memory (export "memory") 1 1))"#).unwrap();
    let config = Config { exports: Some(entry), max_imports: 0, max_memories: 1, ..Config::default() };
    Module::new(config, &mut Unstructured::new(&chance(seed))).unwrap().to_bytes()
}

#[test]
fn files_are_looked_at() {
    for seed in LOOKED_AT {
        let bytes = chance(seed);
        look_at_all(Module::new(Config::default(), &mut Unstructured::new(&bytes)).unwrap().to_bytes(), seed);
        look_at_all(Component::new(Config::default(), &mut Unstructured::new(&bytes)).unwrap().to_bytes(), seed);
        look_at_all(command(seed), seed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_or_fail() {
    let mut looked_well = 0;
    for seed in RUN {
        let bytes = command(seed);
        looked_well += u32::from(look(bytes.clone()));
        let mut call = Call::of_module(module("generated", bytes.into()));
        call.grants.limits.cpu = Duration::from_millis(50);
        let ended = call.run_in(shared()).await;
        match ended.outcome {
            Outcome::Returned(..) | Outcome::Failed(..) | Outcome::LimitReached(..) => {}
            other => panic!("{seed}: {other:?}"),
        }
    }
    // The others use what is not served.
    assert!(looked_well > 50, "only {looked_well} are commands");
    Call::of("minimal").input("number", 41.0).run().await.returned();
}
