//! Misbehaves on request: the input `what` chooses how.
//!
//! Where an attempt is refused with an error the guest can see, the step fails with it; where it gets through, the step
//! succeeds and `content` or `number` says how far it came. So a success is what a test must not see.

#![deny(unsafe_code)]

mod ends;
mod files;
mod limits;
mod outputs;
#[expect(unsafe_code, reason = "links, random bytes and wild pointers are the C library's")]
mod words;

use stepwell_sdk::{Failure, Input, IntoValue, Output, OutputItems, Step, Value, step};

#[derive(Input)]
struct Request {
    /// Which attack; README.md lists them.
    what: String,
    /// A path, for those that take one.
    #[input(default = "")]
    path: String,
    /// How many or how much, for those that count.
    #[input(default = 0)]
    count: u32,
}

/// What came of it: outputs as they are, without the checks of the SDK.
#[derive(Default)]
struct Answer(Vec<(String, Value)>);

impl Answer {
    fn content(content: impl Into<String>) -> Self {
        Self::default().with("content", Value::Text(content.into())).with("number", Value::Number(0.0))
    }

    fn number(number: f64) -> Self {
        Self::default().with("content", Value::Text(String::new())).with("number", Value::Number(number))
    }

    fn with(mut self, name: impl Into<String>, value: Value) -> Self {
        self.0.push((name.into(), value));
        self
    }
}

impl Output for Answer {
    const SPEC: &'static [&'static str] = &[r#""content":{"type":"string"},"number":{"type":"number"}"#];

    fn into_items(self) -> Result<OutputItems, Failure> {
        let mut items = OutputItems::default();
        self.0.into_iter().try_for_each(|(name, value)| items.put(&name, Unchecked(value)))?;
        Ok(items)
    }
}

/// Crosses the boundary as it is.
struct Unchecked(Value);

impl IntoValue for Unchecked {
    const TYPE: &'static str = "string";

    fn into_value(self) -> Result<Value, String> {
        Ok(self.0)
    }
}

/// Misbehaves.
#[step]
fn run(request: Request, step: &mut Step) -> Result<Answer, Failure> {
    let Request { what, path, count } = &request;
    match what.as_str() {
        "words" => act_out(path),
        "none" => Ok(Answer::content("well-behaved")),

        "read-path" => files::read(step, path),
        "read-std" => files::read_std(path),
        "read-raw" => files::read_raw(path),
        "write-path" => files::write(step, path),
        "write-raw" => files::write_raw(path),
        "list" => files::list(step, path),
        "remove" => files::remove(step, path),
        "symlink" => files::symlink_then_read(path),
        "hard-link" => files::hard_link(path),
        "preopens" => files::preopens(),
        "fill" => files::fill(step, path, *count),
        "many-files" => files::many(step, path, *count),
        "environment" => files::environment(),

        "loop" => limits::endless(),
        "loop-host-calls" => limits::endless_host_calls(step),
        "sleep" => limits::sleep(),
        "recurse" => limits::recurse(),
        "recurse-in-memory" => limits::recurse_in_memory(),
        "grow" => limits::grow(),
        "grow-and-fail" => limits::grow_and_fail(),
        "exhaust" => limits::exhaust(),
        "flood-log" => limits::flood_log(step, *count),
        "flood-stdout" => limits::flood_stdout(*count),
        "long-line" => limits::long_line(*count),
        "groups" => limits::groups(step, *count),
        "masks" => limits::masks(step, *count),
        "remaining" => limits::remaining(step),
        "progress" => limits::progress(step, *count),
        "handles" => limits::handles(*count),
        "random" => limits::random(*count),

        "huge-output" => outputs::huge(*count),
        "wrong-type" => outputs::wrong_type(),
        "undeclared" => outputs::undeclared(),
        "missing" => outputs::missing(),
        "twice" => outputs::twice(),
        "too-many" => outputs::too_many(*count),
        "nan" => outputs::not_a_number(),
        "infinity" => outputs::infinity(),
        "null" => outputs::null(),
        "nul" => outputs::nul_character(),
        "bad-name" => outputs::bad_name(),
        "deep-json" => outputs::deep_json(*count),
        "bad-json" => outputs::bad_json(),
        "duplicate-keys" => outputs::duplicate_keys(),
        "export" => outputs::export(step, path),
        "many-exports" => outputs::many_exports(step, *count),
        "huge-export" => outputs::huge_export(step, *count),

        "fail" => ends::fail(),
        "fail-huge" => ends::fail_huge(*count),
        "claim-cancelled" => ends::claim_cancelled(),
        "exit" => ends::exit(*count),
        "panic" => ends::panic(),
        "abort" => ends::abort(),
        "divide" => ends::divide(*count),
        "index" => ends::index(*count),

        other => Err(Failure::invalid_input(format!("unknown attack `{other}`"))),
    }
}

fn act_out(words: &str) -> Result<Answer, Failure> {
    words::act_all(words.split_whitespace().map(str::to_owned)).map_err(Failure::failed)?;
    Ok(Answer::content("got through"))
}
