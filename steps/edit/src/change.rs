//! What is asked, done to values.

use stepwell_sdk::Failure;
use stepwell_sdk::serde_json::{Map, Value};

use crate::Request;
use crate::value_path::{Part, ValuePath};

/// Deletes, merges and sets, in this order.
pub(crate) fn apply(request: &Request, mut whole: Value) -> Result<Value, Failure> {
    for text in &request.delete {
        delete(&mut whole, &ValuePath::parse("delete", text)?);
    }
    if !request.merge.is_empty() {
        if !whole.is_object() {
            return Err(Failure::invalid_input(format!("input `merge` is given, but the file holds {}", kind(&whole))));
        }
        merge(&mut whole, &request.merge);
    }
    for (text, value) in &request.set {
        set(&mut whole, &ValuePath::parse("set", text)?, value)?;
    }
    Ok(whole)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "a struct",
    }
}

fn delete(whole: &mut Value, path: &ValuePath) {
    let Some((last, above)) = path.0.split_last() else { return };
    let mut place = whole;
    for part in above {
        let next = match (place, part) {
            (Value::Object(members), Part::Key(key)) => members.get_mut(key),
            (Value::Array(items), Part::Index(index)) => items.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return };
        place = next;
    }
    match (place, last) {
        (Value::Object(members), Part::Key(key)) => {
            members.remove(key);
        }
        (Value::Array(items), Part::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

/// Merges as RFC 7396 has it: structs member by member, null deletes, anything else replaces.
fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, value) in patch {
        match value {
            Value::Null => {
                members.remove(key);
            }
            Value::Object(inner) => merge(members.entry(key).or_insert(Value::Null), inner),
            other => {
                members.insert(key.clone(), other.clone());
            }
        }
    }
}

/// Sets a value. Structs above it that are missing are made; an item behind the last one of an array is added.
fn set(whole: &mut Value, path: &ValuePath, value: &Value) -> Result<(), Failure> {
    let mut place = whole;
    for (depth, part) in path.0.iter().enumerate() {
        let above = || match depth {
            0 => "the file".to_owned(),
            depth => format!("`{}`", ValuePath(path.0[..depth].to_vec())),
        };
        let found = kind(place);
        place = match (place, part) {
            (Value::Object(members), Part::Key(key)) => {
                let missing = if depth + 1 == path.0.len() { Value::Null } else { empty(&path.0[depth + 1]) };
                members.entry(key).or_insert(missing)
            }
            (Value::Array(items), Part::Index(index)) => {
                let length = items.len();
                if *index == length {
                    items.push(path.0.get(depth + 1).map_or(Value::Null, empty));
                }
                items.get_mut(*index).ok_or_else(|| {
                    Failure::failed(format!("cannot set `{path}`: {} has {length} items, counted from 0", above()))
                })?
            }
            (_, Part::Key(_)) => {
                return Err(Failure::failed(format!("cannot set `{path}`: {} is {found}, not a struct", above())));
            }
            (_, Part::Index(_)) => {
                return Err(Failure::failed(format!("cannot set `{path}`: {} is {found}, not an array", above())));
            }
        };
    }
    place.clone_from(value);
    Ok(())
}

/// Returns what a part steps down from.
fn empty(part: &Part) -> Value {
    match part {
        Part::Key(_) => Value::Object(Map::new()),
        Part::Index(_) => Value::Array(Vec::new()),
    }
}
