//! A file as a row of windows, so that one of any size takes the same memory.

use std::fs::File;
use std::io::Read;

use stepwell_sdk::{Access, Failure, Step};

/// How much of a file is looked at in one piece.
pub(crate) const WINDOW_BYTES: usize = 256 * 1024;

/// How far a finding may reach behind its start to be found whole, wherever windows begin. The longest rule takes less.
pub(crate) const REACH_BYTES: usize = 16 * 1024;

/// What is kept of the window before, for what a rule wants to see before a finding: the start of its line.
const BEFORE_BYTES: usize = 1024;

/// How much of a file's start is looked at to tell text from other bytes, as git does.
const SNIFF_BYTES: usize = 8 * 1024;

/// What is known of a file before it is looked through.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is text.
    Text(Box<Windows>),
    /// It is not.
    Binary,
}

/// A file of text that is being read.
#[derive(Debug)]
pub(crate) struct Windows {
    file: File,
    path: String,
    /// In UTF-16 every other byte of ASCII is zero. Without those bytes it is ASCII, and secrets are.
    drops_zeros: bool,
    buffer: Vec<u8>,
    /// Where in the buffer the starts of new findings begin.
    fresh: usize,
    /// The line of the buffer's first byte, from 1.
    line: u64,
    ended: bool,
}

/// A window of a file.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// Where findings of this window start; those before were in the window before, those behind will be in the next.
    pub(crate) fresh: std::ops::Range<usize>,
    line: u64,
}

impl Windows {
    /// Opens a file and looks at its start.
    pub(crate) fn open(step: &Step, path: &str) -> Result<Opened, Failure> {
        let mut windows = Self {
            file: step.open(path)?,
            path: path.to_owned(),
            drops_zeros: false,
            buffer: Vec::new(),
            fresh: 0,
            line: 1,
            ended: false,
        };
        windows.fill(SNIFF_BYTES)?;
        let start = &windows.buffer[..windows.buffer.len().min(SNIFF_BYTES)];
        windows.drops_zeros = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
        if !windows.drops_zeros && start.contains(&0) {
            return Ok(Opened::Binary);
        }
        if windows.drops_zeros {
            windows.buffer.retain(|byte| *byte != 0);
        }
        Ok(Opened::Text(Box::new(windows)))
    }

    /// Returns the next window; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Window<'_>>, Failure> {
        if self.ended && self.fresh >= self.buffer.len() {
            return Ok(None);
        }
        self.forget();
        self.fill(WINDOW_BYTES)?;
        let end = if self.ended { self.buffer.len() } else { self.buffer.len() - REACH_BYTES };
        let fresh = self.fresh..end;
        self.fresh = end;
        Ok(Some(Window { bytes: &self.buffer, fresh, line: self.line }))
    }

    /// Drops what no finding to come needs.
    fn forget(&mut self) {
        let before = self.fresh.saturating_sub(BEFORE_BYTES);
        self.line += lines(&self.buffer[..before]);
        self.buffer.drain(..before);
        self.fresh -= before;
    }

    /// Reads until the buffer has so many bytes or the file ends.
    fn fill(&mut self, bytes: usize) -> Result<(), Failure> {
        while self.buffer.len() < bytes && !self.ended {
            let held = self.buffer.len();
            let wanted = (bytes - held) as u64;
            let mut limited = (&mut self.file).take(wanted);
            let read = limited.read_to_end(&mut self.buffer);
            let read = read.map_err(|error| Failure::of_file(Access::Read, &self.path, &error))?;
            self.ended = (read as u64) < wanted;
            if self.drops_zeros {
                let mut new = self.buffer.split_off(held);
                new.retain(|byte| *byte != 0);
                self.buffer.append(&mut new);
            }
        }
        Ok(())
    }
}

impl Window<'_> {
    /// Returns the line of a place, from 1.
    pub(crate) fn line_of(&self, place: usize) -> u64 {
        self.line + lines(&self.bytes[..place])
    }

    /// Returns the text of the line of a place, as far as the window has it and near the place.
    pub(crate) fn line_text(&self, place: usize) -> &[u8] {
        let (before, behind) = self.bytes.split_at(place);
        let near = place.saturating_sub(BEFORE_BYTES);
        let start = before.iter().skip(near).rposition(|byte| *byte == b'\n').map_or(near, |found| near + found + 1);
        let reach = behind.len().min(REACH_BYTES);
        let end = behind[..reach].iter().position(|byte| *byte == b'\n').unwrap_or(reach);
        &self.bytes[start..place + end]
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
