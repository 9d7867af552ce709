//! Greets somebody.

use stepwell_sdk::prelude::*;

#[derive(Input)]
struct Greeting {
    /// who is greeted
    name: String,
}

#[derive(Debug, Output)]
struct Greeted {
    /// the greeting
    text: String,
}

/// Greets somebody.
#[step]
fn run(input: Greeting, step: &mut Step) -> Result<Greeted, Failure> {
    if input.name.is_empty() {
        return Err(Failure::invalid_input("`name` is empty"));
    }
    step.info(format!("greeting {}", input.name));
    Ok(Greeted { text: format!("Hello, {}!", input.name) })
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::fake::Fake;

    use super::*;

    #[test]
    fn greets() {
        let greeted = run(Greeting { name: "Ada".to_owned() }, &mut Fake::new(".").step());
        assert_eq!(greeted.expect("it greets").text, "Hello, Ada!");
    }
}
