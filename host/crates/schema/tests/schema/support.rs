//! Shared by the tests: parsing under a fixed name, and problems as lines that tables can hold.

use stepwell_schema::{Function, Job, Node, Problems, Severity, Source};

pub(crate) fn function(text: &str) -> Result<Function, Problems> {
    Function::parse(Source::new("func.yml", text))
}

pub(crate) fn job(text: &str) -> Result<Job, Problems> {
    Job::parse(Source::new("job.yml", text))
}

pub(crate) fn node(text: &str) -> Result<Node, Problems> {
    Node::parse(Source::new("value.yml", text))
}

/// Returns the first document for some needs, with a definition behind it.
pub(crate) fn needs(needs: &str) -> String {
    format!("spec: {{ needs: {needs} }}\n---\nexec: {{ command: [x] }}\n")
}

/// Returns `SEVERITY CODE LINE UNDERLINED: MESSAGE [LABEL]` for each problem.
pub(crate) fn summary(problems: &Problems) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            let label = &problem.labels[0];
            let source = &label.place.source;
            let (line, _) = source.line_column(label.place.span.start);
            let underlined = &source.text()[label.place.span.start..label.place.span.end];
            let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
            format!("{severity} {} {line} {underlined}: {} [{}]", problem.code, problem.message, label.text)
        })
        .collect()
}
