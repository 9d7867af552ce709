//! Paths of the job's work dir, checked once.

use std::fmt::{self, Display};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Failure, FromValue, IntoValue, Value, path};

/// A path that lies in the job's work dir, or in the folder it was joined to: relative, tidy, without `..`.
///
/// It has the form in which functions ask for folders (`dist`, `dist/a`; `.` for the work dir itself); whether one was
/// granted is found out by using it. As an input it is a `string`. `Option<WorkPath>` takes an empty text for none, which
/// is also what it means in a function's needs.
///
/// ```
/// use stepwell_sdk::WorkPath;
///
/// let folder: WorkPath = "./dist/".parse()?;
/// assert_eq!(folder.join("a.txt")?.as_str(), "dist/a.txt");
/// assert!(folder.join("../b").is_err());
/// # Ok::<_, stepwell_sdk::Failure>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkPath(String);

impl WorkPath {
    /// Returns the path as text; `.` for the work dir.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path of something in this folder, at any depth.
    ///
    /// # Errors
    ///
    /// A failure of kind invalid-input, if `name` is empty, absolute or has a `..`: it would not lie in the folder.
    pub fn join(&self, name: impl AsRef<str>) -> Result<Self, Failure> {
        let name = name.as_ref();
        if path::stays_inside(name) {
            return Ok(Self(path::join(&self.0, name)));
        }
        Err(Failure::invalid_input(format!("`{name}` is no path in the folder `{self}`")))
    }

    /// Returns whether another path is this one or lies below it.
    pub fn holds(&self, other: &Self) -> bool {
        path::below(&self.0, &other.0).is_some()
    }

    fn check(text: &str) -> Result<Self, String> {
        let tidy = path::tidy(text);
        match tidy.as_str() {
            _ if text.is_empty() => Err("is empty where a path is expected".to_owned()),
            "" if !text.starts_with('/') => Ok(Self(".".to_owned())),
            _ if path::stays_inside(text) => Ok(Self(tidy)),
            _ => Err(format!("is `{text}`, not a path in the work dir")),
        }
    }
}

impl FromStr for WorkPath {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::check(text).map_err(|problem| Failure::invalid_input(format!("the path {problem}")))
    }
}

impl Display for WorkPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for WorkPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for WorkPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl FromValue for WorkPath {
    const TYPE: &'static str = "string";

    fn from_value(value: Value) -> Result<Self, String> {
        Self::check(&String::from_value(value)?)
    }

    fn is_nothing(value: &Value) -> bool {
        matches!(value, Value::Text(text) if text.is_empty())
    }
}

impl IntoValue for WorkPath {
    const TYPE: &'static str = "string";

    fn into_value(self) -> Result<Value, String> {
        self.0.into_value()
    }
}

impl<'de> Deserialize<'de> for WorkPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::check(&String::deserialize(deserializer)?)
            .map_err(|problem| serde::de::Error::custom(format!("a path {problem}")))
    }
}

impl Serialize for WorkPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_in_the_work_dir() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, &str>) {
            let read = WorkPath::from_value(Value::Text(text.to_owned()));
            assert_eq!(read.as_ref().map(WorkPath::as_str).map_err(String::as_str), expected, "{text}");
        }
        check("dist", Ok("dist"));
        check("./dist//a/", Ok("dist/a"));
        check(".", Ok("."));
        check("./", Ok("."));
        check("", Err("is empty where a path is expected"));
        check("/", Err("is `/`, not a path in the work dir"));
        check("/etc", Err("is `/etc`, not a path in the work dir"));
        check("a/../b", Err("is `a/../b`, not a path in the work dir"));
        check("a\\b", Err("is `a\\b`, not a path in the work dir"));
    }

    #[test]
    fn joining_stays_inside() {
        let path = |text: &str| text.parse::<WorkPath>().expect("it lies in the work dir");
        assert_eq!(path(".").join("a").expect("inside").as_str(), "a");
        assert_eq!(path("a").join("./b/c").expect("inside").as_str(), "a/b/c");
        let failure = path("a").join("/b").expect_err("it is absolute");
        assert_eq!(failure.message(), "`/b` is no path in the folder `a`");
        assert!(path("a").holds(&path("a/b")) && path("a").holds(&path("a")) && path(".").holds(&path("a")));
        assert!(!path("a").holds(&path("ab")) && !path("a/b").holds(&path("a")));
    }

    #[test]
    fn an_optional_one_may_be_empty() {
        let read = |text: &str| Option::<WorkPath>::from_value(Value::Text(text.to_owned()));
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("a").map(|path| path.map(|path| path.to_string())), Ok(Some("a".to_owned())));
        assert!(read("..").is_err());
    }
}
