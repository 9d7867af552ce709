//! Evaluation of a compiled expression.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use stepwell_expr::{Marked, Scope, Template};

use crate::measure::{Figure, Row, Target};

/// Evaluations between two looks at the clock.
const BATCH: u32 = 100;

/// A text with two look-ups, evaluated, against the same text put together by the standard library.
pub(crate) fn expression() -> Vec<Row> {
    let empty = BTreeMap::new();
    let vars = BTreeMap::from([("VERSION".to_owned(), Marked::plain("1.2.3"))]);
    let outputs = BTreeMap::from([("archive".to_owned(), Marked::plain("dist/guest-sdk.tar.gz"))]);
    let steps = BTreeMap::from([("pack".to_owned(), outputs)]);
    let scope = Scope {
        env: &empty,
        vars: &vars,
        inputs: &empty,
        steps: &steps,
        work_dir: "/work",
        func_dir: "/work",
        output_file: None,
        export_file: None,
    };
    let template =
        Template::parse("release ${{ vars.VERSION }}: ${{ steps.pack.outputs.archive }}").expect("it parses");
    let figure = sample(|| {
        black_box(template.evaluate(black_box(&scope)).expect("it evaluates"));
    });
    let baseline = sample(|| {
        black_box(format!("release {}: {}", black_box("1.2.3"), black_box("dist/guest-sdk.tar.gz")));
    });
    vec![Row {
        name: "expression of two look-ups".to_owned(),
        figure,
        baseline: Some(("format! of the same text", baseline)),
        target: Target::None,
    }]
}

fn sample(mut call: impl FnMut()) -> Figure {
    let mut batch = || {
        let start = Instant::now();
        (0..BATCH).for_each(|_| call());
        start.elapsed() / BATCH
    };
    let times: Vec<Duration> = (0..2_000).map(|_| batch()).collect();
    Figure::of(times)
}
