//! The formats, by their names and endings.

use stepwell_sdk::Failure;

/// What the archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A tar file, compressed by gzip.
    TarGz,
    /// A zip file, compressed by deflate.
    Zip,
}

impl Format {
    /// Returns the format asked for, or that of the file name. With neither it is tar.gz.
    pub(crate) fn choose(format: &str, name: &str) -> Result<Self, Failure> {
        let hint = "formats are `tar.gz` and `zip`";
        match (format, name) {
            ("tar.gz" | "tgz", _) | ("", "") => Ok(Self::TarGz),
            ("zip", _) => Ok(Self::Zip),
            ("", name) => Self::of_name(name).ok_or_else(|| {
                Failure::invalid_input(format!("the ending of `{name}` names no format"))
                    .hint(format!("{hint}; or give the input `format`"))
            }),
            (other, _) => Err(Failure::invalid_input(format!("input `format` is `{other}`")).hint(hint)),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends = |ending: &str| name.ends_with(ending);
        match (ends(".tar.gz") || ends(".tgz"), ends(".zip")) {
            (true, _) => Some(Self::TarGz),
            (_, true) => Some(Self::Zip),
            _ => None,
        }
    }

    /// Returns the usual ending of a file name.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::TarGz => ".tar.gz",
            Self::Zip => ".zip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_or_ending() {
        #[track_caller]
        fn check(format: &str, name: &str, expected: Option<Format>) {
            assert_eq!(Format::choose(format, name).ok(), expected);
        }
        check("", "", Some(Format::TarGz));
        check("", "a.tar.gz", Some(Format::TarGz));
        check("", "a.TGZ", Some(Format::TarGz));
        check("", "a.zip", Some(Format::Zip));
        check("zip", "a.tar.gz", Some(Format::Zip));
        check("tar.gz", "a", Some(Format::TarGz));
        check("", "a.rar", None);
        check("rar", "a.zip", None);
    }
}
