//! JSON texts to values. Texts in a value are parts of the text that was read, so that they cost no copy.

use bytes::Bytes;
use hifijson::token::{Expect, Lex as _};
use hifijson::{Error, SliceLexer, num::LexWrite as _, str::LexAlloc as _};
use jaq_json::{Map, Num, Rc, Val};
use stepwell_sdk::Failure;

use crate::depth::MAX_DEPTH;
use crate::value;

/// Reads values one behind the other and hands each on. The first line of the text has the given number.
pub(crate) fn read(
    text: &Bytes,
    place: &str,
    first_line: usize,
    found: &mut dyn FnMut(Val) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut lexer = SliceLexer::new(text);
    while let Some(next) = lexer.ws_peek() {
        let value = read_value(text, next, &mut lexer, MAX_DEPTH).map_err(|error| {
            let line = first_line - 1 + value::line(text, text.len() - lexer.as_slice().len());
            match error {
                Error::Depth => Failure::failed(format!("{place}, line {line}: this is nested too deeply"))
                    .cause(format!("at most {MAX_DEPTH} levels are read")),
                error => Failure::failed(format!("{place}, line {line}: this is not JSON")).cause(error),
            }
        })?;
        found(value)?;
    }
    Ok(())
}

/// Reads the value that begins with a character, nested at most so deeply.
fn read_value(text: &Bytes, next: u8, lexer: &mut SliceLexer<'_>, depth: usize) -> Result<Val, Error> {
    match next {
        b'a'..=b'z' => Ok(lexer.null_or_bool().ok_or(Expect::Value)?.map_or(Val::Null, Val::Bool)),
        b'0'..=b'9' | b'-' => {
            let (number, parts) = lexer.num_string().validated()?;
            let whole = if parts.is_int() { Num::from_str_radix(number, 10) } else { None };
            Ok(Val::Num(whole.unwrap_or_else(|| Num::Dec(Rc::new(number.to_owned())))))
        }
        b'"' => read_text(text, lexer.discarded()),
        b'[' => {
            let depth = depth.checked_sub(1).ok_or(Error::Depth)?;
            let mut items = Vec::new();
            lexer.discarded().seq(b']', SliceLexer::ws_peek, |next, lexer| {
                items.push(read_value(text, next, lexer, depth)?);
                Ok::<_, Error>(())
            })?;
            Ok(Val::Arr(Rc::new(items)))
        }
        b'{' => {
            let depth = depth.checked_sub(1).ok_or(Error::Depth)?;
            let mut members = Map::default();
            lexer.discarded().seq(b'}', SliceLexer::ws_peek, |next, lexer| {
                lexer.expect(|_| Some(next), b'"').ok_or(Expect::String)?;
                let key = read_text(text, lexer)?;
                lexer.expect(SliceLexer::ws_peek, b':').ok_or(Expect::Colon)?;
                let next = lexer.ws_peek().ok_or(Expect::Value)?;
                members.insert(key, read_value(text, next, lexer, depth)?);
                Ok::<_, Error>(())
            })?;
            Ok(Val::obj(members))
        }
        _ => Err(Expect::Value)?,
    }
}

/// Reads what stands behind an opening quote. Only a text with escapes is one of its own.
fn read_text(text: &Bytes, lexer: &mut SliceLexer<'_>) -> Result<Val, Error> {
    let read = lexer.str_string().map_err(Error::Str)?;
    Ok(match read {
        std::borrow::Cow::Borrowed(part) => Val::utf8_str(text.slice_ref(part.as_bytes())),
        std::borrow::Cow::Owned(own) => Val::utf8_str(own),
    })
}
