//! Where an entry of an archive wants to go, judged before anything is written.

use stepwell_sdk::{Failure, path};

/// A place below the destination.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    name: String,
    path: String,
}

impl Place {
    /// Returns the place that an entry's name asks for.
    ///
    /// # Errors
    ///
    /// A failure that names the entry, if it is not UTF-8, absolute, empty, or has a `..`.
    pub(crate) fn parse(name: &[u8]) -> Result<Self, Failure> {
        let shown = String::from_utf8_lossy(name).into_owned();
        match str::from_utf8(name) {
            Ok(text) if path::stays_inside(text) => Ok(Self { path: path::tidy(text), name: shown }),
            Ok(_) => Err(refuse(&shown, "leads out of the destination")),
            Err(_) => Err(refuse(&shown, "has a name that is not UTF-8")),
        }
    }

    /// Returns the path below the destination, tidy.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns each folder above the path and below the destination, outermost first.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.path.match_indices('/').map(|(place, _)| &self.path[..place])
    }

    /// Refuses a link whose target is absolute, or that leads or might lead out of the
    /// destination.
    pub(crate) fn check_link(&self, target: &str) -> Result<(), Failure> {
        let out = self.refuse(&format!("is a link to `{target}`, out of the destination"));
        if target.is_empty() || target.starts_with('/') || target.contains(['\\', '\0']) {
            return Err(out);
        }
        // Only leading `..` can be judged by the text: after a folder's name they depend on whether that is a link.
        let parts: Vec<_> = target.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let ups = parts.iter().take_while(|part| **part == "..").count();
        if ups > self.folders().count() || parts[ups..].contains(&"..") {
            return Err(out);
        }
        Ok(())
    }

    /// Returns the failure of this entry.
    pub(crate) fn refuse(&self, why: &str) -> Failure {
        refuse(&self.name, why)
    }
}

fn refuse(name: &str, why: &str) -> Failure {
    Failure::failed(format!("entry `{name}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller]
        fn check(name: &[u8], expected: Result<&str, &str>) {
            let place = Place::parse(name).map(|place| place.path).map_err(|failure| failure.message().to_owned());
            assert_eq!(place.as_deref().map_err(String::as_str), expected);
        }
        check(b"a/b", Ok("a/b"));
        check(b"./a//b/", Ok("a/b"));
        check(b"../a", Err("entry `../a` leads out of the destination"));
        check(b"a/../../b", Err("entry `a/../../b` leads out of the destination"));
        check(b"/etc/passwd", Err("entry `/etc/passwd` leads out of the destination"));
        check(b"a\\..\\b", Err("entry `a\\..\\b` leads out of the destination"));
        check(b"", Err("entry `` leads out of the destination"));
        check(b"a\xff", Err("entry `a\u{fffd}` has a name that is not UTF-8"));
    }

    #[test]
    fn links() {
        #[track_caller]
        fn check(name: &str, target: &str, expected: bool) {
            let place = Place::parse(name.as_bytes()).expect("a good name");
            assert_eq!(place.check_link(target).is_ok(), expected, "{name} -> {target}");
        }
        check("a", "b", true);
        check("d/a", "../b", true);
        check("d/a", "./../x/y", true);
        check("d/a", "x/../b", false);
        check("a", "../b", false);
        check("d/a", "../../b", false);
        check("d/a", "x/../../../b", false);
        check("a", "/etc/passwd", false);
        check("a", "", false);
    }
}
