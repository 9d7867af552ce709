//! `stepwell:step/secrets`: secrets by handle. No secret is passed to a job yet, so none can be opened; the interface
//! is there because every typed step may import it.

use wasmtime::component::Resource;

use crate::bindings::stepwell::step::secrets::{Denied, HeaderForm, Host, HostSecret};
use crate::state::{Preview2, State};

/// A secret that was opened. There is none.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Secret {}

impl Host for State<Preview2> {
    fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Secret>, Denied>> {
        self.log.denied("secret", &name);
        Ok(Err(Denied::Unknown))
    }
}

impl HostSecret for State<Preview2> {
    fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Result<String, Denied>> {
        match *self.wasi.table.get(&secret)? {}
    }

    fn header_value(&mut self, secret: Resource<Secret>, _form: HeaderForm) -> wasmtime::Result<String> {
        match *self.wasi.table.get(&secret)? {}
    }

    fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.wasi.table.delete(secret)?;
        Ok(())
    }
}
