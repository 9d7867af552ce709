//! All forms of all secrets, compiled for search.

use std::collections::BTreeSet;

use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use crate::forms::MIN_BYTES;

pub(crate) use aho_corasick::automaton::StateID;

/// A compiled set of byte patterns, each at least [`MIN_BYTES`] long.
///
/// The automaton walks over text one byte at a time, in constant time each whatever the patterns, so that text made to
/// be slow is not. Beyond what the library tells, each state knows how much of the text just seen may still become part
/// of a pattern: no more than that needs to be held back. A filter in front skips text in which nothing begins.
pub(crate) struct Patterns {
    // None where there are no patterns.
    automaton: Option<NFA>,
    start: StateID,
    // By state.
    facts: Vec<Facts>,
    heads: Heads,
}

/// What is known of the text just seen.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    /// The length of its longest end with which a pattern begins.
    pub(crate) depth: usize,
    /// The length of its longest end that is a pattern; zero if none is.
    pub(crate) longest: usize,
}

/// Four bytes in a row, hashed: the beginnings of all patterns. 8 KiB, so that it stays in the nearest cache.
struct Heads(Box<[u64; HEAD_WORDS]>);

const HEAD_WORDS: usize = 1 << 10;

impl Patterns {
    /// Compiles patterns.
    pub(crate) fn compile(patterns: &BTreeSet<Vec<u8>>) -> Self {
        let mut compiled = Self::none();
        if patterns.is_empty() {
            return compiled;
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(patterns)
            .expect("an automaton holds 2^31 states, one for each byte: no job has secrets of 2 GiB");
        compiled.start = automaton.start_state(Anchored::No).expect("the automaton is built for searches of this kind");
        for pattern in patterns {
            compiled.heads.insert(pattern);
            let mut state = compiled.start;
            for (index, byte) in pattern.iter().enumerate() {
                // The whole beginning of a pattern is the longest end of itself, so that the walk passes through the
                // states of the pattern and no others.
                state = automaton.next_state(Anchored::No, state, *byte);
                compiled.note(&automaton, state, index + 1);
            }
        }
        compiled.automaton = Some(automaton);
        compiled
    }

    fn none() -> Self {
        Self { automaton: None, start: StateID::ZERO, facts: Vec::new(), heads: Heads::none() }
    }

    fn note(&mut self, automaton: &NFA, state: StateID, depth: usize) {
        let index = state.as_usize();
        if self.facts.len() <= index {
            self.facts.resize(index + 1, Facts::default());
        }
        if self.facts[index].depth > 0 || !automaton.is_match(state) {
            self.facts[index].depth = depth;
            return;
        }
        let lengths =
            (0..automaton.match_len(state)).map(|at| automaton.pattern_len(automaton.match_pattern(state, at)));
        self.facts[index] = Facts { depth, longest: lengths.max().unwrap_or(0) };
    }

    /// Tells whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// Returns the state before any text.
    pub(crate) fn start(&self) -> StateID {
        self.start
    }

    /// Returns the state after one byte more, and what is then known. `state` comes from these very patterns.
    pub(crate) fn next(&self, state: StateID, byte: u8) -> (StateID, Facts) {
        let Some(automaton) = &self.automaton else { return (state, Facts::default()) };
        let next = automaton.next_state(Anchored::No, state, byte);
        (next, self.facts.get(next.as_usize()).copied().unwrap_or_default())
    }

    /// Returns the number of bytes at the front of a text in which no pattern begins. Of the last bytes, too few to
    /// tell, none is counted.
    pub(crate) fn quiet_length(&self, text: &[u8]) -> usize {
        if self.is_empty() {
            return text.len();
        }
        let candidate = text.array_windows::<MIN_BYTES>().position(|head| self.heads.contains(*head));
        candidate.unwrap_or_else(|| text.len().saturating_sub(MIN_BYTES - 1))
    }
}

impl Heads {
    fn none() -> Self {
        Self(Box::new([0; HEAD_WORDS]))
    }

    fn insert(&mut self, pattern: &[u8]) {
        if let Some(head) = pattern.first_chunk() {
            let (word, bit) = Self::place(*head);
            self.0[word] |= bit;
        }
    }

    fn contains(&self, head: [u8; MIN_BYTES]) -> bool {
        let (word, bit) = Self::place(head);
        self.0[word] & bit != 0
    }

    /// Multiplicative hashing by the golden ratio: the upper bits of the product depend on all four bytes.
    fn place(head: [u8; MIN_BYTES]) -> (usize, u64) {
        let hash = u32::from_le_bytes(head).wrapping_mul(0x9E37_79B1) >> 16;
        (usize::try_from(hash >> 6).unwrap_or(0) % HEAD_WORDS, 1 << (hash & 63))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(patterns: &[&str]) -> Patterns {
        Patterns::compile(&patterns.iter().map(|pattern| pattern.as_bytes().to_vec()).collect())
    }

    #[track_caller]
    fn check(patterns: &[&str], text: &str, expected: (usize, usize)) {
        let patterns = compile(patterns);
        let (mut state, mut facts) = (patterns.start(), Facts::default());
        for byte in text.bytes() {
            (state, facts) = patterns.next(state, byte);
        }
        assert_eq!((facts.depth, facts.longest), expected, "{text:?}");
    }

    #[test]
    fn depth_and_longest_match() {
        check(&[], "abcd", (0, 0));
        check(&["abcd"], "", (0, 0));
        check(&["abcd"], "x", (0, 0));
        check(&["abcd"], "xabc", (3, 0));
        check(&["abcd"], "abcd", (4, 4));
        check(&["abcd"], "abcde", (0, 0));
        check(&["abcd", "abcdef"], "abcd", (4, 4));
        check(&["bcde", "abcdef"], "abcde", (5, 4));
        check(&["bcde", "abcde", "cdexx"], "abcde", (5, 5));
        check(&["aaaa", "aaaaaa"], "aaaaaaaaa", (6, 6));
        check(&["abab", "babab"], "xbabab", (5, 5));
    }

    #[test]
    fn quiet_text_is_told_from_candidates() {
        assert_eq!(compile(&[]).quiet_length(b"abc"), 3);
        assert_eq!(compile(&["secret"]).quiet_length(b""), 0);
        assert_eq!(compile(&["secret"]).quiet_length(b"ab"), 0);
        assert_eq!(compile(&["secret"]).quiet_length(b"abcdef"), 3);
        assert_eq!(compile(&["secret"]).quiet_length(b"an old secret"), 7);
    }
}
