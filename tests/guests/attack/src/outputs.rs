//! Completions that do not validate.

use stepwell_sdk::{Failure, Step, Value};

use crate::Answer;

/// One output of `count` KiB.
pub(crate) fn huge(count: u32) -> Result<Answer, Failure> {
    Ok(Answer::content("x".repeat((count as usize) << 10)))
}

pub(crate) fn wrong_type() -> Result<Answer, Failure> {
    Ok(Answer::default().with("content", Value::Number(1.0)).with("number", Value::Text("1".to_owned())))
}

pub(crate) fn undeclared() -> Result<Answer, Failure> {
    Ok(Answer::content("").with("surprise", Value::Boolean(true)))
}

pub(crate) fn missing() -> Result<Answer, Failure> {
    Ok(Answer::default().with("content", Value::Text(String::new())))
}

pub(crate) fn twice() -> Result<Answer, Failure> {
    Ok(Answer::content("one").with("content", Value::Text("two".to_owned())))
}

/// `count` outputs besides the declared ones.
pub(crate) fn too_many(count: u32) -> Result<Answer, Failure> {
    let more = |answer: Answer, number| answer.with(format!("output_{number}"), Value::Boolean(true));
    Ok((0..count).fold(Answer::content(""), more))
}

pub(crate) fn not_a_number() -> Result<Answer, Failure> {
    Ok(Answer::number(f64::NAN))
}

pub(crate) fn infinity() -> Result<Answer, Failure> {
    Ok(Answer::number(f64::INFINITY))
}

/// Null is left out by the SDK, so this one is a missing output spelled as a text that is none.
pub(crate) fn null() -> Result<Answer, Failure> {
    Ok(Answer::default().with("content", Value::Json("null".to_owned())).with("number", Value::Number(0.0)))
}

pub(crate) fn nul_character() -> Result<Answer, Failure> {
    Ok(Answer::content("a\0b"))
}

pub(crate) fn bad_name() -> Result<Answer, Failure> {
    Ok(Answer::content("").with("not a name\n", Value::Boolean(true)))
}

/// An array `count` deep.
pub(crate) fn deep_json(count: u32) -> Result<Answer, Failure> {
    json(format!("{}{}", "[".repeat(count as usize), "]".repeat(count as usize)))
}

pub(crate) fn bad_json() -> Result<Answer, Failure> {
    json("{\"open\":".to_owned())
}

pub(crate) fn duplicate_keys() -> Result<Answer, Failure> {
    json("{\"a\":1,\"a\":2}".to_owned())
}

/// Exports one variable of the given name.
pub(crate) fn export(step: &mut Step, name: &str) -> Result<Answer, Failure> {
    step.export(name, "from the guest");
    Ok(Answer::content(""))
}

pub(crate) fn many_exports(step: &mut Step, count: u32) -> Result<Answer, Failure> {
    (0..count).for_each(|number| step.export(format!("EXPORT_{number}"), "x"));
    Ok(Answer::number(f64::from(count)))
}

/// Exports one variable of `count` KiB.
pub(crate) fn huge_export(step: &mut Step, count: u32) -> Result<Answer, Failure> {
    step.export("HUGE", "x".repeat((count as usize) << 10));
    Ok(Answer::number(f64::from(count)))
}

fn json(text: String) -> Result<Answer, Failure> {
    Ok(Answer::default().with("content", Value::Json(text)).with("number", Value::Number(0.0)))
}
