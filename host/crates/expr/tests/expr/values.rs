use stepwell_expr::Template;
use stepwell_schema::{Value, literal};

use crate::support::{World, check, check_template};

#[test]
fn literals() {
    for (expression, expected) in [
        ("null", "null"),
        ("true", "true"),
        ("false", "false"),
        ("0", "0"),
        ("01", "1"),
        ("12.50", "12.5"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ("25e-1", "2.5"),
        ("[]", "[]"),
        ("[1,]", "[1]"),
        ("[ [1] , [2,3] ]", "[[1],[2,3]]"),
        ("{}", "{}"),
        ("{a:1,}", r#"{"a":1}"#),
        ("{'a b': 1, \"c\": 2, d: 3, ('e' + 'f'): 4}", r#"{"a b":1,"c":2,"d":3,"ef":4}"#),
        ("{\"k${{ inputs.n }}\": 1}", r#"{"k5":1}"#),
        ("{default: 1, type: 2, null: 3, env: 4}", r#"{"default":1,"type":2,"null":3,"env":4}"#),
        ("{a: 1, a: 2}", r#"{"a":2}"#),
        ("(((1)))", "1"),
        ("\n\t 1 \r\n", "1"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn strings() {
    for (expression, expected) in [
        (r#""""#, r#""""#),
        (r#""\\ \" \n \r \t \a \b \f \v \/""#, r#""\\ \" \n \r \t \u0007 \b \f \u000b /""#),
        (r#""\u0041\u00E9""#, r#""Aé""#),
        (r#""\ud83d\ude00""#, r#""😀""#),
        (r#""it's $5 ${ {{ }}""#, r#""it's $5 ${ {{ }}""#),
        (r#""\${{ x }}""#, r#""${{ x }}""#),
        (r#""\\${{ 1 }}""#, r#""\\1""#),
        (r#""a${{ 1 }}b${{ "c${{ 'd' }}" }}""#, r#""a1bcd""#),
        (r#""${{ null }}""#, r#""<null>""#),
        (r#""${{ 1 }}""#, r#""1""#),
        (r"'a\b\n'", r#""a\\b\\n""#),
        (r"'\\ \''", r#""\\ '""#),
        (r"'${{ 1 }} }}'", r#""${{ 1 }} }}""#),
        (r"'say \u0041'", r#""say \\u0041""#),
        ("'é😀'", r#""é😀""#),
    ] {
        check(expression, expected);
    }
}

#[test]
fn precedence() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 2 - 3", "5"),
        ("10 - (2 - 3)", "11"),
        ("100 / 10 / 5", "2"),
        ("7 % 4 * 2", "6"),
        ("2 * -3", "-6"),
        ("- - 2", "2"),
        ("--2", "2"),
        ("!!'x'", "true"),
        ("!-0", "true"),
        ("-inputs.list[0]", "-1"),
        ("!inputs.no == true", "true"),
        ("1 + 1 == 2", "true"),
        ("1 < 2 == true", "true"),
        ("3 > 2 > 1", "false"),
        ("1 == 1 && 2 == 2", "true"),
        ("true || false && false", "true"),
        ("(true || false) && false", "false"),
        ("0 || '' || 'last'", r#""last""#),
        ("1 && 2 && 3", "3"),
        ("1 && 0 || 4", "4"),
        ("'a' + 'b' == 'ab' && 'c' || 'd'", r#""c""#),
    ] {
        check(expression, expected);
    }
}

#[test]
fn arithmetic() {
    for (expression, expected) in [
        ("1 + 2", "3"),
        ("'a' + 'b'", r#""ab""#),
        ("env.A + inputs.text + work_dir", r#""atext/work""#),
        ("5 - 7", "-2"),
        ("1.5 * 4", "6"),
        ("7 / 2", "3.5"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("7 % -3", "1"),
        ("5.5 % 2", "1.5"),
        ("+5", "5"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn comparison_within_a_type() {
    for expression in [
        "null == null",
        "null <= null",
        "false < true",
        "true >= true",
        "1 < 2",
        "10 > 9",
        "2 >= 2",
        "'a' < 'b'",
        "'B' < 'a'",
        "'10' < '9'",
        "'' < 'a'",
        "'a' < 'ab'",
        "'z' < 'é'",
        "[1, 2] == [1, 2]",
        "[1, 2] != [2, 1]",
        "[1] < [1, 0]",
        "[2] > [1, 9]",
        "[] < [null]",
        "{} == {}",
        "{a: 1, b: 2} == {b: 2, a: 1}",
        "{b: 9} < {a: 0, b: 0}",
        "{a: 9} < {b: 0}",
        "{a: 1} < {a: 2}",
        "{a: [1, {b: null}]} == {a: [1, {b: null}]}",
        "inputs.map == {k: 'v', 'a-b': 1, for: 2}",
        "job == vars",
    ] {
        check(expression, "true");
    }
}

#[test]
fn comparison_between_types_goes_by_type() {
    let ascending = ["null", "true", "-1", "''", "[]", "{}"];
    for (low, left) in ascending.iter().enumerate() {
        for (high, right) in ascending.iter().enumerate() {
            check(&format!("{left} < {right}"), &(low < high).to_string());
            check(&format!("{left} >= {right}"), &(low >= high).to_string());
            check(&format!("{left} == {right}"), &(low == high).to_string());
            check(&format!("{left} != {right}"), &(low != high).to_string());
        }
    }
    check("1 == '1'", "false");
    check("0 == false", "false");
    check("null == ''", "false");
}

#[test]
fn what_is_not_a_number_has_no_order() {
    for nan in ["1e308 * 10 - 1e308 * 10", "[1e308 * 10 - 1e308 * 10]", "{a: 1e308 * 10 - 1e308 * 10}"] {
        for operator in ["==", "<", "<=", ">", ">="] {
            check(&format!("({nan}) {operator} ({nan})"), "false");
        }
        check(&format!("({nan}) != ({nan})"), "true");
    }
}

#[test]
fn truthiness() {
    for truthy in ["true", "1", "-0.5", "'a'", "'false'", "'0'", "[0]", "{a: 0}", "inputs", "steps.none", "steps"] {
        check(&format!("bool({truthy})"), "true");
        check(&format!("!({truthy})"), "false");
        check(&format!("({truthy}) && 'right'"), r#""right""#);
    }
    for falsy in ["false", "0", "-0", "''", "\"\"", "[]", "{}", "null", "env.EMPTY", "steps.none.outputs"] {
        check(&format!("bool({falsy})"), "false");
        check(&format!("!({falsy})"), "true");
        check(&format!("({falsy}) || 'right'"), r#""right""#);
    }
}

#[test]
fn the_right_side_is_evaluated_only_if_needed() {
    check("true || nonsense", "true");
    check("'x' || 1 / 0", r#""x""#);
    check("false && nonsense.deep()", "false");
    check("0 && 1 / 0", "0");
    check("false && nonsense || 'y'", r#""y""#);
}

#[test]
fn access() {
    for (expression, expected) in [
        ("inputs.list[0]", "1"),
        ("inputs.list[1 + 1][0]", "3"),
        ("inputs . map . k", r#""v""#),
        ("inputs['map']['a-b']", "1"),
        ("inputs.map.for", "2"),
        ("inputs.type", r#""t""#),
        ("inputs.null", "null"),
        ("inputs[env.A + 'x' == 'ax' && 'n']", "5"),
        ("steps.build.outputs.id", "7"),
        ("steps['build'].outputs['id']", "7"),
        ("steps['build']['outputs']", r#"{"id":7,"secret":"token"}"#),
        ("steps.none", r#"{"outputs":{}}"#),
        ("{a: {b: 2}}.a.b", "2"),
        ("[1, 2][1]", "2"),
        ("{a: 1}['a']", "1"),
        ("vars.V + job.V", r#""vv""#),
        ("func_dir + step_dir", r#""/func/func""#),
        ("vars", r#"{"V":"v","SECRET":"vs"}"#),
        ("(env).A", r#""a""#),
    ] {
        check(expression, expected);
    }
}

#[test]
fn functions() {
    for (expression, expected) in [
        ("str(null)", r#""<null>""#),
        ("str(1.0)", r#""1""#),
        ("str(true)", r#""true""#),
        ("str('x')", r#""x""#),
        ("str([1, null, 'a'])", r#""[1,null,\"a\"]""#),
        ("str({b: 1, a: '<&>'},)", r#""{\"a\":\"<&>\",\"b\":1}""#),
        ("num('42')", "42"),
        ("num('-1.5e1')", "-15"),
        ("num('+1')", "1"),
        ("num(3)", "3"),
        ("num(env.TEN) + 1", "11"),
        ("bool(steps)", "true"),
        ("str(num('1')) + 'x'", r#""1x""#),
    ] {
        check(expression, expected);
    }
}

#[test]
fn templates() {
    for (text, expected) in [
        ("", r#""""#),
        ("plain", r#""plain""#),
        ("${{1}}", "1"),
        ("${{ 1 }}${{ 2 }}", r#""12""#),
        ("a ${{ inputs.list }} b", r#""a [1,\"two\",[3]] b""#),
        ("${{ inputs.null }}", "null"),
        ("-${{ inputs.null }}-", r#""-<null>-""#),
        ("${{ inputs.map }}\n", r#"{"k":"v","a-b":1,"for":2}"#),
        ("\n  ${{ inputs.empty }}\n", "[]"),
        ("${{ inputs.n }}\n", r#""5\n""#),
        ("${{ inputs.null }}\n", r#""<null>\n""#),
        ("${{ inputs.text }} ", r#""text ""#),
        (r"\${{ x }}", r#""${{ x }}""#),
        (r"\\${{ x }}", r#""\\${{ x }}""#),
        (r"\n \${{ ${{ 1 }}", r#""\\n ${{ 1""#),
        ("$ {{ }} $${{ 1 }} ${ }", r#""$ {{ }} $1 ${ }""#),
        (r#"{"a":{"b":1}} ${{ 1 }}"#, r#""{\"a\":{\"b\":1}} 1""#),
        ("{{.ID}}", r#""{{.ID}}""#),
        ("${{ {a: {b: 1}} }}", r#"{"a":{"b":1}}"#),
        ("${{{a: {b: 1}}}}", r#"{"a":{"b":1}}"#),
        ("${{ '}}' }}${{ \"}}\" }}", r#""}}}}""#),
        ("${{ '${{ 1 }}' }}", r#""${{ 1 }}""#),
        ("é ${{ 'ü' }} 😀", r#""é ü 😀""#),
    ] {
        check_template(text, expected);
    }
}

#[track_caller]
fn check_text(text: &str, expected: &str) {
    let world = World::sample();
    let (written, _) = Template::parse(text).unwrap().evaluate_text(&world.scope()).unwrap();
    assert_eq!(written, expected, "{text}");
}

#[test]
fn text_form() {
    for (text, expected) in [
        ("plain", "plain"),
        (r"\${{", "${{"),
        ("${{ 'x' }}", "x"),
        ("${{ null }}", "null"),
        ("${{ inputs.null }}", "null"),
        (" ${{ null }}", " <null>"),
        ("${{ [null] }}", "[null]"),
        ("${{ true }}", "true"),
        ("${{ 1.0 }}", "1"),
        ("${{ -0 }}", "0"),
        ("${{ 0.1 + 0.2 }}", "0.30000000000000004"),
        ("${{ 1e20 }}", "100000000000000000000"),
        ("${{ 1e21 }}", "1e+21"),
        ("${{ 0.000001 }}", "0.000001"),
        ("${{ 0.0000001 }}", "1e-7"),
        ("${{ 123456789012345678901 }}", "123456789012345680000"),
        ("${{ {b: [1, 'x'], a: null} }}", r#"{"a":null,"b":[1,"x"]}"#),
        ("\n${{ [1] }}\n", "\n[1]\n"),
        ("${{ work_dir }}", "/work"),
    ] {
        check_text(text, expected);
    }
}

#[test]
fn literal_templates_need_no_scope() {
    let escaped = Template::parse(r"\${{ a }}").unwrap();
    assert!(escaped.is_literal());
    assert_eq!(escaped.as_literal(), Some("${{ a }}"));
    assert_eq!(escaped.text(), r"\${{ a }}");
    assert!(!Template::parse("${{ 1 }}").unwrap().is_literal());
    let verbatim = Template::literal("${{ 1 }}");
    assert!(verbatim.is_literal());
    assert_eq!(verbatim.evaluate(&World::default().scope()).unwrap().value, Value::from("${{ 1 }}"));
    assert_ne!(verbatim, Template::parse("${{ 1 }}").unwrap());
    assert_eq!(Template::parse("a").unwrap(), Template::literal("a"));
}

#[test]
fn literal_texts_are_read_back() {
    for text in ["", "a", "${{ a }}", r"\${{ a }}", r"\\${{", "$${{", "${{${{", "$\\{{ }}"] {
        let template = Template::parse(&literal(text)).unwrap();
        assert_eq!(template.as_literal(), Some(text));
    }
}

#[test]
fn templates_cross_threads() {
    fn check<T: Send + Sync + Clone>() {}
    check::<Template>();
    check::<stepwell_expr::ValueTemplate>();
}
