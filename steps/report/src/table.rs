//! A table of values: rows of an array of structs, or one row for each name of a struct.

use serde_json::Value;
use stepwell_sdk::Failure;

/// Most rows that are shown.
const MAX_ROWS: usize = 10_000;

/// Most columns.
const MAX_COLUMNS: usize = 100;

/// Headings and rows, each of as many cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) headings: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Rows that are left out at the end.
    pub(crate) more: usize,
}

/// A value as a cell shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// Numbers stand to the right.
    pub(crate) is_number: bool,
}

impl Table {
    /// Returns the table of a value: an array of structs has a column for each name, those of the first struct by the
    /// alphabet, then what later ones add; anything else in it stands in a column `value`; a struct has the columns `name`
    /// and `value`.
    ///
    /// # Errors
    ///
    /// A failure, if the value is neither array nor struct, or a column is asked for that there cannot be.
    pub(crate) fn new(value: &Value, columns: Option<&[String]>) -> Result<Self, Failure> {
        match value {
            Value::Array(items) => Self::of_items(items, columns),
            Value::Object(_) if columns.is_some() => {
                Err(Failure::invalid_input("`columns` belongs to a `table` that is an array"))
            }
            Value::Object(fields) => {
                let row = |(name, value): (&String, &Value)| {
                    vec![Cell { text: name.clone(), is_number: false }, Cell::new(value)]
                };
                let rows = fields.iter().take(MAX_ROWS).map(row).collect();
                let headings = ["name", "value"].map(str::to_owned).to_vec();
                Ok(Self { headings, rows, more: fields.len().saturating_sub(MAX_ROWS) })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err(Failure::invalid_input("`table` is neither an array nor a struct"))
            }
        }
    }

    fn of_items(items: &[Value], columns: Option<&[String]>) -> Result<Self, Failure> {
        let headings = match columns {
            Some(columns) => columns.to_vec(),
            None => headings(items),
        };
        if headings.len() > MAX_COLUMNS {
            let problem = format!("the table has more than {MAX_COLUMNS} columns");
            return Err(Failure::invalid_input(problem).hint("name those to show in `columns`"));
        }
        let row = |item: &Value| match item {
            Value::Object(fields) => {
                headings.iter().map(|name| fields.get(name).map(Cell::new).unwrap_or_default()).collect()
            }
            other => {
                let mut row = vec![Cell::default(); headings.len()];
                if let Some(cell) = headings.iter().position(|name| name == VALUE).and_then(|place| row.get_mut(place))
                {
                    *cell = Cell::new(other);
                }
                row
            }
        };
        let rows = items.iter().take(MAX_ROWS).map(row).collect();
        Ok(Self { headings, rows, more: items.len().saturating_sub(MAX_ROWS) })
    }
}

/// The column of items that are no structs.
const VALUE: &str = "value";

fn headings(items: &[Value]) -> Vec<String> {
    let mut headings: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if headings.len() <= MAX_COLUMNS && !headings.iter().any(|known| known == name) {
            headings.push(name.to_owned());
        }
    };
    for item in items.iter().take(MAX_ROWS) {
        match item {
            Value::Object(fields) => fields.keys().for_each(|name| add(name)),
            _ => add(VALUE),
        }
    }
    headings
}

impl Cell {
    fn new(value: &Value) -> Self {
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self { text, is_number: value.is_number() }
    }
}
