//! Draws problems of documents: message, underlined place, what to do.

use std::fmt;
use std::io::{self, Write};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use stepwell_schema::reference::without_written_credentials;
use stepwell_schema::{Label, Place, Problem, Problems, Severity, Source};

/// Longest line of a document that is shown, in bytes: longer than people write them. The lists that runners hand over are
/// one line each; shown, it would be the whole list with all that stands in it.
const MAX_SHOWN_LINE_BYTES: usize = 160;

/// Lines above and below a place that are shown with it.
const CONTEXT_LINES: usize = 1;

/// Draws every problem, in order, and a closing line with their number.
///
/// # Errors
/// The writer's.
pub(super) fn draw(out: &mut dyn Write, problems: &Problems, color: bool) -> io::Result<()> {
    for problem in problems.iter() {
        draw_one(out, problem, color)?;
    }
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => Ok(()),
        (0, warnings) => writeln!(out, "{}", counted(warnings, "warning")),
        (errors, 0) => writeln!(out, "{}", counted(errors, "problem")),
        (errors, warnings) => writeln!(out, "{}, {}", counted(errors, "problem"), counted(warnings, "warning")),
    }
}

/// Draws one problem and an empty line.
///
/// # Errors
/// The writer's.
pub(super) fn draw_one(out: &mut dyn Write, problem: &Problem, color: bool) -> io::Result<()> {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_links(false).with_width(100).with_context_lines(CONTEXT_LINES);
    let mut text = String::new();
    // Writing into a `String` fails only where a source could not be read, and ours are in memory.
    if handler.render_report(&mut text, &Drawn::new(problem)).is_err() {
        text = format!("{problem}\n");
    }
    out.write_all(text.trim_start_matches('\n').as_bytes())?;
    writeln!(out)
}

/// Returns `1 problem`, `2 problems`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A problem as miette draws it. Labels in other documents than the first are drawn beneath as related places. Where
/// lines are too long to be shown, the place is named in front of the message.
struct Drawn<'a> {
    problem: &'a Problem,
    source: Option<NamedSource<String>>,
    related: Vec<RelatedPlace<'a>>,
}

/// A label in another document than the problem's own.
struct RelatedPlace<'a> {
    label: &'a Label,
    source: Option<NamedSource<String>>,
}

impl<'a> Drawn<'a> {
    fn new(problem: &'a Problem) -> Self {
        let main = problem.labels.first().map(|label| &label.place.source);
        let related = problem
            .labels
            .iter()
            .filter(|label| Some(&label.place.source) != main)
            .map(|label| RelatedPlace { label, source: shown(&label.place).then(|| named(&label.place.source)) })
            .collect();
        let all_shown =
            problem.labels.iter().filter(|label| Some(&label.place.source) == main).all(|label| shown(&label.place));
        Self { problem, source: main.filter(|_| all_shown).map(|source| named(source)), related }
    }
}

/// Tells whether all lines that would be shown with a place are short enough for that.
fn shown(place: &Place) -> bool {
    let text = place.source.text();
    let above = text.get(..place.span.start).unwrap_or_default().split('\n').count();
    let inside = text.get(place.span.start..place.span.end).unwrap_or_default().split('\n').count();
    let first = above.saturating_sub(1 + CONTEXT_LINES);
    let last = above + inside - 1 + CONTEXT_LINES;
    text.split('\n').take(last).skip(first).all(|line| line.len() <= MAX_SHOWN_LINE_BYTES)
}

/// Credentials that somebody wrote into an address are not shown; places stay where they are.
fn named(source: &Source) -> NamedSource<String> {
    NamedSource::new(source.name(), without_written_credentials(source.text()))
}

fn span(label: &Label) -> LabeledSpan {
    let Place { source, span } = &label.place;
    let end = span.end.min(source.text().len());
    let start = span.start.min(end);
    let text = (!label.text.is_empty()).then(|| label.text.clone());
    LabeledSpan::new(text, start, end - start)
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(_) => f.write_str(&self.problem.message),
            None => fmt::Display::fmt(self.problem, f),
        }
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.problem, f)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let main = &self.problem.labels.first()?.place.source;
        Some(Box::new(self.problem.labels.iter().filter(move |label| &label.place.source == main).map(span)))
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|place| place as &dyn Diagnostic)))
    }
}

impl fmt::Display for RelatedPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_none() {
            write!(f, "{}: ", self.label.place)?;
        }
        f.write_str(if self.label.text.is_empty() { "see also" } else { &self.label.text })
    }
}

impl fmt::Debug for RelatedPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.label, f)
    }
}

impl std::error::Error for RelatedPlace<'_> {}

impl Diagnostic for RelatedPlace<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        // Its words are the heading.
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, *span(self.label).inner()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepwell_schema::Span;

    #[test]
    fn a_line_that_is_too_long_is_not_shown() {
        let text = format!("- {{ name: a, script: {} }}\n- {{ nmae: b }}\n", "x".repeat(MAX_SHOWN_LINE_BYTES));
        let place = text.find("nmae").expect("it is there");
        let problem = Problem::error("unknown-key", "unknown key `nmae`")
            .at(Place::new(Source::new("STEPS", text), Span::new(place, place + 4)), "did you mean `name`?");
        let mut text = Vec::new();
        draw(&mut text, &problem.into(), false).expect("a vector takes everything");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains("STEPS:2:5: unknown key `nmae`"), "{text}");
        assert!(!text.contains("xxx"), "{text}");
    }

    #[test]
    fn a_problem_shows_code_place_and_help() {
        let source = Source::new("job.yml", "run:\n  - nmae: a\n");
        let problem = Problem::error("unknown-key", "unknown key `nmae`")
            .at(Place::new(source, Span::new(9, 13)), "did you mean `name`?")
            .help("known keys: name");
        let mut text = Vec::new();
        draw(&mut text, &problem.into(), false).expect("a vector takes everything");
        let text = String::from_utf8(text).expect("text");
        for part in [
            "unknown-key",
            "unknown key `nmae`",
            "job.yml:2:5",
            "did you mean `name`?",
            "known keys: name",
            "1 problem",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
    }
}
