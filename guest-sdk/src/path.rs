//! Paths as job authors write them: relative to the job's work dir, with forward slashes. Pure text; nothing is looked up.

/// Returns a path without empty and `.` parts: `./dist//a/` is `dist/a`, and the work dir itself is the empty text.
/// A leading slash and `..` parts stay, for the host to judge.
pub fn tidy(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("{}{}", if path.starts_with('/') { "/" } else { "" }, parts.join("/"))
}

/// Returns the tidy path of `name` in `folder`.
pub fn join(folder: &str, name: &str) -> String {
    let (folder, name) = (tidy(folder), tidy(name));
    if folder.is_empty() || name.is_empty() { folder + &name } else { format!("{folder}/{name}") }
}

/// Returns what is left of `path` below `folder`, tidy; the empty text for the folder itself, none for a path beside it.
pub fn below(folder: &str, path: &str) -> Option<String> {
    let (folder, path) = (tidy(folder), tidy(path));
    if folder.is_empty() {
        return (!path.starts_with('/')).then_some(path);
    }
    let rest = path.strip_prefix(&folder)?;
    if rest.is_empty() { Some(String::new()) } else { rest.strip_prefix('/').map(ToOwned::to_owned) }
}

/// Returns whether a path names one place below the folder it is joined to: relative, not empty, without `..`, and
/// without the characters that some file system reads as a separator or an end.
pub fn stays_inside(path: &str) -> bool {
    let plain = |part: &str| part != ".." && !part.contains(['\\', '\0']);
    !path.starts_with('/') && !tidy(path).is_empty() && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining() {
        #[track_caller]
        fn check(folder: &str, name: &str, expected: &str) {
            assert_eq!(join(folder, name), expected);
        }
        check("dist", "a", "dist/a");
        check("./dist/", "./a//b", "dist/a/b");
        check(".", "a", "a");
        check("", "a", "a");
        check("dist", ".", "dist");
        check("/work/dist", "a", "/work/dist/a");
        check("dist", "../a", "dist/../a");
    }

    #[test]
    fn what_is_below() {
        #[track_caller]
        fn check(folder: &str, path: &str, expected: Option<&str>) {
            assert_eq!(below(folder, path).as_deref(), expected);
        }
        check("dist", "dist/a/b", Some("a/b"));
        check("dist", "./dist", Some(""));
        check("dist", "distant/a", None);
        check("dist", "a", None);
        check(".", "a", Some("a"));
        check(".", "/a", None);
    }

    #[test]
    fn staying_inside() {
        #[track_caller]
        fn check(path: &str, expected: bool) {
            assert_eq!(stays_inside(path), expected, "{path}");
        }
        check("a", true);
        check("a/b", true);
        check("./a/", true);
        check("a..b", true);
        for outside in ["", ".", "/a", "..", "a/..", "a/../b", "../a", "a\\..\\b", "a\0"] {
            check(outside, false);
        }
    }
}
