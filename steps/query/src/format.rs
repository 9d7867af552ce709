//! The formats that can be read.

use stepwell_sdk::Failure;

/// How a text holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON values, one behind the other.
    Json,
    /// JSON values, each on lines of its own; read line by line.
    JsonLines,
    /// YAML documents.
    Yaml,
    /// One TOML document.
    Toml,
    /// Each line is a text.
    Lines,
}

impl Format {
    /// Returns the format of a name; none for the empty name.
    pub(crate) fn parse(name: &str) -> Result<Option<Self>, Failure> {
        Ok(Some(match name {
            "" => return Ok(None),
            "json" => Self::Json,
            "jsonl" => Self::JsonLines,
            "yaml" => Self::Yaml,
            "toml" => Self::Toml,
            "lines" => Self::Lines,
            other => {
                let problem = format!("input `format` is `{other}`");
                return Err(Failure::invalid_input(problem).hint("it is `json`, `jsonl`, `yaml`, `toml` or `lines`"));
            }
        }))
    }

    /// Returns the format that the ending of a path says.
    pub(crate) fn of_path(path: &str) -> Result<Self, Failure> {
        match path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending) {
            "json" => Ok(Self::Json),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "yaml" | "yml" => Ok(Self::Yaml),
            "toml" => Ok(Self::Toml),
            _ => Err(Failure::invalid_input(format!("the ending of `{path}` says no format"))
                .hint("give the input `format`: `json`, `jsonl`, `yaml`, `toml` or `lines`")),
        }
    }
}
