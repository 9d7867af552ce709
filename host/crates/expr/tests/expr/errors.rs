use stepwell_expr::ExprErrorKind;

use crate::support::{World, check_error, check_template_error};

#[test]
fn reading() {
    for (expression, message) in [
        ("", "expected a value, found `}`"),
        ("1 +", "expected a value, found `}`"),
        ("1 2", "expected an operator or `}}`, found `2`"),
        ("1.", "expected a name, found `}`"),
        (".5", "expected a value, found `.`"),
        ("1e", "expected an operator or `}}`, found `e`"),
        ("1e999", "the number is too large"),
        ("a & b", "expected an operator or `}}`, found `&`"),
        ("(1", "expected an operator or `)`, found `}`"),
        ("[1 2]", "expected an operator, `,` or `]`, found `2`"),
        ("[,]", "expected a value, found `,`"),
        ("{a 1}", "expected `:`, found `1`"),
        ("{1: 1}", "expected a key, found `1`"),
        ("{a: 1 b: 2}", "expected an operator, `,` or `}`, found `b`"),
        ("str(1 2)", "expected an operator, `,` or `)`, found `2`"),
        ("'a", "the string is not closed"),
        ("\"a", "the string is not closed"),
        (r#""\q""#, r"`\q` is no escape of a double-quoted string"),
        (r#""\é""#, r"`\é` is no escape of a double-quoted string"),
        ("if", "`if` is a reserved word and cannot be a name here"),
        ("while.x", "`while` is a reserved word and cannot be a name here"),
        ("[default]", "`default` is a reserved word and cannot be a name here"),
        ("é", "expected a value, found `é`"),
    ] {
        check_error(expression, message);
    }
    let unicode = "`\\u` needs four hexadecimal digits that give a character, or two such escapes that make a pair";
    for string in [r"\u", r"\u12", r"\u12g4", r"\u+123", r"\ud83d", r"\ude00", r"\ud83d\u0041", r"\ud83dx"] {
        check_error(&format!("\"{string}\""), unicode);
    }
}

#[test]
fn looking_up() {
    for (expression, message) in [
        ("nope", "nope: the \"nope\" was not found"),
        ("nope.x.y", "nope.x.y: the \"nope\" was not found"),
        ("Env.A", "Env.A: the \"Env\" was not found"),
        ("env.NOPE", "env.NOPE: the \"NOPE\" was not found"),
        ("env['NOPE']", "env['NOPE']: the \"NOPE\" was not found"),
        ("inputs.map.nope", "inputs.map.nope: the \"nope\" was not found"),
        ("job.inputs.x", "job.inputs.x: the \"inputs\" was not found"),
        ("steps.nope.outputs.x", "steps.nope.outputs.x: the \"nope\" was not found"),
        ("steps.build.outputs.nope", "steps.build.outputs.nope: the \"nope\" was not found"),
        ("steps.build.exit_code", "steps.build.exit_code: the \"exit_code\" was not found"),
        ("output_file", "output_file: the \"output_file\" was not found"),
        ("export_file", "export_file: the \"export_file\" was not found"),
        ("{a: 1}.b", "{a: 1}.b: the \"b\" was not found"),
        ("inputs.nope || 'd'", "inputs.nope: the \"nope\" was not found"),
        ("inputs.list[3]", "inputs.list[3]: the index was not found: the array has 3 items, counted from 0"),
        ("inputs.list[-1]", "inputs.list[-1]: the index was not found: the array has 3 items, counted from 0"),
        ("inputs.list[0.5]", "inputs.list[0.5]: the index was not found: the array has 3 items, counted from 0"),
        ("[1][1]", "[1][1]: the index was not found: the array has 1 items, counted from 0"),
        ("inputs.list['0']", "inputs.list['0']: the key of array must be number, not string"),
        ("inputs.list.length", "inputs.list.length: the key of array must be number, not string"),
        ("inputs.map[0]", "inputs.map[0]: the key of struct must be string, not number"),
        ("env[null]", "env[null]: the key of struct must be string, not null"),
        ("inputs.text.x", "inputs.text.x: \"string\" is not supported: only structs and arrays have members"),
        ("inputs.null.x", "inputs.null.x: \"null\" is not supported: only structs and arrays have members"),
        ("work_dir[0]", "work_dir[0]: \"string\" is not supported: only structs and arrays have members"),
        ("{(1): 2}", "the key of a struct must be string, not number"),
    ] {
        check_error(expression, message);
    }
}

#[test]
fn calling() {
    for (expression, message) in [
        ("len('x')", "the function \"len\" was not found"),
        ("str()", "the function \"str\" takes 1 argument, not 0"),
        ("str(1, 2)", "the function \"str\" takes 1 argument, not 2"),
        ("str", "the function \"str\" is no value: call it"),
        ("[num][0]", "the function \"num\" is no value: call it"),
        ("inputs.text('x')", "inputs.text('x'): only functions can be called"),
        ("num('')", "the text is no valid number"),
        ("num(' 1')", "the text is no valid number"),
        ("num('1x')", "the text is no valid number"),
        ("num('.5')", "the text is no valid number"),
        ("num('0x1F')", "the text is no valid number"),
        ("num('inf')", "the text is no valid number"),
        ("num('1e999')", "the text is no valid number"),
        ("num('--1')", "the text is no valid number"),
        ("num(true)", "the function \"num\" does not take boolean"),
        ("num(null)", "the function \"num\" does not take null"),
        ("num([])", "the function \"num\" does not take array"),
    ] {
        check_error(expression, message);
    }
}

#[test]
fn calculating() {
    for (expression, message) in [
        ("'a' + 1", "`+` does not take string and number; convert with str()"),
        ("1 + 'a'", "`+` does not take number and string; convert with str()"),
        ("'a' - 'b'", "`-` does not take string and string"),
        ("[1] + [2]", "`+` does not take array and array"),
        ("{} * 2", "`*` does not take struct and number"),
        ("true + true", "`+` does not take boolean and boolean"),
        ("null / 1", "`/` does not take null and number"),
        ("-'1'", "the sign `-` does not take string"),
        ("+null", "the sign `+` does not take null"),
        ("-!1", "the sign `-` does not take boolean"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 / -0", "division by zero"),
        ("str(1e308 * 10)", "the number inf cannot be written as text or JSON"),
    ] {
        check_error(expression, message);
    }
    check_template_error("x${{ [1e308 * 10] }}", "the number inf cannot be written as text or JSON");
}

#[test]
fn ranges_are_in_the_template() {
    for (text, part) in [
        ("é ${{ env.NOPE }}", "env.NOPE"),
        ("${{ 1 + (2 - 'x') }}", "2 - 'x'"),
        ("${{ 1 + 2 + 'x' + 4 }}", "1 + 2 + 'x'"),
        ("a ${{ \"b ${{ nope.x }}\" }}", "nope"),
        ("${{ str(num( 'x' )) }}", "num( 'x' )"),
        ("x ${{ y", "${{ y"),
        ("${{ [1, é] }}", "é"),
    ] {
        let error = World::sample().evaluate(text).unwrap_err();
        assert_eq!(&text[error.range], part, "{text}");
    }
}

#[track_caller]
fn check_known(expression: &str, first: &str) {
    let error = World::sample().evaluate(&format!("${{{{ {expression} }}}}")).unwrap_err();
    let (ExprErrorKind::Missing { known, .. } | ExprErrorKind::UnknownFunction { known, .. }) = error.kind else {
        panic!("{error}")
    };
    assert_eq!(known.first().map(String::as_str), Some(first), "{expression}");
    assert!(known.len() <= 20);
}

#[test]
fn the_nearest_names_are_given() {
    check_known("inptus.x", "inputs");
    check_known("steps.buidl.outputs.id", "build");
    check_known("steps.build.outptus", "outputs");
    check_known("inputs.txet", "text");
    check_known("env.SECRTE", "SECRET");
    check_known("stri(1)", "str");
}

#[test]
fn long_texts_are_shortened() {
    let name = "n".repeat(10_000);
    let message = World::sample().evaluate(&format!("${{{{ env.{name} }}}}")).unwrap_err().to_string();
    assert!(message.len() < 1_000, "{}", message.len());
}
