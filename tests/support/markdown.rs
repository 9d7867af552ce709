//! Code blocks of Markdown pages, so that what the pages show can be tried.

/// One code block.
#[derive(Debug)]
pub(crate) struct Block {
    /// What stands behind the opening fence; empty for an indented block.
    pub(crate) language: String,
    /// The text without fences and without the indentation of an indented block, each line with a line feed.
    pub(crate) text: String,
}

/// Returns the code blocks of a page in order: those between fences, and those indented by four spaces.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut fenced = false;
    let mut indented = false;
    for line in page.lines() {
        let start = |language: &str| Block { language: language.to_owned(), text: String::new() };
        if let Some(language) = line.strip_prefix("```") {
            fenced = !fenced;
            indented = false;
            if fenced {
                blocks.push(start(language));
            }
            continue;
        }
        let code = if fenced { Some(line) } else { line.strip_prefix("    ") };
        if !fenced && code.is_some() && !indented {
            blocks.push(start(""));
        }
        indented = !fenced && code.is_some();
        if let (Some(code), Some(block)) = (code, blocks.last_mut()) {
            block.text.push_str(code);
            block.text.push('\n');
        }
    }
    assert!(!fenced, "a fence is not closed");
    blocks
}

/// Returns what stands between a heading of the second level and the next one.
#[track_caller]
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("\n## {heading}\n")).expect("the page has the heading");
    after.split_once("\n## ").map_or(after, |(section, _)| section)
}
