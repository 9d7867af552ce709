use stepwell_expr::{ExprErrorKind, Template};

use crate::support::World;

#[track_caller]
fn check(expression: &str, sensitive: bool) {
    let text = format!("${{{{ {expression} }}}}");
    let marked = World::sample().evaluate(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(marked.sensitive, sensitive, "{text}");
    let world = World::sample();
    let template = Template::parse(&format!("a{text}b")).unwrap();
    assert_eq!(template.evaluate_text(&world.scope()).unwrap().1, sensitive, "a{text}b");
    assert_eq!(template.evaluate(&world.scope()).unwrap().sensitive, sensitive, "a{text}b");
}

#[test]
fn marks_spread() {
    for expression in [
        "inputs.secret",
        "inputs['secret']",
        "env.SECRET",
        "vars.SECRET",
        "job.SECRET",
        "steps.build.outputs.secret",
        "inputs.secret + 'x'",
        "'x' + inputs.secret",
        "inputs.secret == 'x'",
        "'x' < inputs.secret",
        "!inputs.secret",
        "str(inputs.secret)",
        "bool(inputs.secret)",
        "[inputs.secret]",
        "[1, [inputs.secret]]",
        "{a: 1, b: inputs.secret}",
        "{(inputs.secret): 1}",
        "\"x${{ inputs.secret }}\"",
        "inputs.secret_map.inner",
        "inputs.secret_list[0]",
        "{a: 1, b: inputs.secret}.a",
        "[1, inputs.secret][0]",
        "{hush: 1}[inputs.secret]",
        "inputs.list[inputs.secret && 0]",
        "inputs",
        "env",
        "steps",
        "steps.build",
        "steps.build.outputs",
        "str(inputs)",
        "!env",
        "inputs.secret || 'x'",
        "inputs.n && inputs.secret",
    ] {
        // The index is marked by the operand that `&&` returns, which is plain.
        let plain_index = expression.contains("&& 0");
        check(expression, !plain_index);
    }
}

#[test]
fn marks_spread_no_further() {
    for expression in [
        "inputs.n",
        "inputs.list",
        "env.A",
        "vars.V",
        "steps.build.outputs.id",
        "steps.none.outputs",
        "steps['my step']",
        "inputs.secret && 'x'",
        "inputs.text || inputs.secret",
        "false && inputs.secret",
        "work_dir",
    ] {
        check(expression, false);
    }
}

#[test]
fn a_sensitive_key_marks_what_it_finds() {
    let mut world = World::sample();
    for (name, value) in [("secret_n", "n"), ("secret_build", "build"), ("secret_outputs", "outputs")] {
        world.inputs.insert(name.to_owned(), stepwell_expr::Marked::sensitive(value));
    }
    for expression in [
        "inputs[inputs.secret_n]",
        "steps[inputs.secret_build].outputs.id",
        "steps.build[inputs.secret_outputs].id",
        "steps[inputs.secret_build]",
    ] {
        assert!(world.evaluate(&format!("${{{{ {expression} }}}}")).unwrap().sensitive, "{expression}");
    }
}

#[test]
fn errors_hold_nothing_sensitive() {
    for expression in [
        "env[inputs.secret]",
        "inputs.map[inputs.secret]",
        "steps[inputs.secret]",
        "steps.build[inputs.secret]",
        "num(inputs.secret)",
        "inputs.secret + 1",
        "inputs.secret.x",
        "inputs.secret_map.innre",
    ] {
        let error = World::sample().evaluate(&format!("${{{{ {expression} }}}}")).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hush") && !shown.contains("deep") && !shown.contains("\"inner\""), "{shown}");
        if let ExprErrorKind::Missing { known, .. } = error.kind {
            assert!(known.is_empty(), "{expression}");
        }
    }
}
