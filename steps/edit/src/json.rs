//! Editing JSON by its concrete syntax tree.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstNode, CstRootNode};
use stepwell_sdk::{Failure, serde_json};

use crate::difference::Edit;
use crate::format::unfit;
use crate::value_path::{Part, ValuePath};

/// Returns the values of a text. The library refuses what is nested deeper than 512 levels, members counted
/// as well.
pub(crate) fn read(text: &str, file: &str) -> Result<serde_json::Value, Failure> {
    parse(text, file)?
        .to_serde_value()
        .ok_or_else(|| Failure::failed(format!("`{file}` holds no value")).hint("an empty struct is `{}`"))
}

/// Returns the text with all edits done.
pub(crate) fn edit(text: &str, file: &str, edits: &[Edit]) -> Result<String, Failure> {
    let root = parse(text, file)?;
    for edit in edits {
        apply(&root, edit).ok_or_else(|| unfit(file, edit))?;
    }
    Ok(root.to_string())
}

fn parse(text: &str, file: &str) -> Result<CstRootNode, Failure> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    CstRootNode::parse(text, &options).map_err(|error| {
        Failure::failed(format!("`{file}`, line {}: this is not JSON", error.line_display())).cause(error.kind())
    })
}

/// Does one edit; none where there is no such place.
fn apply(root: &CstRootNode, edit: &Edit) -> Option<()> {
    match edit {
        Edit::Insert(path, index, value) => {
            find(root, &path.0)?.as_array()?.insert(*index, input(value));
        }
        Edit::Delete(path) => {
            let (last, above) = path.0.split_last()?;
            let above = find(root, above)?;
            match last {
                Part::Key(key) => above.as_object()?.get(key)?.remove(),
                Part::Index(index) => above.as_array()?.elements().into_iter().nth(*index)?.remove(),
            }
        }
        Edit::Set(ValuePath(parts), value) => match parts.split_last() {
            None => root.set_value(input(value)),
            Some((Part::Key(key), above)) => {
                let object = find(root, above)?.as_object()?;
                match object.get(key) {
                    Some(member) => member.set_value(input(value)),
                    None => {
                        object.append(key, input(value));
                    }
                }
            }
            Some((Part::Index(_), _)) => replace(&find(root, parts)?, input(value))?,
        },
    }
    Some(())
}

fn find(root: &CstRootNode, parts: &[Part]) -> Option<CstNode> {
    parts.iter().try_fold(root.value()?, |node, part| match part {
        Part::Key(key) => node.as_object()?.get(key)?.value(),
        Part::Index(index) => node.as_array()?.elements().into_iter().nth(*index),
    })
}

fn replace(node: &CstNode, value: CstInputValue) -> Option<()> {
    if let Some(object) = node.as_object() {
        object.replace_with(value);
    } else if let Some(array) = node.as_array() {
        array.replace_with(value);
    } else if let Some(text) = node.as_string_lit() {
        text.replace_with(value);
    } else if let Some(number) = node.as_number_lit() {
        number.replace_with(value);
    } else if let Some(boolean) = node.as_boolean_lit() {
        boolean.replace_with(value);
    } else {
        node.as_null_keyword()?.replace_with(value);
    }
    Some(())
}

fn input(value: &serde_json::Value) -> CstInputValue {
    match value {
        serde_json::Value::Null => CstInputValue::Null,
        serde_json::Value::Bool(boolean) => CstInputValue::Bool(*boolean),
        serde_json::Value::Number(number) => CstInputValue::Number(number.to_string()),
        serde_json::Value::String(text) => CstInputValue::String(text.clone()),
        serde_json::Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        serde_json::Value::Object(members) => {
            CstInputValue::Object(members.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
