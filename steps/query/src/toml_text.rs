//! TOML texts to values. Dates are texts, as JSON has none.

use jaq_json::{Num, Val};
use stepwell_sdk::Failure;
use toml::Table;

use crate::value;

/// Reads one document. The library refuses what is nested too deeply.
pub(crate) fn read(text: &str, place: &str) -> Result<Val, Failure> {
    match text.parse::<Table>() {
        Ok(table) => Ok(of_table(table)),
        Err(error) => {
            let line = value::line(text.as_bytes(), error.span().map_or(0, |span| span.start));
            Err(Failure::failed(format!("{place}, line {line}: this is not TOML")).cause(error.message()))
        }
    }
}

fn of_table(table: Table) -> Val {
    Val::obj(table.into_iter().map(|(key, value)| (Val::from(key), of_value(value))).collect())
}

fn of_value(value: toml::Value) -> Val {
    match value {
        toml::Value::String(text) => Val::from(text),
        toml::Value::Integer(number) => Val::Num(Num::from_integral(number)),
        toml::Value::Float(number) => Val::from(number),
        toml::Value::Boolean(boolean) => Val::from(boolean),
        toml::Value::Datetime(time) => Val::from(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(of_value).collect(),
        toml::Value::Table(table) => of_table(table),
    }
}
