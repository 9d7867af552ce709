//! The masker: what must not be seen is replaced by [`MASKED`], also where it comes encoded or in pieces.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stepwell_run::MaskSink;

use crate::forms::{encoded_forms, parts};
use crate::mask_stream::MaskStream;
use crate::patterns::Patterns;

/// What stands in place of a secret.
pub const MASKED: &str = "[MASKED]";

/// Most bytes of encoded forms that are looked for. Whatever the sizes of the secrets, each is looked for as it is;
/// those that come when this is used up are not looked for in encoded form. A search structure takes some thirty times
/// as much memory.
pub const MAX_ENCODED_BYTES: usize = 1 << 20;

/// The texts that are masked in one job. Cheap to clone; every clone is the same set, which only grows.
///
/// Looked for are: the text as it is, without line breaks at its ends; each of its lines of at least 8 characters; and of
/// all those the forms in base64 (three alignments, both alphabets), percent-encoded and escaped as in JSON. A known
/// prefix of a token, such as `glpat-`, stays visible. Occurrences that overlap or touch become one [`MASKED`].
#[derive(Clone, Default)]
pub struct Masker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    // Goes up by one with each text, so that streams see growth without taking the lock.
    generation: AtomicU64,
    set: Mutex<Set>,
}

#[derive(Default)]
struct Set {
    plain: BTreeSet<Vec<u8>>,
    encoded: BTreeSet<Vec<u8>>,
    encoded_bytes: usize,
    // None when the set has grown since.
    compiled: Option<Arc<Patterns>>,
}

impl Masker {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Masks a text from now on. Texts of less than 4 bytes are ignored: they would turn up in innocent text.
    pub fn add(&self, text: &str) {
        let mut set = self.set();
        let mut grown = false;
        for part in parts(text) {
            grown |= set.insert(part);
        }
        if grown {
            set.compiled = None;
            self.0.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Returns the receiver of texts that executors are given.
    pub fn sink(&self) -> MaskSink {
        let masker = self.clone();
        MaskSink(Arc::new(move |text| masker.add(text)))
    }

    /// Starts a stream of bytes that belong together, such as the standard output of one step.
    pub fn stream(&self) -> MaskStream {
        MaskStream::new(self.clone())
    }

    /// Masks a whole text.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let bytes = self.mask_bytes(text.as_bytes());
        if bytes == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        // Nothing is lost: all that is looked for are whole characters, and so is what is left.
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Masks bytes that are whole.
    pub fn mask_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        let mut masked = Vec::with_capacity(bytes.len());
        let mut stream = self.stream();
        stream.feed(bytes, &mut masked);
        stream.finish(&mut masked);
        masked
    }

    /// Returns a number that is another one whenever the set has grown.
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Returns the search structure for the present set, made anew only when the set has grown.
    pub(crate) fn patterns(&self) -> Arc<Patterns> {
        let mut set = self.set();
        let Set { plain, encoded, compiled, .. } = &mut *set;
        let all = || Arc::new(Patterns::compile(&plain.union(encoded).cloned().collect()));
        Arc::clone(compiled.get_or_insert_with(all))
    }

    fn set(&self) -> MutexGuard<'_, Set> {
        // The set is whole between any two statements that could panic.
        self.0.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Set {
    /// Adds a part with its forms; tells whether it is new.
    fn insert(&mut self, part: &str) -> bool {
        if !self.plain.insert(part.as_bytes().to_vec()) {
            return false;
        }
        // An encoded form is up to six times as long as the text: no use making what there is no room for.
        if self.encoded_bytes + part.len() > MAX_ENCODED_BYTES {
            return true;
        }
        for form in encoded_forms(part) {
            if self.encoded_bytes + form.len() <= MAX_ENCODED_BYTES {
                self.encoded_bytes += form.len();
                self.encoded.insert(form);
            }
        }
        true
    }
}

impl fmt::Debug for Masker {
    /// Leaves the texts out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masker({} texts)", self.set().plain.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masker(texts: &[&str]) -> Masker {
        let masker = Masker::new();
        for text in texts {
            masker.add(text);
        }
        masker
    }

    #[track_caller]
    fn check(texts: &[&str], input: &str, expected: &str) {
        assert_eq!(masker(texts).mask(input), expected, "{texts:?}");
        // Byte by byte as well.
        let chunks = input.as_bytes().chunks(1).collect::<Vec<_>>();
        assert_eq!(String::from_utf8_lossy(&stream(&masker(texts), &chunks)), expected, "{texts:?}");
    }

    fn stream(masker: &Masker, chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut stream = masker.stream();
        for chunk in chunks {
            stream.feed(chunk, &mut out);
        }
        stream.finish(&mut out);
        out
    }

    #[test]
    fn plain_texts() {
        check(&[], "nothing to hide", "nothing to hide");
        check(&["hunter2"], "", "");
        check(&["hunter2"], "hunter", "hunter");
        check(&["hunter2"], "hunter2", "[MASKED]");
        check(&["hunter2"], "the hunter2 and hunter3", "the [MASKED] and hunter3");
        check(&["abc", ""], "abc abc", "abc abc");
        check(&["pässwört"], "ein pässwört!", "ein [MASKED]!");
    }

    #[test]
    fn overlapping_and_touching_ones_become_one() {
        check(&["abcde", "defgh"], "xabcdefghx", "x[MASKED]x");
        check(&["abcdefgh", "cdef"], "xabcdefgx", "xab[MASKED]gx");
        check(&["abcdefgh", "cdef"], "xabcdefghx", "x[MASKED]x");
        check(&["hunter2"], "hunter2hunter2 hunter2", "[MASKED] [MASKED]");
        check(&["aaaa"], "aaa aaaa aaaaaaaaa", "aaa [MASKED] [MASKED]");
        check(&["abab"], "xababababx", "x[MASKED]x");
    }

    #[test]
    fn encoded_forms_are_masked() {
        check(&["secret"], "c2VjcmV0", "[MASKED]");
        check(&["p/ss w\"rd"], "?token=p%2Fss%20w%22rd&x", "?token=[MASKED]&x");
        check(&["p/ss w\"rd"], r#"{"token":"p/ss w\"rd"}"#, r#"{"token":"[MASKED]"}"#);
        check(&["line one\nline two"], r#""line one\nline two""#, r#""[MASKED]""#);
        // `printf user:secret1 | base64`, which holds the end of the user's name in the first letter of the secret.
        check(&["secret1"], "dXNlcjpzZWNyZXQx", "dXNlcjp[MASKED]");
    }

    #[test]
    fn secrets_of_several_lines_are_masked_line_by_line() {
        check(&["first line\nno\nlast line\n"], "a last line b first line no", "a [MASKED] b [MASKED] no");
        check(&["first line\nlast line"], "first line\nlast line\n", "[MASKED]\n");
    }

    #[test]
    fn known_prefixes_stay_visible() {
        check(&["glpat-0123456789"], "token glpat-0123456789.", "token glpat-[MASKED].");
        check(&["glpat-0123456789"], "token 0123456789.", "token [MASKED].");
    }

    #[test]
    fn as_little_as_needed_is_held_back() {
        let mut out = Vec::new();
        let mut stream = masker(&["hunter2"]).stream();
        stream.feed(b"some text\nhun", &mut out);
        assert_eq!(out, b"some text\n");
        stream.feed(b"ger\n", &mut out);
        assert_eq!(out, b"some text\nhunger\n");
        stream.feed(b"hunter", &mut out);
        assert_eq!(out, b"some text\nhunger\n");
        stream.feed(b"2", &mut out);
        stream.finish(&mut out);
        assert_eq!(out, b"some text\nhunger\n[MASKED]");
    }

    #[test]
    fn a_finished_stream_starts_anew() {
        let mut out = Vec::new();
        let mut stream = masker(&["hunter2"]).stream();
        stream.feed(b"hunt", &mut out);
        stream.finish(&mut out);
        stream.feed(b"er2 hunter2", &mut out);
        stream.finish(&mut out);
        assert_eq!(out, b"hunter2 [MASKED]");
    }

    #[test]
    fn held_bytes_are_looked_at_again_when_the_set_grows() {
        let masker = masker(&["abcdefgh"]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        stream.feed(b"x abcde", &mut out);
        masker.add("cdefy");
        masker.add("bcde");
        stream.feed(b"fy and bcde", &mut out);
        stream.finish(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), "x a[MASKED] and [MASKED]");
    }

    #[test]
    fn what_was_found_stays_found_when_the_set_grows() {
        let masker = masker(&["abcd", "cdxx"]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        stream.feed(b"abcd", &mut out);
        masker.add("never seen");
        stream.feed(b"e", &mut out);
        stream.finish(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), "[MASKED]e");
    }

    #[test]
    fn compiled_once_for_each_growth() {
        let masker = masker(&["hunter2"]);
        let first = masker.patterns();
        masker.add("hunter2");
        masker.add("abc");
        assert!(Arc::ptr_eq(&first, &masker.patterns()));
        masker.add("another");
        assert!(!Arc::ptr_eq(&first, &masker.patterns()));
    }

    #[test]
    fn encoded_forms_have_a_bound_and_plain_texts_have_none() {
        let masker = Masker::new();
        let long = "0123456789abcdef".repeat(1 << 16);
        masker.add(&long);
        masker.add("another one");
        assert!(masker.set().encoded_bytes <= MAX_ENCODED_BYTES);
        assert_eq!(masker.mask(&format!("{long} another one")), "[MASKED] [MASKED]");
    }

    #[test]
    fn debug_shows_no_secret() {
        let masker = masker(&["hunter2"]);
        let mut stream = masker.stream();
        stream.feed(b"hunt", &mut Vec::new());
        assert_eq!(format!("{masker:?} {stream:?}"), "Masker(1 texts) MaskStream(4 bytes held back)");
    }

    /// What masking means, said plainly: every byte of every occurrence of every form, runs of such bytes in one.
    fn model(masker: &Masker, text: &[u8]) -> Vec<u8> {
        let set = masker.set();
        let mut masked = vec![false; text.len()];
        for form in set.plain.union(&set.encoded) {
            for at in (0..text.len()).filter(|at| text[*at..].starts_with(form)) {
                masked[at..at + form.len()].fill(true);
            }
        }
        let mut out = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            match masked[at] {
                false => out.push(*byte),
                true if at > 0 && masked[at - 1] => {}
                true => out.extend_from_slice(MASKED.as_bytes()),
            }
        }
        out
    }

    /// Texts over few letters, so that they overlap often; the letters do not occur in [`MASKED`].
    fn secrets() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-c\n\"é]{1,9}", 0..5)
    }

    fn text(secrets: &[String]) -> impl Strategy<Value = Vec<u8>> + use<> {
        let forms =
            secrets.iter().flat_map(|secret| encoded_forms(secret).into_iter().chain([secret.as_bytes().to_vec()]));
        let forms = forms.chain([b" ".to_vec()]).collect::<Vec<_>>();
        let piece = prop_oneof!["[a-c\n\" ]{0,6}".prop_map(String::into_bytes), prop::sample::select(forms)];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
        prop::collection::vec(any::<prop::sample::Index>(), 0..8)
    }

    fn cut<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
        let mut ends = cuts.iter().map(|cut| cut.index(text.len() + 1)).chain([text.len()]).collect::<Vec<_>>();
        ends.sort_unstable();
        let starts = [0].into_iter().chain(ends.clone());
        starts.zip(&ends).map(|(start, end)| &text[start..*end]).collect()
    }

    proptest! {
        #[test]
        fn streams_mask_as_the_model_does(
            (secrets, text) in secrets().prop_flat_map(|secrets| { let text = text(&secrets); (Just(secrets), text) }),
            cuts in cuts(),
        ) {
            let masker = masker(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let expected = model(&masker, &text);
            prop_assert_eq!(&stream(&masker, &cut(&text, &cuts)), &expected);
            prop_assert_eq!(&masker.mask_bytes(&text), &expected);
            for secret in secrets.iter().filter(|secret| secret.trim_matches('\n').len() >= 4) {
                prop_assert!(!String::from_utf8_lossy(&expected).contains(secret.as_str()));
            }
        }

        #[test]
        fn growth_between_chunks_hides_all_that_comes_later(
            (secrets, text) in secrets().prop_flat_map(|secrets| { let text = text(&secrets); (Just(secrets), text) }),
            cuts in cuts(),
        ) {
            let masker = Masker::new();
            let mut stream = masker.stream();
            let mut out = Vec::new();
            stream.feed(b"-", &mut out);
            for secret in &secrets {
                masker.add(secret);
            }
            for chunk in cut(&text, &cuts) {
                stream.feed(chunk, &mut out);
                masker.add(&format!("unrelated{}", chunk.len()));
            }
            stream.finish(&mut out);
            prop_assert_eq!(&out[1..], &model(&masker, &text));
        }
    }
}
