//! Editing TOML by its document tree.

use stepwell_sdk::{Failure, serde_json};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

use crate::difference::Edit;
use crate::format::unfit;
use crate::value_path::{Part, ValuePath};

/// Returns the values of a text, dates as texts. The library refuses what is nested too deeply.
pub(crate) fn read(text: &str, file: &str) -> Result<serde_json::Value, Failure> {
    Ok(of_table(parse(text, file)?.as_table()))
}

/// Returns the text with all edits done.
pub(crate) fn edit(text: &str, file: &str, edits: &[Edit]) -> Result<String, Failure> {
    let mut document = parse(text, file)?;
    for edit in edits {
        let (Edit::Set(path, value) | Edit::Insert(path, _, value)) = edit else {
            apply(document.as_table_mut(), edit).ok_or_else(|| unfit(file, edit))?;
            continue;
        };
        if has_null(value) {
            return Err(Failure::failed(format!("cannot set `{path}` in `{file}`: TOML has no null")));
        }
        apply(document.as_table_mut(), edit).ok_or_else(|| unfit(file, edit))?;
    }
    Ok(document.to_string())
}

fn parse(text: &str, file: &str) -> Result<DocumentMut, Failure> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        Failure::failed(format!("`{file}`, line {line}: this is not TOML")).cause(error.message())
    })
}

fn of_table(table: &Table) -> serde_json::Value {
    table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect::<serde_json::Map<_, _>>().into()
}

fn of_item(item: &Item) -> serde_json::Value {
    match item {
        Item::None => serde_json::Value::Null,
        Item::Value(value) => of_value(value),
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(tables) => tables.iter().map(of_table).collect::<Vec<_>>().into(),
    }
}

fn of_value(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.value().clone().into(),
        Value::Integer(number) => (*number.value()).into(),
        Value::Float(number) if number.value().is_finite() => (*number.value()).into(),
        // JSON has neither infinities nor dates; as texts they can still be compared.
        Value::Float(number) => number.value().to_string().into(),
        Value::Datetime(time) => time.value().to_string().into(),
        Value::Boolean(boolean) => (*boolean.value()).into(),
        Value::Array(items) => items.iter().map(of_value).collect::<Vec<_>>().into(),
        Value::InlineTable(table) => {
            table.iter().map(|(key, value)| (key.to_owned(), of_value(value))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

/// A place in a document.
enum Place<'d> {
    Table(&'d mut Table),
    Tables(&'d mut ArrayOfTables),
    Inline(&'d mut InlineTable),
    Array(&'d mut Array),
}

impl<'d> Place<'d> {
    fn of_item(item: &'d mut Item) -> Option<Self> {
        match item {
            Item::Table(table) => Some(Self::Table(table)),
            Item::ArrayOfTables(tables) => Some(Self::Tables(tables)),
            Item::Value(value) => Self::of_value(value),
            Item::None => None,
        }
    }

    fn of_value(value: &'d mut Value) -> Option<Self> {
        match value {
            Value::Array(array) => Some(Self::Array(array)),
            Value::InlineTable(table) => Some(Self::Inline(table)),
            Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => None,
        }
    }

    fn down(self, part: &Part) -> Option<Self> {
        match (self, part) {
            (Self::Table(table), Part::Key(key)) => Self::of_item(table.get_mut(key)?),
            (Self::Inline(table), Part::Key(key)) => Self::of_value(table.get_mut(key)?),
            (Self::Tables(tables), Part::Index(index)) => tables.get_mut(*index).map(Self::Table),
            (Self::Array(array), Part::Index(index)) => Self::of_value(array.get_mut(*index)?),
            _ => None,
        }
    }

    fn set(self, part: &Part, value: &serde_json::Value) -> Option<()> {
        match (self, part) {
            (Self::Table(table), Part::Key(key)) => match table.get_mut(key) {
                Some(Item::Value(old)) => replace(old, value),
                Some(old) => *old = item(value),
                None => {
                    table.insert(key, item(value));
                }
            },
            (Self::Inline(table), Part::Key(key)) => match table.get_mut(key) {
                Some(old) => replace(old, value),
                None => {
                    table.insert(key, inline(value));
                }
            },
            (Self::Array(array), Part::Index(index)) => replace(array.get_mut(*index)?, value),
            (Self::Tables(tables), Part::Index(index)) => *tables.get_mut(*index)? = table(value)?,
            _ => return None,
        }
        Some(())
    }

    fn insert(self, index: usize, value: &serde_json::Value) -> Option<()> {
        match self {
            Self::Array(array) if index <= array.len() => array.insert(index, inline(value)),
            Self::Tables(tables) if index == tables.len() => tables.push(table(value)?),
            Self::Array(_) | Self::Tables(_) | Self::Table(_) | Self::Inline(_) => return None,
        }
        Some(())
    }

    fn delete(self, part: &Part) -> Option<()> {
        match (self, part) {
            (Self::Table(table), Part::Key(key)) => table.remove(key).map(|_| ()),
            (Self::Inline(table), Part::Key(key)) => table.remove(key).map(|_| ()),
            (Self::Array(array), Part::Index(index)) if *index < array.len() => {
                array.remove(*index);
                Some(())
            }
            (Self::Tables(tables), Part::Index(index)) if *index < tables.len() => {
                tables.remove(*index);
                Some(())
            }
            _ => None,
        }
    }
}

/// Does one edit; none where there is no such place.
fn apply(root: &mut Table, edit: &Edit) -> Option<()> {
    match edit {
        Edit::Insert(path, index, value) => down(root, &path.0)?.insert(*index, value),
        Edit::Set(ValuePath(parts), value) => {
            let (last, above) = parts.split_last()?;
            down(root, above)?.set(last, value)
        }
        Edit::Delete(path) => {
            let (last, above) = path.0.split_last()?;
            down(root, above)?.delete(last)
        }
    }
}

fn down<'d>(root: &'d mut Table, parts: &[Part]) -> Option<Place<'d>> {
    parts.iter().try_fold(Place::Table(root), Place::down)
}

/// Replaces a value and keeps what stands around it.
fn replace(old: &mut Value, new: &serde_json::Value) {
    let decor = old.decor().clone();
    *old = inline(new);
    *old.decor_mut() = decor;
}

fn has_null(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Array(items) => items.iter().any(has_null),
        serde_json::Value::Object(members) => members.values().any(has_null),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) | serde_json::Value::String(_) => false,
    }
}

/// Returns a value as it stands in a table: a struct is a table of its own.
fn item(value: &serde_json::Value) -> Item {
    table(value).map_or_else(|| Item::Value(inline(value)), Item::Table)
}

fn table(value: &serde_json::Value) -> Option<Table> {
    let mut table = Table::new();
    for (key, value) in value.as_object()? {
        table.insert(key, item(value));
    }
    Some(table)
}

/// Returns a value as it stands on one line. Nulls were refused before.
fn inline(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(""),
        serde_json::Value::Bool(boolean) => Value::from(*boolean),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::from(number.as_f64().unwrap_or_default()), Value::from)
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(inline).collect()),
        serde_json::Value::Object(members) => {
            Value::InlineTable(members.iter().map(|(key, value)| (key.as_str(), inline(value))).collect())
        }
    }
}
