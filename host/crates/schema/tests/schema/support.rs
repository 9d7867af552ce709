//! Shared by the tests: parsing under a fixed name, and problems as lines that tables can hold.

use stepwell_schema::{Function, Job, Node, Pipeline, Problems, Severity, Source};

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

pub(crate) fn pipeline(text: &str) -> Result<Pipeline, Problems> {
    pipeline_of(&[("p.yml", text)])
}

/// Reads a pipeline of which the first file is the main one; the others are there to be included.
pub(crate) fn pipeline_of(files: &[(&str, &str)]) -> Result<Pipeline, Problems> {
    let source =
        |name: &str| files.iter().find(|(known, _)| *known == name).map(|(name, text)| Source::new(*name, *text));
    let mut include = |path: &str| {
        let found = source(path.trim_start_matches('/'));
        found.map(|source| vec![source]).ok_or_else(|| "there is no such file".to_owned())
    };
    Pipeline::load(source(files[0].0).expect("a main file"), &mut include)
}
