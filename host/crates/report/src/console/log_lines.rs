//! The log of one step, kept in lines until it is shown.

use std::collections::VecDeque;

use stepwell_run::Stream;

use crate::terminal_text::safe_line;

/// Most bytes that are kept of one step's log: enough for any log that people read on a terminal. Earlier lines go first.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// From which length on a line without end is cut, in bytes; it may be twice as long then.
const MAX_LINE_BYTES: usize = 16 << 10;

/// The last lines of a log, ready for a terminal.
#[derive(Debug, Default)]
pub(crate) struct LogLines {
    lines: VecDeque<String>,
    kept_bytes: usize,
    left_out: usize,
    // Lines that have not ended yet.
    out: Vec<u8>,
    error: Vec<u8>,
}

impl LogLines {
    /// Adds bytes of a stream. Lines of the two streams do not mix.
    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8], color: bool) {
        let pieces = bytes.split_inclusive(|byte| *byte == b'\n').flat_map(|line| line.chunks(MAX_LINE_BYTES));
        for piece in pieces {
            let open = self.open_line(stream);
            open.extend_from_slice(piece);
            if open.last() == Some(&b'\n') || open.len() >= MAX_LINE_BYTES {
                self.end_line(stream, color);
            }
        }
    }

    /// Adds a line of our own.
    pub(crate) fn push(&mut self, line: String) {
        self.kept_bytes += line.len();
        self.lines.push_back(line);
        while self.kept_bytes > MAX_KEPT_BYTES {
            let Some(first) = self.lines.pop_front() else { break };
            self.kept_bytes -= first.len();
            self.left_out += 1;
        }
    }

    /// Ends open lines; the log is over.
    pub(crate) fn end(&mut self, color: bool) {
        for stream in [Stream::Out, Stream::Error] {
            if !self.open_line(stream).is_empty() {
                self.end_line(stream, color);
            }
        }
    }

    /// Returns the last line that has ended.
    pub(crate) fn last(&self) -> Option<&str> {
        self.lines.back().map(String::as_str)
    }

    /// Takes out the last lines, at most so many, and the number of those before them.
    pub(crate) fn take(&mut self, most: usize) -> (Vec<String>, usize) {
        let first = self.lines.len().saturating_sub(most);
        let left_out = self.left_out + first;
        self.left_out = 0;
        self.kept_bytes = 0;
        (self.lines.drain(..).skip(first).collect(), left_out)
    }

    fn open_line(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Error => &mut self.error,
        }
    }

    fn end_line(&mut self, stream: Stream, color: bool) {
        let line = std::mem::take(self.open_line(stream));
        self.push(safe_line(line.strip_suffix(b"\n").unwrap_or(&line), color));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_by_stream() {
        let mut log = LogLines::default();
        log.feed(Stream::Out, b"one\ntw", false);
        log.feed(Stream::Error, b"err", false);
        log.feed(Stream::Out, b"o\n\n", false);
        log.end(false);
        assert_eq!(log.last(), Some("err"));
        assert_eq!(log.take(3), (vec!["two".to_owned(), String::new(), "err".to_owned()], 1));
        assert_eq!(log.take(3), (Vec::new(), 0));
    }

    #[test]
    fn long_logs_and_long_lines_are_bounded() {
        let mut log = LogLines::default();
        for _ in 0..6 {
            log.feed(Stream::Out, &vec![b'x'; 1 << 20], false);
        }
        assert!(log.kept_bytes <= MAX_KEPT_BYTES);
        let (lines, left_out) = log.take(usize::MAX);
        assert!(lines.iter().all(|line| line.len() <= 2 * MAX_LINE_BYTES));
        assert!(left_out > 0);
    }
}
