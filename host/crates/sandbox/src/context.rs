//! `stepwell:step/context`: facts about the call.

use crate::bindings::stepwell::step::context::{Host, Info};
use crate::state::{Preview2, State};

impl Host for State<Preview2> {
    fn get(&mut self) -> wasmtime::Result<Info> {
        Ok(Info {
            step: self.facts.step.clone(),
            invocation: self.facts.invocation.clone(),
            attempt: self.facts.attempt,
        })
    }

    fn granted(&mut self, capability: String) -> wasmtime::Result<bool> {
        Ok(self.facts.capabilities.contains(&capability))
    }
}
