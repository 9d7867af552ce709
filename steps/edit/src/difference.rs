//! The differences between two values, as edits that are done one after the other.

use stepwell_sdk::serde_json::Value;

use crate::value_path::{Part, ValuePath};

/// One edit. Paths are those at the time of the edit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Edit {
    /// Replaces a value, or adds a member to a struct.
    Set(ValuePath, Value),
    /// Adds an item to an array, before the one that has the index.
    Insert(ValuePath, usize, Value),
    /// Takes a member or an item out.
    Delete(ValuePath),
}

/// Returns the edits that turn one value into the other. What is equal is not touched.
pub(crate) fn between(before: &Value, after: &Value) -> Vec<Edit> {
    let mut edits = Vec::new();
    differ(&ValuePath::default(), before, after, &mut edits);
    edits
}

fn differ(path: &ValuePath, before: &Value, after: &Value, edits: &mut Vec<Edit>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                edits.push(Edit::Delete(path.then(Part::Key(key.clone()))));
            }
            for (key, value) in new {
                let path = path.then(Part::Key(key.clone()));
                match old.get(key) {
                    Some(before) => differ(&path, before, value, edits),
                    None => edits.push(Edit::Set(path, value.clone())),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => differ_items(path, old, new, edits),
        (_, after) => edits.push(Edit::Set(path.clone(), after.clone())),
    }
}

/// What is equal at the start and at the end stays; what lies between is edited in pairs, then deleted or added.
fn differ_items(path: &ValuePath, old: &[Value], new: &[Value], edits: &mut Vec<Edit>) {
    let start = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    let both = old.len().min(new.len());
    for (place, (one, other)) in old.iter().zip(new).enumerate() {
        differ(&path.then(Part::Index(start + place)), one, other, edits);
    }
    // From behind, so that no index moves under the next.
    edits.extend((both..old.len()).rev().map(|place| Edit::Delete(path.then(Part::Index(start + place)))));
    edits.extend(
        new[both..]
            .iter()
            .enumerate()
            .map(|(place, item)| Edit::Insert(path.clone(), start + both + place, item.clone())),
    );
}
