//! `k=v,k=v`, as GitLab's engine takes it in a flag.

/// Splits a flag's text. With one `=` in it the text is one pair, whose value may hold commas; with more it is pairs with
/// commas between them, and a pair with a comma in it stands in double quotes, in which `""` is a quote.
///
/// # Errors
/// A pair without `=`, or a quote that is not closed.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let items = if text.matches('=').count() == 1 { vec![text.to_owned()] } else { split(text)? };
    items
        .iter()
        .map(|item| match item.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.to_owned())),
            None => Err(format!("`{item}` must be formatted as key=value")),
        })
        .collect()
}

fn split(text: &str) -> Result<Vec<String>, String> {
    let mut items = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let item = items.last_mut().expect("there is always one");
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => item.extend(characters.next()),
            '"' if quoted || item.is_empty() => quoted = !quoted,
            ',' if !quoted => items.push(String::new()),
            other => item.push(other),
        }
    }
    if quoted { Err("a double quote is not closed".to_owned()) } else { Ok(items) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[test]
    fn pairs() {
        check("", &[]);
        check("a=1", &[("a", "1")]);
        check("a=1,2", &[("a", "1,2")]);
        check("a=1,b=", &[("a", "1"), ("b", "")]);
        check("a=x=y,b=2", &[("a", "x=y"), ("b", "2")]);
        check(r#""a=1,2",b=3"#, &[("a", "1,2"), ("b", "3")]);
        check(r#""a=""q""",b=3"#, &[("a", "\"q\""), ("b", "3")]);
        check(r#"a={"k": 1},b=3"#, &[("a", r#"{"k": 1}"#), ("b", "3")]);
    }

    #[test]
    fn what_is_no_pair() {
        for wrong in ["a", "a=1,b=2,c", r#""a=1,b=2"#] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
