//! What the fuzz targets share: how an input is cut into pieces, and what holds of every document and every problem.

use stepwell_schema::{
    DefinitionKind, Function, Job, Node, NodeKind, OutputsSpec, Problems, Severity, Source, Span, Spanned, Step,
    StepAction, code,
};

/// Stands between the pieces of an input, for example between the files of a pipeline: a line of its own, so that seeds
/// can be read and written by hand.
const SEPARATOR: &str = "\n%%%%\n";

/// Most problems of one document: a hundred errors, as many warnings, and the word that there are more.
const MAX_PROBLEMS: usize = 201;

/// Longest piece of user text in a message, with room for the words around it and for several such pieces.
const MAX_MESSAGE_BYTES: usize = 8 << 10;

/// Returns the input as text; what is not UTF-8 becomes U+FFFD, so that no input is lost.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Cuts a text at its separators, into `most` pieces at most.
pub fn pieces(text: &str, most: usize) -> Vec<&str> {
    text.splitn(most, SEPARATOR).collect()
}

/// Checks problems: each points into its text, on character boundaries, and says its piece on one line.
pub fn check_problems(problems: &Problems) {
    assert!(problems.0.len() <= MAX_PROBLEMS, "{} problems", problems.0.len());
    for problem in problems.iter() {
        assert!(code::ALL.contains(&problem.code), "{} is no known code", problem.code);
        assert!(!problem.message.contains('\n'), "more than one line: {}", problem.message);
        assert!(problem.message.len() <= MAX_MESSAGE_BYTES, "{} bytes of message", problem.message.len());
        for label in &problem.labels {
            check_span(&label.place.source, label.place.span);
            assert!(!label.text.contains('\n'), "more than one line: {}", label.text);
        }
        // Asks for line and column.
        assert!(!problem.to_string().is_empty());
    }
}

/// Checks the problems of a document in one file: they come in its order, and one that is refused has an error.
pub fn check_outcome<T>(outcome: &Result<T, Problems>, warnings: impl Fn(&T) -> &Problems) {
    let problems = match outcome {
        Ok(document) => {
            let warnings = warnings(document);
            assert!(!warnings.has_errors(), "an error in a document that is accepted: {warnings}");
            warnings
        }
        Err(problems) => {
            assert!(problems.has_errors(), "refused without a reason: {problems}");
            problems
        }
    };
    check_problems(problems);
    let starts = problems.iter().map(|problem| problem.labels.first().map_or(0, |label| label.place.span.start));
    assert!(starts.is_sorted(), "not in the order of the document: {problems}");
    assert!(problems.iter().all(|problem| matches!(problem.severity, Severity::Error | Severity::Warning)));
}

/// Checks that two readings of one text have the same outcome.
pub fn check_same<T>(one: &Result<T, Problems>, other: &Result<T, Problems>, same: impl Fn(&T, &T) -> bool) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert!(same(one, other), "two readings differ"),
        (Err(one), Err(other)) => assert!(one == other, "two readings differ:\n{one}\nand\n{other}"),
        (Ok(_), Err(problems)) | (Err(problems), Ok(_)) => panic!("refused at one of two readings: {problems}"),
    }
}

/// Checks that a span lies in its text, on character boundaries.
pub fn check_span(source: &Source, span: Span) {
    let text = source.text();
    assert!(text.get(span.start..span.end).is_some(), "{span:?} is no range of {} bytes: {text:?}", text.len());
}

/// Checks all spans of a job.
pub fn check_job(job: &Job) {
    check_steps(&job.source, &job.steps);
    check_pairs(&job.source, &job.env);
    check_nodes(&job.source, &job.outputs);
}

/// Checks all spans of a function.
pub fn check_function(function: &Function) {
    let source = &function.source;
    for (name, _) in &function.spec.inputs {
        check_span(source, name.span);
    }
    match &function.spec.outputs {
        OutputsSpec::Declared(outputs) => outputs.iter().for_each(|(name, _)| check_span(source, name.span)),
        OutputsSpec::Delegate(span) => check_span(source, *span),
    }
    check_pairs(source, &function.definition.env);
    check_span(source, function.definition.span);
    match &function.definition.kind {
        DefinitionKind::Exec(exec) => check_all(source, exec.command.iter().chain(&exec.work_dir)),
        DefinitionKind::Sequence(sequence) => {
            check_steps(source, &sequence.steps);
            check_nodes(source, &sequence.outputs);
            check_all(source, &sequence.delegate);
        }
        DefinitionKind::Wasm(wasm) => check_all(source, wasm.args.iter().chain([&wasm.module])),
    }
}

/// Checks all spans of a value.
pub fn check_node(source: &Source, node: &Node) {
    check_span(source, node.span);
    match &node.kind {
        NodeKind::Null | NodeKind::Boolean(_) | NodeKind::Number(_) | NodeKind::String(_) => {}
        NodeKind::Array(items) => items.iter().for_each(|item| check_node(source, item)),
        NodeKind::Struct(members) => check_nodes(source, members),
    }
}

fn check_steps(source: &Source, steps: &[Step]) {
    for step in steps {
        check_span(source, step.span);
        check_span(source, step.name.span);
        check_pairs(source, &step.env);
        match &step.action {
            StepAction::Function { reference, inputs } => {
                check_span(source, reference.span);
                check_nodes(source, inputs);
            }
            StepAction::Script(text) => check_span(source, text.span),
        }
    }
}

fn check_nodes(source: &Source, nodes: &[(Spanned<String>, Node)]) {
    for (index, (name, node)) in nodes.iter().enumerate() {
        check_span(source, name.span);
        check_node(source, node);
        // Of the first few, since all pairs would be too many.
        let repeated = nodes[..index.min(16)].iter().any(|(earlier, _)| earlier.value == name.value);
        assert!(!repeated, "the key {:?} occurs twice", name.value);
    }
}

fn check_pairs(source: &Source, pairs: &[(Spanned<String>, Spanned<String>)]) {
    check_all(source, pairs.iter().flat_map(|(name, value)| [name, value]));
}

fn check_all<'s>(source: &Source, texts: impl IntoIterator<Item = &'s Spanned<String>>) {
    texts.into_iter().for_each(|text| check_span(source, text.span));
}
