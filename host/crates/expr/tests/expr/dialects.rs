use crate::support::{check, check_error, check_template, check_template_error};

#[test]
fn paths_of_the_older_dialect() {
    for (expression, expected) in [
        ("env.A", r#""a""#),
        ("job.V", r#""v""#),
        ("step_dir", r#""/func""#),
        ("env.MY-VAR", r#""dashed""#),
        ("env.A B", r#""blank""#),
        ("env.1ST", r#""first""#),
        ("env.F%%", r#""percent""#),
        ("env.ProgramFiles(x86)", r#""C:""#),
        ("steps.my step.outputs.x", r#""blank""#),
        ("steps.1st.outputs.y", r#""digit""#),
        ("inputs.map.a-b", "1"),
        ("inputs.type", r#""t""#),
    ] {
        check(expression, expected);
    }
    check_template("${{env.MY-VAR}}", r#""dashed""#);
    check_template("${{ env.MY-VAR }}/${{ env.A B }}", r#""dashed/blank""#);
    check_template("${{ env.A B }} }} ${{ 1 }}", r#""blank }} 1""#);
}

#[test]
fn the_newer_reading_comes_first() {
    check("inputs.n-1", "4");
    check("inputs.n - inputs.zero", "5");
    check("inputs.map['a-b']", "1");
    check("env.A", r#""a""#);
}

#[test]
fn a_path_that_leads_nowhere_names_what_is_missing() {
    check_error("env.NO VAR", "env.NO VAR: the \"NO VAR\" was not found");
    check_error("steps.no step.outputs.x", "steps.no step.outputs.x: the \"no step\" was not found");
    check_error("env.NO-VAR", "env.NO-VAR: the \"NO-VAR\" was not found");
    check_error("env.A-B", "env.A-B: the \"A-B\" was not found");
    check_error("env.A-1", "`-` does not take string and number");
}

#[test]
fn mistakes_in_expressions_are_not_taken_for_paths() {
    check_error("env.A == ", "expected a value, found `}`");
    check_error("env.A + ", "expected a value, found `}`");
    check_error("env.A == nope", "nope: the \"nope\" was not found");
    check_error("env.A + nope", "nope: the \"nope\" was not found");
    check_error("inputs.list[0", "expected an operator or `]`, found `}`");
    check_error("nothing here", "expected an operator or `}}`, found `h`");
    check_template_error("${{ env.A ${{ env.B }} }}", "expected an operator or `}}`, found `$`");
}

#[test]
fn texts_without_closing_delimiter() {
    check_template_error("x ${{ env.A", "the \"env.A\" is not closed: ${{ ... }}");
    check_template_error("${{", "the \"\" is not closed: ${{ ... }}");
    check_template_error("${{ 'a }", "the \"'a }\" is not closed: ${{ ... }}");
    check_template_error("${{ a ${{ b }}", "the \"a ${{ b }}\" is not closed: ${{ ... }}");
    check_template_error("${{ env.A }}${{ env.A }", "the \"env.A }\" is not closed: ${{ ... }}");
}
