//! Where the symbolic links of a tree really lead, found before anything of it is on disk.

use super::tree::{Entry, Listing};

/// Most links that a system follows on one way (Linux); a way with more leads nowhere.
const MAX_FOLLOWED: usize = 40;

/// Most names that are looked at for all links of a tree together. A real tree has some thousand links of some parts
/// each; links that lead through links could take hours.
const MAX_STEPS: usize = 10_000_000;

/// Checks that every link, followed as a system does through whatever other links of the tree, stays inside. Returns the
/// first path that does not, and what is wrong with it.
pub(crate) fn check(listing: &Listing) -> Result<(), (Vec<u8>, &'static str)> {
    let mut steps = MAX_STEPS;
    for (path, entry) in &listing.entries {
        if let Entry::Link { target } = entry {
            follow(listing, path, target, &mut steps).map_err(|why| (path.clone(), why))?;
        }
    }
    Ok(())
}

fn follow(listing: &Listing, path: &[u8], target: &[u8], steps: &mut usize) -> Result<(), &'static str> {
    if target.is_empty() || target.contains(&0) {
        return Err("is a link without a valid target");
    }
    let mut at = path.to_vec();
    pop(&mut at);
    let mut followed = 0;
    let mut ahead = Vec::new();
    push(&mut ahead, target)?;
    while let Some(part) = ahead.pop() {
        *steps = steps.checked_sub(1).ok_or("is a link on a way that is too long")?;
        match part {
            b"" | b"." => {}
            b".." if at.is_empty() => return Err("is a link that leads out of the tree"),
            b".." => pop(&mut at),
            name => {
                let before = at.len();
                if !at.is_empty() {
                    at.push(b'/');
                }
                at.extend_from_slice(name);
                if let Some(Entry::Link { target }) = listing.entries.get(&at) {
                    followed += 1;
                    if followed >= MAX_FOLLOWED {
                        return Ok(());
                    }
                    at.truncate(before);
                    push(&mut ahead, target)?;
                }
            }
        }
    }
    Ok(())
}

/// Puts the parts of a target in front of what is left of the way.
fn push<'t>(ahead: &mut Vec<&'t [u8]>, target: &'t [u8]) -> Result<(), &'static str> {
    if target.starts_with(b"/") {
        return Err("is a link that leads out of the tree");
    }
    ahead.extend(target.rsplit(|byte| *byte == b'/'));
    Ok(())
}

fn pop(path: &mut Vec<u8>) {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a tree with the folders `a/b` and `c`, a file `c/f`, and these links.
    #[track_caller]
    fn check_links(links: &[(&str, &str)], expected: Option<&str>) {
        let mut listing = Listing::default();
        for folder in ["a", "a/b", "c"] {
            listing.entries.insert(folder.into(), Entry::Folder);
        }
        for (path, target) in links {
            listing.entries.insert((*path).into(), Entry::Link { target: (*target).into() });
        }
        let actual = check(&listing).err().map(|(path, _)| String::from_utf8(path).unwrap());
        assert_eq!(actual.as_deref(), expected, "{links:?}");
    }

    #[test]
    fn links_that_stay_inside() {
        check_links(&[("l", "c/f"), ("a/l", "../c"), ("a/b/l", "../.."), ("d", "./a//b/")], None);
        check_links(&[("l", "not/there")], None);
        // Through another link: `a/b/up` is the root, so `a/b/up/c` is `c`.
        check_links(&[("a/b/up", "../.."), ("l", "a/b/up/c")], None);
    }

    #[test]
    fn links_that_lead_out() {
        check_links(&[("l", "..")], Some("l"));
        check_links(&[("l", "/etc/passwd")], Some("l"));
        check_links(&[("a/l", "../../x")], Some("a/l"));
        check_links(&[("l", "a/../../x")], Some("l"));
        check_links(&[("l", "not/there/../../..")], Some("l"));
        check_links(&[("l", "")], Some("l"));
        check_links(&[("l", "a\0b")], Some("l"));
    }

    #[test]
    fn links_that_lead_out_through_others() {
        // By its text `d/../x` is `x`; followed, `d` is `a/b`, so it is `a/x`; with one more `..` it is outside.
        check_links(&[("d", "a/b"), ("l", "d/../x")], None);
        check_links(&[("a/d", "../c"), ("l", "a/d/../../x")], Some("l"));
        check_links(&[("a/b/up", "../.."), ("l", "a/b/up/../x")], Some("l"));
    }

    #[test]
    fn circles_lead_nowhere() {
        check_links(&[("x", "y"), ("y", "x"), ("z", "z/../..")], None);
    }
}
