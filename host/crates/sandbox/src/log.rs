//! `stepwell:step/log`: structured log lines.

use crate::bindings::stepwell::step::log::{Host, Level};
use crate::state::{Preview2, State};

impl Host for State<Preview2> {
    fn emit(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.log.record(converted(level), &message, fields);
        Ok(())
    }

    fn open_group(&mut self, title: String) -> wasmtime::Result<()> {
        self.log.open_group(&title);
        Ok(())
    }

    fn close_group(&mut self) -> wasmtime::Result<()> {
        self.log.close_group();
        Ok(())
    }

    fn progress(&mut self, done: u64, total: Option<u64>, label: String) -> wasmtime::Result<()> {
        self.log.progress(done, total, &label);
        Ok(())
    }

    fn mask(&mut self, text: String) -> wasmtime::Result<()> {
        self.log.mask(&text);
        Ok(())
    }
}

fn converted(level: Level) -> stepwell_run::Level {
    match level {
        Level::Trace => stepwell_run::Level::Trace,
        Level::Debug => stepwell_run::Level::Debug,
        Level::Info => stepwell_run::Level::Info,
        Level::Warn => stepwell_run::Level::Warn,
        Level::Error => stepwell_run::Level::Error,
    }
}
