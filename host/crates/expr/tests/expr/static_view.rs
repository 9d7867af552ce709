use stepwell_expr::{Context, Template};

#[track_caller]
fn check(text: &str, expected: &[(Context, &str, bool, &str)]) {
    let template = Template::parse(text).unwrap();
    let uses: Vec<_> = template
        .contexts()
        .map(|one| (one.context, one.path.join("/"), one.computed, text[one.range].to_owned()))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(context, path, computed, range)| (*context, (*path).to_owned(), *computed, (*range).to_owned()))
        .collect();
    assert_eq!(uses, expected, "{text}");
}

#[test]
fn contexts_that_an_expression_names() {
    check("plain", &[]);
    check(r"\${{ env.A }}", &[]);
    check("${{ 'env.A' }}", &[]);
    check("${{ work_dir }}", &[(Context::WorkDir, "", false, "work_dir")]);
    check("${{ job.X }}", &[(Context::Vars, "X", false, "job.X")]);
    check("${{ env }}", &[(Context::Env, "", false, "env")]);
    check("${{ env == env }}", &[(Context::Env, "", false, "env"), (Context::Env, "", false, "env")]);
    check("${{ steps.a.outputs.b.c[0] }}", &[(Context::Steps, "a/outputs/b/c", true, "steps.a.outputs.b.c[0]")]);
    check(
        "a ${{ inputs['x y'] + str(env.A) }} ${{ \"${{ output_file }}\" }}",
        &[
            (Context::Inputs, "x y", false, "inputs['x y']"),
            (Context::Env, "A", false, "env.A"),
            (Context::OutputFile, "", false, "output_file"),
        ],
    );
    check(
        "${{ inputs[env.NAME].x }}",
        &[(Context::Inputs, "", true, "inputs[env.NAME].x"), (Context::Env, "NAME", false, "env.NAME")],
    );
    check(
        "${{ {(env.A): [vars.B]} || !step_dir }}",
        &[
            (Context::Env, "A", false, "(env.A)"),
            (Context::Vars, "B", false, "vars.B"),
            (Context::FuncDir, "", false, "step_dir"),
        ],
    );
    check("${{ env.MY-VAR }}", &[(Context::Env, "MY-VAR", false, "env.MY-VAR")]);
    check("${{ env.A-1 }}", &[(Context::Env, "A", false, "env.A"), (Context::Env, "A-1", false, "env.A-1")]);
    check("${{ steps.a b.outputs.c }}", &[(Context::Steps, "a b/outputs/c", false, "steps.a b.outputs.c")]);
}

#[test]
fn two_readings_are_told_apart_from_one() {
    let template = Template::parse("${{ inputs.a }} ${{ env.A-1 }} ${{ inputs.b }}").unwrap();
    let certain: Vec<bool> = template.contexts().map(|one| one.certain).collect();
    assert_eq!(certain, [true, false, false, true]);
}

#[track_caller]
fn check_warnings(text: &str, expected: &[&str]) {
    let template = Template::parse(text).unwrap();
    let warnings: Vec<String> = template.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, expected, "{text}");
}

#[test]
fn dotted_readings_are_warned_about() {
    check_warnings(
        "${{ env.MY-VAR }}",
        &["`env.MY-VAR` is read as a path of the older dialect; write `env['MY-VAR']`"],
    );
    check_warnings(
        "${{ steps.a b.outputs.c }}",
        &["`steps.a b.outputs.c` is read as a path of the older dialect; write `steps['a b'].outputs.c`"],
    );
    check_warnings("${{ env.A }} ${{ inputs.n-1 }} ${{ env.A == vars.B }}", &[]);
}

#[test]
fn faults_are_known_before_evaluation() {
    let faults = |text: &str| -> Vec<String> {
        Template::parse(text).unwrap().faults().iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        faults("${{ nope }} ${{ false && len(str(1, 2)) }}"),
        [
            "nope: the \"nope\" was not found",
            "the function \"len\" was not found",
            "the function \"str\" takes 1 argument, not 2",
        ]
    );
    assert!(faults("${{ env.A }} ${{ env.MY-VAR }} ${{ str(1) }}").is_empty());
}

#[test]
fn bases_that_are_computed_name_their_contexts() {
    check(
        "${{ [env].x || (env || vars).y }}",
        &[(Context::Env, "", false, "env"), (Context::Env, "", false, "env"), (Context::Vars, "", false, "vars")],
    );
}
