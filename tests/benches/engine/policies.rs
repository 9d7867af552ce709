//! What it costs to decide one step.

use std::fmt::Write as _;
use std::time::Duration;

use stepwell_policy::{Policy, decision_times};
use stepwell_schema::Source;

use crate::measure::{Figure, Row, Target};

/// Decisions of each kind.
const ROUNDS: usize = 2_000;

/// A step with three needs under a hundred policies, against the same under the profile `local`.
pub(crate) fn policies() -> Vec<Row> {
    let policy = Policy::load(&[Source::new("bench.cedar", hundred())]).expect("the policies are valid");
    assert_eq!(policy.len(), 100);
    let (many, few) = (decision_times(&policy, ROUNDS), decision_times(&Policy::local(), ROUNDS));
    let median = |time: Duration| Figure::of(vec![time]);
    [("decision of a step, 100 policies", many.anew, few.anew, 20), ("the same, cached", many.kept, few.kept, 2)]
        .into_iter()
        .map(|(name, figure, baseline, most)| Row {
            name: name.to_owned(),
            figure: median(figure),
            baseline: Some(("profile `local`", median(baseline))),
            target: Target::AtMost(Duration::from_micros(most)),
        })
        .collect()
}

/// As an operator of many teams has them: who may run which functions, and what single functions may read and write.
fn hundred() -> String {
    let mut text = String::new();
    for team in 0..50 {
        writeln!(
            text,
            "permit (principal, action in [Action::\"read\", Action::\"write\"], resource == Path::\"team-{team}\")\n\
             when {{ context.function.path like \"org/team-{team}/*\" }};"
        )
        .expect("a string");
    }
    for team in 0..46 {
        writeln!(
            text,
            "permit (principal, action == Action::\"run\", resource)\n\
             when {{ resource.host == \"gitlab.com\" && resource.path like \"org/team-{team}/*\" }};"
        )
        .expect("a string");
    }
    text.push_str(
        "permit (principal, action == Action::\"run\", resource) when { resource.host == \"gitlab.com\" };\n\
         permit (principal, action == Action::\"read\", resource in Path::\"src\");\n\
         permit (principal, action == Action::\"write\", resource == Path::\"dist\")\n\
         when { context.function.host == \"gitlab.com\" };\n\
         permit (principal, action == Action::\"readEnv\", resource == Variable::\"CI\");\n",
    );
    text
}
