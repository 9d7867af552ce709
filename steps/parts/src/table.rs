//! A table for the log: columns that are aligned, numbers to the right.

/// Widest a text of the first column is shown; longer ones lose their start, which says less than their end.
const MAX_WIDTH: usize = 72;

/// Rows of texts beneath headings. The first column is text, the others are numbers.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns a table of headings alone.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row, of as many texts as there are headings.
    pub fn row(&mut self, texts: impl IntoIterator<Item = String>) {
        let row = texts.into_iter().enumerate().map(|(place, text)| if place == 0 { shorten(&text) } else { text });
        self.rows.push(row.collect());
    }

    /// Returns the lines, without blanks at their ends.
    pub fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|text| length(text)).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cell = |(place, (text, width)): (usize, (&String, &usize))| {
        let blanks = " ".repeat(width.saturating_sub(length(text)));
        if place == 0 { format!("{text}{blanks}") } else { format!("  {blanks}{text}") }
    };
    let line: String = row.iter().zip(widths).enumerate().map(cell).collect();
    line.trim_end().to_owned()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn shorten(text: &str) -> String {
    let text: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let surplus = length(&text).saturating_sub(MAX_WIDTH);
    if surplus == 0 { text } else { format!("…{}", text.chars().skip(surplus + 1).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["file", "lines"]);
        table.row(["ä\n.rs".to_owned(), "7".to_owned()]);
        table.row(["longer.rs".to_owned(), "100.00".to_owned()]);
        assert_eq!(table.lines(), ["file        lines", "ä .rs           7", "longer.rs  100.00"]);
        table.row([format!("{}end", "x".repeat(100)), String::new()]);
        assert_eq!(table.lines()[3], format!("…{}end", "x".repeat(68)));
    }
}
