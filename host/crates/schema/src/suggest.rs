//! "Did you mean": the known word nearest to a mistaken one.

/// Longest word that is compared, in bytes: the comparison takes time with the product of both lengths, and nobody
/// mistypes a key of this length.
const MAX_WORD_BYTES: usize = 64;

/// Returns the known word nearest to a mistaken one, or none if none is near.
///
/// Near means equal but for case, `-` and `_`, or at most one edit (insertion, deletion, exchange, swap of neighbours)
/// for each three characters begun of the longer word's. Of equally near words the first is returned.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.is_empty() || word.len() > MAX_WORD_BYTES {
        return None;
    }
    let folded = fold(word);
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_WORD_BYTES)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed_distance(&folded, candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(word: &str) -> String {
    word.replace('-', "_").to_lowercase()
}

/// A third of the longer word; words of one or two characters have no neighbours, since everything would be near.
fn allowed_distance(word: &str, candidate: &str) -> usize {
    let length = word.chars().count().max(candidate.chars().count());
    if length < 3 { 0 } else { length.div_ceil(3).min(length / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["inputs", "outputs", "needs", "description", "run", "env"];

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(did_you_mean(word, KEYS), expected, "{word}");
    }

    #[test]
    fn near_words_are_found() {
        check("input", Some("inputs"));
        check("INPUTS", Some("inputs"));
        check("ouptuts", Some("outputs"));
        check("descripton", Some("description"));
        check("rnu", Some("run"));
        check("need", Some("needs"));
    }

    #[test]
    fn far_words_are_not() {
        check("image", None);
        check("", None);
        check("x", None);
        check("services", None);
        check(&"inputs".repeat(20), None);
    }
}
