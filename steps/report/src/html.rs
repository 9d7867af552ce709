//! The page as HTML: one file that asks for nothing, in the colours that the reader's system has.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use crate::section::Content;
use crate::table::{Cell, Table};

/// The end of the page.
pub(crate) const END: &str = "</main>\n</body>\n</html>\n";

/// Allows what the page holds itself and nothing else.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root { color-scheme: light dark; --line: #d0d7de; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #1c2128; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1rem 1.5rem 4rem; }
h1, h2 { line-height: 1.25; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; padding-bottom: .3rem; }
pre { background: var(--soft); border-radius: 6px; overflow: auto; padding: 1rem; font-size: .875rem; }
code { font-family: ui-monospace, monospace; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .3rem .8rem; text-align: left; vertical-align: top; white-space: pre-wrap; }
th { background: var(--soft); }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
figure { margin: 0; }
figcaption { color: GrayText; font-size: .875rem; }
img { max-width: 100%; }
.text { white-space: pre-wrap; }
";

/// Returns the page up to its sections.
pub(crate) fn start(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    )
}

/// Returns a section.
pub(crate) fn section(title: &str, content: &Content) -> String {
    let heading = if title.is_empty() { String::new() } else { format!("<h2>{}</h2>\n", escaped(title)) };
    let content = match content {
        Content::Text(text) => format!("<div class=\"text\">{}</div>\n", escaped(text)),
        Content::Markdown(text) => of_markdown(text),
        Content::Table(table) => of_table(table),
        Content::File { path, text, language } => {
            let class =
                if language.is_empty() { String::new() } else { format!(" class=\"language-{}\"", escaped(language)) };
            // A line feed right behind `<pre>` would be lost.
            format!(
                "<figure><figcaption>{}</figcaption><pre><code{class}>{}</code></pre></figure>\n",
                escaped(path),
                escaped(text)
            )
        }
        Content::Image { path, image } => {
            format!("<figure><img src=\"{}\" alt=\"{}\"></figure>\n", image.url(), escaped(path))
        }
    };
    format!("<section>\n{heading}{content}</section>\n")
}

fn of_table(table: &Table) -> String {
    let heading = |text: &String| format!("<th scope=\"col\">{}</th>", escaped(text));
    let cell = |cell: &Cell| {
        let class = if cell.is_number { " class=\"number\"" } else { "" };
        format!("<td{class}>{}</td>", escaped(&cell.text))
    };
    let row = |row: &Vec<Cell>| format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>());
    let headings: String = table.headings.iter().map(heading).collect();
    let rows: String = table.rows.iter().map(row).collect();
    let more = if table.more == 0 { String::new() } else { format!("<p>and {} more</p>\n", table.more) };
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{more}"
    )
}

/// Returns Markdown as HTML: tags in it are shown as text, images of other places become links, and links lead to the web,
/// to mail or to places on the page.
fn of_markdown(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let text: String = text.chars().map(shown).collect();
    let events = Parser::new_ext(&text, options).map(harmless);
    let mut page = String::new();
    html::push_html(&mut page, events);
    page
}

fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: link(dest_url), title, id })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: link(dest_url), title, id })
        }
        other => other,
    }
}

/// Returns where a link leads, or a place on the page for schemes that do more than show a page.
fn link(url: CowStr<'_>) -> CowStr<'_> {
    let lower = url.trim_start().to_ascii_lowercase();
    let is_harmless = ["https://", "http://", "mailto:", "#"].iter().any(|start| lower.starts_with(start))
        || !lower.split(['/', '?', '#']).next().unwrap_or_default().contains(':');
    if is_harmless { url } else { "#".into() }
}

/// Returns a text in which nothing is a tag, an attribute's end or a reference.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(shown(other)),
        }
    }
    escaped
}

/// Returns a character, or U+FFFD for one that a page must not hold.
fn shown(character: char) -> char {
    let is_blank = matches!(character, '\n' | '\t' | '\r');
    if character.is_control() && !is_blank { '\u{fffd}' } else { character }
}
