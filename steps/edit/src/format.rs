//! The formats that can be edited.

use stepwell_sdk::{Failure, serde_json};

use crate::difference::Edit;
use crate::{json, toml, yaml};

/// How a file holds its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, with comments and commas at the end where they are.
    Json,
    /// One YAML document.
    Yaml,
    /// TOML.
    Toml,
}

impl Format {
    /// Returns the format of a name, or that of the file's ending.
    pub(crate) fn choose(name: &str, file: &str) -> Result<Self, Failure> {
        let ending = file.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
        match (name, ending) {
            ("json", _) | ("", "json" | "jsonc") => Ok(Self::Json),
            ("yaml", _) | ("", "yaml" | "yml") => Ok(Self::Yaml),
            ("toml", _) | ("", "toml") => Ok(Self::Toml),
            ("", _) => Err(Failure::invalid_input(format!("the ending of `{file}` says no format"))
                .hint("give the input `format`: `json`, `yaml` or `toml`")),
            (other, _) => {
                Err(Failure::invalid_input(format!("input `format` is `{other}`"))
                    .hint("it is `json`, `yaml` or `toml`"))
            }
        }
    }

    /// Returns the values of a text.
    pub(crate) fn read(self, text: &str, file: &str) -> Result<serde_json::Value, Failure> {
        match self {
            Self::Json => json::read(text, file),
            Self::Yaml => yaml::read(text, file),
            Self::Toml => toml::read(text, file),
        }
    }

    /// Returns the text with all edits done.
    pub(crate) fn edit(self, text: &str, file: &str, edits: &[Edit]) -> Result<String, Failure> {
        match self {
            Self::Json => json::edit(text, file, edits),
            Self::Yaml => yaml::edit(text, file, edits),
            Self::Toml => toml::edit(text, file, edits),
        }
    }
}

/// Returns the failure for a place in a file that the format's library does not find or cannot edit.
pub(crate) fn unfit(file: &str, edit: &Edit) -> Failure {
    let (Edit::Set(path, _) | Edit::Insert(path, ..) | Edit::Delete(path)) = edit;
    Failure::failed(format!("cannot edit `{path}` in `{file}` and keep what is around it"))
        .hint("the file is as it was; write the value on a line of its own, or edit it by hand")
}
