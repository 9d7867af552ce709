//! What the macros refuse, and how they say it. What they accept is tested by `stepwell-sdk`.

use proc_macro2::TokenStream;

use crate::{attribute, record};

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the test's own text is Rust")
}

fn message(result: syn::Result<TokenStream>) -> String {
    result.expect_err("it is refused").to_string()
}

#[test]
fn inputs_that_are_none() {
    #[track_caller]
    fn check(item: &str, expected: &str) {
        assert_eq!(message(record::expand_input(tokens(item))), expected);
    }
    check("enum In { A }", "inputs are the named fields of a struct");
    check("struct In(String);", "inputs are the named fields of a struct");
    check(
        "struct In { #[input(optional)] a: String }",
        "unknown key; an input knows `name`, `default` and `sensitive`",
    );
    check(
        "struct In { #[input(default = 1 + 1)] a: u8 }",
        "a default is a literal text, number or boolean, `[]` or `{}`",
    );
    check("struct In { #[input(name = \"b\")] a: u8, b: u8 }", "there are two inputs named `b`");
    check(
        "struct In { #[input(name = \"a-b\")] a: u8 }",
        "`a-b` is no name: letters, digits and `_`, at most 128, no digit first",
    );
}

#[test]
fn outputs_that_are_none() {
    #[track_caller]
    fn check(item: &str, expected: &str) {
        assert_eq!(message(record::expand_output(tokens(item))), expected);
    }
    check("union Out { a: u8 }", "outputs are the named fields of a struct");
    check("struct Out { #[output(default = 1)] a: u8 }", "unknown key; an output knows `name` and `sensitive`");
}

#[test]
fn functions_that_are_no_step() {
    #[track_caller]
    fn check(function: &str) {
        let form = "a step is `fn run(input: Inputs, step: &mut Step) -> Result<Outputs, Failure>`";
        assert_eq!(message(attribute::expand(TokenStream::new(), tokens(function))), form, "{function}");
    }
    check("fn run() -> Result<Out, Failure> { }");
    check("fn run(input: In) -> Result<Out, Failure> { }");
    check("fn run(input: In, step: &mut Step, more: u8) -> Result<Out, Failure> { }");
    check("fn run(input: In, step: &mut Step) { }");
    check("async fn run(input: In, step: &mut Step) -> Result<Out, Failure> { }");
    check("fn run<T>(input: T, step: &mut Step) -> Result<Out, Failure> { }");
    check("fn run(&self, step: &mut Step) -> Result<Out, Failure> { }");
    let function = tokens("fn run(input: In, step: &mut Step) -> Result<Out, Failure> { }");
    assert_eq!(message(attribute::expand(tokens("name = 1"), function)), "`#[step]` takes no arguments");
}
