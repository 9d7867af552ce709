//! Variables that refer to each other.

use proptest::prelude::*;
use stepwell_schema::pipeline::variables::{MAX_ALL_BYTES, MAX_VALUE_BYTES, TooLarge, Variable, expand};

/// Makes variables of lines `NAME=VALUE`; a name with `!` behind it is raw.
fn variables(lines: &[&str]) -> Vec<Variable> {
    lines
        .iter()
        .map(|line| {
            let (name, value) = line.split_once('=').expect("a line `NAME=VALUE`");
            let raw = name.ends_with('!');
            Variable { name: name.trim_end_matches('!').to_owned(), value: value.to_owned(), raw }
        })
        .collect()
}

#[track_caller]
fn check(lines: &[&str], expected: &[&str]) {
    let expanded = expand(&variables(lines)).expect("small enough");
    let written: Vec<String> = expanded.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(written, expected, "{lines:?}");
}

/// Checks one value beside `A=va`.
#[track_caller]
fn check_value(value: &str, expected: &str) {
    check(&["A=va", &format!("X={value}")], &["A=va", &format!("X={expected}")]);
}

#[test]
fn values_as_go_expands_them() {
    // What `os.Expand` of Go answers where `A` is `va`, `$` is `$`, and everything else is empty.
    for (value, expected) in [
        ("", ""),
        ("text", "text"),
        ("$A", "va"),
        ("${A}", "va"),
        ("$A-b", "va-b"),
        ("é$A", "éva"),
        ("$AB", ""),
        ("${A}B", "vaB"),
        ("$", "$"),
        ("a$", "a$"),
        ("$ A", "$ A"),
        ("$.", "$."),
        ("$é", "$é"),
        ("$$", "$"),
        ("$$A", "$A"),
        ("$$$A", "$va"),
        ("$$$$", "$$"),
        ("${$}", "$"),
        ("${}", ""),
        ("${", ""),
        ("${A", "A"),
        ("${A }", ""),
        ("${A-b}", ""),
        ("${*}", ""),
        ("${12}", ""),
        ("$12", "2"),
        ("$1A", "A"),
        ("$*A", "A"),
        ("$-", ""),
        ("$_", ""),
        ("${\n}", ""),
        ("${{ job.A }} $HOME", "} "),
        ("%A%", "%A%"),
    ] {
        check_value(value, expected);
    }
}

#[test]
fn order_does_not_matter() {
    check(&["C=$B!", "B=$A?", "A=a"], &["C=a?!", "B=a?", "A=a"]);
    check(&["A=a", "B=$A?", "C=$B!"], &["A=a", "B=a?", "C=a?!"]);
}

#[test]
fn raw_values_are_kept_and_put_in() {
    check(&["A=a", "R!=$A-$R-${{ x }}", "X=<$R>"], &["A=a", "R=$A-$R-${{ x }}", "X=<$A-$R-${{ x }}>"]);
}

#[test]
fn what_is_put_in_is_not_looked_through_again() {
    check(&["A=$$B", "B=b", "X=$A"], &["A=$B", "B=b", "X=$B"]);
    check(&["D=$", "B=b", "X=${D}B"], &["D=$", "B=b", "X=$B"]);
}

#[test]
fn later_entries_win() {
    check(&["A=1", "X=$A", "A=2"], &["A=2", "X=2"]);
}

#[test]
fn a_variable_that_names_itself_means_the_entry_before() {
    check(&["PATH=/bin", "PATH=$PATH:/x", "X=$PATH"], &["PATH=/bin:/x", "X=/bin:/x"]);
    check(&["P=a", "P=$P-b", "P=$P-c"], &["P=a-b-c"]);
    check(&["PATH=$PATH:/x", "X=$PATH"], &["PATH=$PATH:/x", "X=$PATH:/x"]);
}

#[test]
fn circles_stay_as_they_are() {
    check(&["A=a$B", "B=b$A", "X=<$A>", "Y=$Z", "Z=z"], &["A=a$B", "B=b$A", "X=<a$B>", "Y=z", "Z=z"]);
    check(&["A=$B", "B=$C", "C=$B$D", "D=$$"], &["A=$C", "B=$C", "C=$B$D", "D=$"]);
    // Two ways lead into the same circle.
    check(&["A=$B$C", "B=$D", "C=$D", "D=$A"], &["A=$B$C", "B=$D", "C=$D", "D=$A"]);
}

#[test]
fn values_are_bounded() {
    let too_large = |name: &str, limit| TooLarge { name: name.to_owned(), limit };
    let mut lines = vec!["A0=xxxxxxxxxxxxxxxx".to_owned()];
    lines.extend((1..40).map(|index| format!("A{index}=$A{0}$A{0}", index - 1)));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(expand(&variables(&lines)), Err(too_large("A17", MAX_VALUE_BYTES)));

    let mut many = vec![Variable { name: "A".to_owned(), value: "x".repeat(MAX_VALUE_BYTES), raw: true }];
    many.extend((0..20).map(|index| Variable { name: format!("B{index}"), value: "$A".to_owned(), raw: false }));
    assert_eq!(expand(&many), Err(too_large("B15", MAX_ALL_BYTES)));
    assert!(expand(&many[..16]).is_ok());
    assert_eq!(
        too_large("A", 5).to_string(),
        "the value of variable `A` is too large: more than 5 bytes, references expanded"
    );
}

#[test]
fn long_chains_need_no_stack() {
    let chain: Vec<Variable> = (0..100_000)
        .map(|index| Variable { name: format!("V{index}"), value: format!("$V{}", index + 1), raw: false })
        .collect();
    assert!(expand(&chain).expect("small").iter().all(|(_, value)| value.is_empty()));
}

fn any_variables() -> impl Strategy<Value = Vec<Variable>> {
    let piece = prop::sample::select(vec![
        "$A", "${B}", "$C", "$$", "$", "{", "}", "${", "${{ A }}", "%A%", "$1", "é", " ", "x", "\n", "\\",
    ]);
    let value = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    let variable = ("[ABCé]", value, any::<bool>()).prop_map(|(name, value, raw)| Variable { name, value, raw });
    prop::collection::vec(variable, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_expands(value in any::<String>()) {
        let variable = |raw| vec![Variable { name: "A".to_owned(), value: value.clone(), raw }];
        prop_assert!(expand(&variable(false)).is_ok());
        prop_assert_eq!(expand(&variable(true)), Ok(vec![("A".to_owned(), value.clone())]));
    }

    #[test]
    fn raw_values_are_untouched_and_names_are_unique(variables in any_variables()) {
        let expanded = expand(&variables).expect("small");
        let mut seen = std::collections::HashSet::new();
        for (name, value) in &expanded {
            prop_assert!(seen.insert(name.clone()));
            let last = variables.iter().rfind(|variable| variable.name == *name).expect("given");
            if last.raw || !last.value.contains('$') {
                prop_assert_eq!(value, &last.value);
            }
        }
        prop_assert!(variables.iter().all(|variable| seen.contains(&variable.name)));
    }

    #[test]
    fn values_without_circles_leave_no_reference(lines in prop::collection::vec("[xy$]{0,4}", 1..6)) {
        // Each refers only to those before it, and no value has a `$` of its own.
        let mut variables = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let value = line.replace('$', &format!("${{V{}}}", index.saturating_sub(1)));
            let value = if index == 0 { "v".to_owned() } else { value };
            variables.push(Variable { name: format!("V{index}"), value, raw: false });
        }
        for (_, value) in expand(&variables).expect("small") {
            prop_assert!(!value.contains('$'), "{}", value);
        }
    }
}
