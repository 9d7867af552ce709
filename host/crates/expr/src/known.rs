//! The names that exist, for errors about one that does not.

/// How many names an error carries: a terminal's height, not more.
const MAX_NAMES: usize = 20;

/// How many names are looked at, and how long a name may be to be compared; similarity takes time by the product of the
/// lengths, and names are under the author's control.
const MAX_LOOKED_AT: usize = 1_000;
const MAX_NAME_BYTES: usize = 64;

/// What one search counts as, in bytes compared. A template may hold thousands of expressions whose first reading
/// fails; only the last error is ever seen, but each one costs a search.
pub(crate) const SEARCH_BYTES: usize = 1 << 20;

/// Returns up to [`MAX_NAMES`] of `names`, the most similar to `name` first, equally similar ones in their order.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut ranked: Vec<(usize, &str)> =
        names.take(MAX_LOOKED_AT).map(|candidate| (distance(name, candidate), candidate)).collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.into_iter().take(MAX_NAMES).map(|(_, candidate)| candidate.to_owned()).collect()
}

fn distance(left: &str, right: &str) -> usize {
    if left.len() > MAX_NAME_BYTES || right.len() > MAX_NAME_BYTES {
        return usize::MAX;
    }
    strsim::damerau_levenshtein(left, right)
}
