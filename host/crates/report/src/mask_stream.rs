//! Masking a stream: chunks in, cut anywhere; masked bytes out.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::forms::MIN_BYTES;
use crate::mask::{MASKED, Masker};
use crate::patterns::{Patterns, StateID};

/// Masks a stream that comes in chunks, cut anywhere: what comes out is what [`Masker::mask_bytes`] makes of the whole,
/// however it was cut. Held back is only the end that may yet turn out to belong to a secret.
///
/// A text that is added while the stream runs is masked from then on, held-back bytes included.
pub struct MaskStream {
    masker: Masker,
    patterns: Arc<Patterns>,
    generation: u64,
    // None before any text.
    state: Option<StateID>,
    // The longest end of the stream with which a pattern begins: empty whenever nothing is suspected.
    held: VecDeque<u8>,
    // Position in the stream of the first held byte.
    held_from: u64,
    // What is to be masked of the held bytes and behind, by position in the stream: in order, with gaps between. May
    // begin before the held bytes where masking has begun there.
    covered: VecDeque<Range<u64>>,
    // Whether the byte before the held ones was masked.
    in_mask: bool,
}

impl MaskStream {
    /// Starts before the first byte.
    pub(crate) fn new(masker: Masker) -> Self {
        // The number first: a text that is added in between is seen as growth by the next chunk.
        let generation = masker.generation();
        Self {
            patterns: masker.patterns(),
            masker,
            generation,
            state: None,
            held: VecDeque::new(),
            held_from: 0,
            covered: VecDeque::new(),
            in_mask: false,
        }
    }

    /// Takes a chunk and appends to `out` what can be said by now.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.keep_up(out);
        let mut at = 0;
        // Where the present suspicion began, or may have begun before this chunk.
        let mut suspected = 0;
        while at < chunk.len() {
            if self.held.is_empty() {
                let quiet = self.patterns.quiet_length(&chunk[at..]);
                self.pass(&chunk[at..at + quiet], out);
                at += quiet;
                suspected = at;
            }
            let Some(byte) = chunk.get(at) else { break };
            self.step(*byte, out);
            at += 1;
            if let Some(start) = self.faint_suspicion(at).filter(|start| *start > suspected) {
                self.held.clear();
                self.state = None;
                at = start;
            }
        }
    }

    /// Returns where in a chunk the held bytes begin, if they are too few to be looked at one by one: the filter is
    /// faster. `end` bytes of the chunk have been seen.
    fn faint_suspicion(&self, end: usize) -> Option<usize> {
        let faint = self.held.len() < MIN_BYTES && self.covered.is_empty();
        if faint { end.checked_sub(self.held.len()) } else { None }
    }

    /// Appends what is held back. The stream is then as new.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.settle(self.held.len(), out);
        self.state = None;
        self.in_mask = false;
    }

    /// Lets bytes through in which nothing begins; nothing is held.
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !bytes.is_empty() {
            out.extend_from_slice(bytes);
            self.held_from += bytes.len() as u64;
            self.in_mask = false;
        }
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.held.push_back(byte);
        let depth = self.advance(byte, self.held.len());
        self.settle(self.held.len() - depth, out);
    }

    /// Walks over a byte, the last of `seen` held ones; returns how many of them are still suspected.
    fn advance(&mut self, byte: u8, seen: usize) -> usize {
        let state = self.state.unwrap_or_else(|| self.patterns.start());
        let (next, facts) = self.patterns.next(state, byte);
        self.state = Some(next);
        let end = self.held_from + seen as u64;
        if facts.longest > 0 {
            self.cover(end - facts.longest as u64..end);
        }
        facts.depth
    }

    /// Notes a range to be masked, in one with those that it touches. No range was noted before that lies wholly behind it.
    fn cover(&mut self, mut range: Range<u64>) {
        while let Some(last) = self.covered.pop_back_if(|last| last.end >= range.start) {
            range = range.start.min(last.start)..range.end.max(last.end);
        }
        self.covered.push_back(range);
    }

    /// Lets go of the first held bytes.
    fn settle(&mut self, count: usize, out: &mut Vec<u8>) {
        let end = self.held_from + count as u64;
        while self.held_from < end {
            let (masked, until) = match self.covered.front() {
                Some(range) if range.start <= self.held_from => (true, range.end.min(end)),
                Some(range) => (false, range.start.min(end)),
                None => (false, end),
            };
            #[expect(clippy::cast_possible_truncation, reason = "at most the number of held bytes")]
            let bytes = self.held.drain(..(until - self.held_from) as usize);
            if !masked {
                out.extend(bytes);
            } else if !self.in_mask {
                out.extend_from_slice(MASKED.as_bytes());
            }
            self.in_mask = masked;
            self.held_from = until;
            self.covered.pop_front_if(|range| range.end <= until);
        }
    }

    /// Takes over what has been added since: the held bytes are looked at once more.
    fn keep_up(&mut self, out: &mut Vec<u8>) {
        let generation = self.masker.generation();
        if self.generation == generation {
            return;
        }
        self.generation = generation;
        self.patterns = self.masker.patterns();
        self.state = None;
        // All that lies in the held bytes is found again.
        self.covered.retain(|range| range.start < self.held_from);
        let mut depth = 0;
        for at in 0..self.held.len() {
            depth = self.advance(self.held[at], at + 1);
        }
        self.settle(self.held.len() - depth, out);
    }
}

impl fmt::Debug for MaskStream {
    /// Leaves the held bytes out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskStream({} bytes held back)", self.held.len())
    }
}
