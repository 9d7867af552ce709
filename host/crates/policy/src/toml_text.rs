//! Settings and expectations are TOML: texts as tables in which every value is asked for by its key, every mistake has a
//! place, and what nobody asks for is a mistake.

use std::sync::Arc;

use stepwell_schema::{Place, Problem, Problems, Source, Span, did_you_mean};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::code;

/// A text that is being read, with what is wrong with it so far.
pub(crate) struct TomlText {
    source: Arc<Source>,
    problems: Problems,
}

/// What is wanted of a value, for people: what it must be, and an example.
pub(crate) struct Wanted {
    pub(crate) what: &'static str,
    pub(crate) example: &'static str,
}

impl TomlText {
    /// Reads a whole text by a function, and returns what that made of it.
    ///
    /// # Errors
    /// All problems, in the order of the text: its own, or else those that the function put in.
    pub(crate) fn read<T>(
        source: &Arc<Source>,
        read: impl FnOnce(&mut Self, &DeTable<'_>) -> T,
    ) -> Result<T, Problems> {
        let mut text = Self { source: Arc::clone(source), problems: Problems::default() };
        let (table, errors) = DeTable::parse_recoverable(source.text());
        for error in errors {
            let span = error.span().unwrap_or_default();
            text.push(code::SETTINGS_SYNTAX, error.message(), Span::new(span.start, span.end), None);
        }
        // What is wrong with the rest of a broken text may follow from that.
        if text.problems.has_errors() {
            return Err(text.problems);
        }
        let read = read(&mut text, table.get_ref());
        text.problems.0.sort_by_key(|problem| problem.labels.first().map(|label| label.place.span));
        if text.problems.has_errors() { Err(text.problems) } else { Ok(read) }
    }

    pub(crate) fn push(&mut self, code: &'static str, message: impl Into<String>, span: Span, help: Option<String>) {
        let problem = Problem::error(code, message.into()).at(Place::new(Arc::clone(&self.source), span), "");
        self.problems.push(Problem { help, ..problem });
    }

    pub(crate) fn place(&self, span: Span) -> Place {
        Place::new(Arc::clone(&self.source), span)
    }

    /// Refuses the keys of a table that are not known.
    pub(crate) fn only(&mut self, table: &DeTable<'_>, known: &[&'static str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let help = match did_you_mean(key.get_ref(), known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known keys: {}", known.join(", ")),
            };
            self.push(code::UNKNOWN_SETTING, format!("unknown key `{}`", key.get_ref()), span(key), Some(help));
        }
    }

    /// Returns what `read` makes of the value of a key. None where the key is missing, and where the value is not what is
    /// wanted, which is a problem then.
    pub(crate) fn value<'v, 't, T>(
        &mut self,
        table: &'v DeTable<'t>,
        key: &str,
        wanted: &Wanted,
        read: impl FnOnce(&'v DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = table.get(key)?;
        let found = read(value.get_ref());
        if found.is_none() {
            let message = format!("`{key}` must be {}", wanted.what);
            self.push(code::SETTING_VALUE, message, span(value), Some(format!("such as `{}`", wanted.example)));
        }
        found
    }

    /// Returns the text of a key.
    pub(crate) fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<String> {
        let wanted = Wanted { what: "a text", example: "\"a\"" };
        self.value(table, key, &wanted, |value| value.as_str().map(str::to_owned))
    }

    /// Returns the texts of a key.
    pub(crate) fn texts(&mut self, table: &DeTable<'_>, key: &str) -> Option<Vec<String>> {
        let wanted = Wanted { what: "a list of texts", example: "[\"a\"]" };
        self.value(table, key, &wanted, |value| {
            value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// Returns the whole number of a key.
    pub(crate) fn number(&mut self, table: &DeTable<'_>, key: &str) -> Option<u64> {
        self.value(table, key, &Wanted { what: "a whole number from 0 up", example: "100" }, whole)
    }
}

/// Returns a whole number from 0 up, written in decimal digits.
pub(crate) fn whole(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer().filter(|number| number.radix() == 10)?;
    number.as_str().trim_start_matches('+').parse().ok()
}

/// Returns where a value stands.
pub(crate) fn span<T>(value: &Spanned<T>) -> Span {
    let range = value.span();
    Span::new(range.start, range.end)
}
