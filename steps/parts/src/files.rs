//! Files of a folder that patterns choose: `**/junit.xml`, `report-{a,b}.xml`, or a path as it is.

use stepwell_sdk::{Failure, Kind, Step, path};

/// Most entries that are looked at: the size of a large monorepo, and some seconds of work.
pub const MAX_ENTRIES: usize = 500_000;

/// How deep folders are entered. Paths of that depth are longer than systems allow for all but the shortest names.
const MAX_DEPTH: usize = 256;

/// The folder of git that no pattern means unless it names it.
const GIT: &str = ".git";

/// Returns the files of `source` that the patterns choose, relative to the work dir, sorted, each once.
///
/// A pattern is relative to `source`. One without `*`, `?`, `[` and `{` is a path, and its file must be there. `*` and
/// `?` do not match a slash; `**` matches any number of folders. Links are not followed, and `.git` is entered only by a
/// pattern that names it.
///
/// # Errors
///
/// A failure that names `input`, the input the patterns come from, for a pattern that leads out of the source or chooses
/// no file; one that names the path, where it cannot be read.
pub fn choose(step: &Step, input: &str, source: &str, patterns: &[String]) -> Result<Vec<String>, Failure> {
    let mut chosen = Vec::new();
    for pattern in patterns {
        let before = chosen.len();
        chosen.extend(one(step, input, source, pattern)?);
        if chosen.len() == before {
            let problem = format!("input `{input}`: no file of `{}` matches `{pattern}`", shown(source));
            return Err(Failure::failed(problem)
                .hint("patterns are relative to input `source`; `**` stands for any number of folders"));
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

/// Returns whether a path is matched by a pattern; both are relative to the same folder.
pub fn matches(pattern: &str, path: &str) -> bool {
    fast_glob::glob_match(pattern, path)
}

/// Returns whether a text has characters that make it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn one(step: &Step, input: &str, source: &str, pattern: &str) -> Result<Vec<String>, Failure> {
    if !path::stays_inside(pattern) {
        return Err(Failure::invalid_input(format!("input `{input}` has `{pattern}`, no path in the source")));
    }
    let pattern = path::tidy(pattern);
    if !is_pattern(&pattern) {
        let path = path::join(source, &pattern);
        return match step.entry(&path)?.kind {
            Kind::File(_) => Ok(vec![path]),
            Kind::Folder | Kind::Link | Kind::Other => {
                Err(Failure::failed(format!("input `{input}` names `{path}`, which is not a file")))
            }
        };
    }
    let walk = Walk { step, enters_git: pattern.split('/').any(|part| part == GIT), depth: depth(&pattern) };
    let start = path::join(source, fixed_part(&pattern));
    let mut found = Vec::new();
    walk.each(&start, |path, kind| {
        let inner = path::below(source, path).unwrap_or_default();
        if matches!(kind, Kind::File(_)) && matches(&pattern, &inner) {
            found.push(path.to_owned());
        }
        Ok(Enter::Yes)
    })?;
    Ok(found)
}

/// Returns the folders at the start of a pattern that have no special characters.
fn fixed_part(pattern: &str) -> &str {
    let special = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    pattern[..special].rsplit_once('/').map_or("", |(folders, _)| folders)
}

/// Returns how many folders below the fixed part the pattern can reach; none where it has no end.
fn depth(pattern: &str) -> usize {
    let rest = &pattern[fixed_part(pattern).len()..];
    // In braces a slash may stand in one alternative only; the sum is no less than the deepest.
    if rest.contains("**") { MAX_DEPTH } else { rest.trim_start_matches('/').matches('/').count() }
}

fn shown(source: &str) -> String {
    let source = path::tidy(source);
    if source.is_empty() { ".".to_owned() } else { source }
}

/// Whether a folder is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enter {
    /// What is in it comes next.
    Yes,
    /// It is passed by.
    No,
}

/// A walk over all that lies below a folder, in the order of the names, without holding more than the open folders.
pub struct Walk<'a> {
    /// The step whose files they are.
    pub step: &'a Step,
    /// Whether folders of git are entered.
    pub enters_git: bool,
    /// How many folders deep, the first not counted.
    pub depth: usize,
}

impl<'a> Walk<'a> {
    /// Returns a walk over everything but folders of git.
    pub fn new(step: &'a Step) -> Self {
        Self { step, enters_git: false, depth: MAX_DEPTH }
    }

    /// Calls `look` with each path, relative to the work dir, and what it is; the answer matters for folders only. The
    /// folder itself is not looked at, unless it is a file.
    ///
    /// # Errors
    ///
    /// A failure that names the path, if something cannot be read or there is too much; and that of `look`.
    pub fn each(
        &self,
        folder: &str,
        mut look: impl FnMut(&str, Kind) -> Result<Enter, Failure>,
    ) -> Result<(), Failure> {
        let start = self.step.entry(folder)?;
        if start.kind != Kind::Folder {
            look(&start.path, start.kind)?;
            return Ok(());
        }
        let mut entries = 0;
        let mut open = vec![self.open(&start.path)?];
        while let Some((folder, names)) = open.last_mut() {
            let Some(name) = names.pop() else {
                open.pop();
                continue;
            };
            self.step.check_cancelled()?;
            entries += 1;
            if entries > MAX_ENTRIES {
                let problem = format!("there are more than {MAX_ENTRIES} files and folders below `{}`", shown(folder));
                return Err(Failure::failed(problem).hint("name a smaller folder in input `source`"));
            }
            let entry = self.step.entry(path::join(folder, &name))?;
            let enters = look(&entry.path, entry.kind)? == Enter::Yes;
            let is_git = name == GIT && !self.enters_git;
            if entry.kind == Kind::Folder && enters && !is_git && open.len() <= self.depth {
                open.push(self.open(&entry.path)?);
            }
        }
        Ok(())
    }

    /// Returns a folder with its names, the last first, so that they are taken from the end.
    fn open(&self, folder: &str) -> Result<(String, Vec<String>), Failure> {
        let mut names = self.step.list(folder)?;
        names.reverse();
        Ok((folder.to_owned(), names))
    }
}

#[cfg(test)]
mod tests {
    use stepwell_sdk::FailureKind;
    use stepwell_sdk::fake::Fake;

    use super::*;

    fn chosen(source: &str, patterns: &[&str]) -> Result<Vec<String>, Failure> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let step = Fake::new(folder.path()).step();
        for path in ["a.xml", "b/a.xml", "b/c/a.xml", "b/c/d.txt", ".git/a.xml", "b/e{f"] {
            step.write(path, "").expect("written");
        }
        step.link("a.xml", "l.xml").expect("linked");
        let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        choose(&step, "reports", source, &patterns)
    }

    #[test]
    fn patterns_choose_files() {
        #[track_caller]
        fn check(source: &str, patterns: &[&str], expected: &[&str]) {
            assert_eq!(chosen(source, patterns).expect("there are some"), expected);
        }
        check(".", &["*.xml"], &["a.xml"]);
        check(".", &["**/*.xml"], &["a.xml", "b/a.xml", "b/c/a.xml"]);
        check(".", &["b/**/a.xml", "./b/a.xml"], &["b/a.xml", "b/c/a.xml"]);
        check("b", &["*/*.{xml,txt}"], &["b/c/a.xml", "b/c/d.txt"]);
        check("b/", &["[a-b].xml"], &["b/a.xml"]);
        check("", &[".git/*.xml"], &[".git/a.xml"]);
        check(".", &["?.xml", "a.xml"], &["a.xml"]);
    }

    #[test]
    fn what_chooses_nothing_is_named() {
        #[track_caller]
        fn check(source: &str, pattern: &str, kind: FailureKind, expected: &str) {
            let failure = chosen(source, &[pattern]).expect_err("it chooses none");
            assert_eq!((failure.kind(), failure.message()), (kind, expected));
        }
        let failed = FailureKind::Failed;
        check(".", "*.json", failed, "input `reports`: no file of `.` matches `*.json`");
        check("b/c", "*.xml/x", failed, "input `reports`: no file of `b/c` matches `*.xml/x`");
        check(".", "x.xml", failed, "cannot read `x.xml`");
        check(".", "nothing/*.xml", failed, "cannot read `nothing`");
        check(".", "l.xml", failed, "input `reports` names `l.xml`, which is not a file");
        check(".", "b", failed, "input `reports` names `b`, which is not a file");
        let invalid = FailureKind::InvalidInput;
        check(".", "../*.xml", invalid, "input `reports` has `../*.xml`, no path in the source");
        check(".", "", invalid, "input `reports` has ``, no path in the source");
    }

    #[test]
    fn a_walk_leaves_out_what_it_is_told_to() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let step = Fake::new(folder.path()).step();
        for path in ["a/b/c", "a/d", "e/f", ".git/x"] {
            step.write(path, "").expect("written");
        }
        let mut seen = Vec::new();
        let look = |path: &str, _| {
            seen.push(path.to_owned());
            Ok(if path == "a/b" { Enter::No } else { Enter::Yes })
        };
        Walk::new(&step).each(".", look).expect("it can be read");
        assert_eq!(seen, [".git", "a", "a/b", "a/d", "e", "e/f"]);
    }
}
