//! What the macros refuse, and how they say it. What they accept is tested by `stepwell-sdk`.

use proc_macro2::TokenStream;

use crate::needs::Needs;
use crate::{attribute, record, value};

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
    assert_eq!(message(attribute::expand(tokens("name = 1"), function)), "`#[step]` takes `needs(…)` and nothing else");
}

/// Returns the message, and the text that it is told at: the line of the attribute from where the error begins.
fn refused(needs: &str) -> (String, String) {
    let function = tokens("fn run(input: In, step: &mut Step) -> Result<Out, Failure> { }");
    let text = format!("needs({needs})");
    let error = attribute::expand(tokens(&text), function).expect_err("it is refused");
    let place = error.span().start().column;
    (error.to_string(), text.chars().skip(place).collect())
}

#[test]
fn needs_that_no_function_file_could_say() {
    #[track_caller]
    fn check(needs: &str, place: &str, expected: &str) {
        let (message, at) = refused(needs);
        assert_eq!(message, expected, "{needs}");
        assert!(at.starts_with(place), "{needs}: told at `{at}`");
    }
    let known = "a function needs `read`, `write`, `env`, `http`, `secret`, `clock`, `random` and `limits`";
    check("files(\"a\")", "files", known);
    check("read", "read", "write what is needed in parentheses: `read(…)`");
    check("read()", "read", "`read` begins with a folder of the work dir, as a text");
    check("read(\"\")", "\"\"", "a path is not empty; the work dir itself is `.`");
    let outside = "a path is relative to the job's work dir, which is all that can be asked for";
    check("read(\"/etc\")", "\"/etc", outside);
    let outside = "a path with `..` leaves the job's work dir, which is all that can be asked for";
    check("write(\"a/../b\")", "\"a/", outside);
    check("read(\"${{ inputs.a\")", "\"$", "an expression ends with `}}`");
    let keys = "`read` knows `reason = \"…\"` and `optional`, each once";
    check("read(\"a\", bytes = \"1MiB\")", "bytes", keys);
    check("read(\"a\", optional, optional)", "optional)", keys);
    let size = "a size is a text such as `\"64MiB\"` or `\"500KB\"`";
    check("write(\"a\", bytes = \"64 megs\")", "\"64 megs", size);
    check("write(\"a\", files = \"9\")", "\"9", "this is a whole number");
    let host = "a host is a name or an address alone; the port goes to `port`, the path to `paths`";
    check("http(\"https://a.example/\")", "\"https", host);
    check("http(\"a\", port = 0)", "0", "a port is a number from 1 to 65535");
    check("http(\"a\", methods = [get])", "get", "a method is a word in upper case: `GET`");
    let never = "`CONNECT` is never allowed: it is not a request to the host";
    check("http(\"a\", methods = [GET, CONNECT])", "CONNECT", never);
    check("http(\"a\", methods = GET)", "GET", "`methods` is a list in brackets");
    check("http(\"a\", paths = [\"v1\"])", "\"v1", "the path of a request begins with `/`");
    let bound = "a secret goes into headers of requests to one host: add `host = \"api.example.com\"`";
    check("secret(\"t\", header)", "header", bound);
    let free = "a secret that is revealed is not bound to a host; write `header` in place of `reveal`";
    check("secret(\"t\", reveal, host = \"a\")", "\"a", free);
    check("secret(\"t\")", "\"t", "say how it is used: `header, host = \"api.example.com\"`, or `reveal`");
    check("secret(\"t\", header, reveal)", "reveal", "a secret is for a header or revealed, not both");
    let name = "`a-b` is no name: letters, digits and `_`, at most 128, no digit first";
    check("secret(\"a-b\", reveal)", "\"a-b", name);
    check("env(\"a-b\")", "\"a-b", name);
    check("clock(exact)", "clock", "`clock` is one of `none`, `frozen`, `coarse`, `real`");
    check("clock(none, real)", "real", "this is one word");
    check("clock(none), clock(none)", "clock(none))", "`clock` is said twice");
    check("limits(cpu = 5)", "5", "a time is a text such as `\"20s\"`, `\"500ms\"` or `\"1h 30m\"`");
    check("limits(disk = \"1GiB\")", "disk", "`limits` knows `memory`, `cpu`, `wall` and `log`, each once");
}

#[test]
fn needs_in_the_form_of_the_function_file() {
    #[track_caller]
    fn check(needs: &str, expected: &str, inputs: &[&str]) {
        let needs: Needs = syn::parse_str(needs).expect("they can be read");
        assert_eq!(needs.json(), expected);
        assert_eq!(needs.inputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), inputs);
    }
    check("", "{}", &[]);
    check("read(\"src\"), read(\"b\", optional)", r#"{"read":[{"path":"src"},{"path":"b","optional":true}]}"#, &[]);
    check(
        "write(\"${{ inputs.to }}/${{ str(inputs.b.c) }}\", bytes = \"1MiB\", files = 2, reason = \"a \\\"b\\\"\")",
        r#"{"write":[{"path":"${{ inputs.to }}/${{ str(inputs.b.c) }}","bytes":"1MiB","files":2,"reason":"a \"b\""}]}"#,
        &["to", "b"],
    );
    check(
        "http(\"a\", methods = [POST, \"X-Y\"], port = 80, paths = [\"/v1/*\"]), env(\"CI\")",
        r#"{"env":["CI"],"http":[{"host":"a","port":80,"methods":["POST","X-Y"],"paths":["/v1/*"]}]}"#,
        &[],
    );
    check(
        "secret(\"t\", header, host = \"a\"), secret(\"k\", reveal), clock(frozen), random(none), limits(log = 9)",
        concat!(
            r#"{"secrets":[{"name":"t","use":"header","host":"a"},{"name":"k","use":"reveal"}],"#,
            r#""clock":"frozen","random":"none","limits":{"log":9}}"#
        ),
        &[],
    );
}

#[test]
fn values_that_are_none() {
    #[track_caller]
    fn check(item: &str, expected: &str) {
        assert_eq!(message(value::expand(tokens(item))), expected);
    }
    let tuple = "a value is a struct with named fields: the contract has structs and arrays, no tuples";
    check("struct V(String, u8);", tuple);
    check("struct V;", tuple);
    check("union V { a: u8 }", "a value is a struct or an enum");
    check("enum V { }", "an enum without variants has no value");
    check("struct V<T> { a: T }", "a value has no generic parameters: it owns what it holds, and its form is known");
    let mixed = "beside variants that hold something this one cannot be written: they are structs, it would be a text; \
                 write `B {}`";
    check("enum V { A { a: u8 }, B }", mixed);
    let two = "a variant holds one value or named fields: the contract has structs and arrays, no tuples";
    check("enum V { A(u8, u8) }", two);
    check("enum V { A, #[value(name = \"a\")] B }", "there are two variants named `a`");
    check("struct V { #[value(skip)] a: u8 }", "unknown key; a field of a value knows `name` and `default`");
    check("enum V { #[value(default)] A }", "unknown key; a variant knows `name`");
}

#[test]
fn more_fields_than_cross_the_boundary() {
    let fields: String = (0..257).map(|number| format!("f{number}: u8,")).collect();
    let item = format!("struct In {{ {fields} }}");
    assert_eq!(message(record::expand_input(tokens(&item))), "a step has at most 256 inputs");
}
