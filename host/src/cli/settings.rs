//! The numbers of an operator, `stepwell.toml`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::error::CommandError;
use crate::{Ceilings, request};

/// Where an operator puts numbers.
const FILE: &str = "/etc/stepwell/stepwell.toml";

/// Which numbers hold.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SettingsArguments {
    /// A file of ceilings for limits, sizes and steps at once [default: /etc/stepwell/stepwell.toml, if it is there].
    #[arg(long, value_name = "F.toml", value_hint = ValueHint::FilePath)]
    settings: Option<PathBuf>,
}

impl SettingsArguments {
    /// Reads the ceilings. Without any file they are as high as the engine can hold.
    ///
    /// # Errors
    /// A file that cannot be read, and all its problems.
    pub(super) fn ceilings(&self) -> Result<Ceilings, CommandError> {
        let path = match &self.settings {
            Some(path) => path,
            // One that cannot be looked at is an error below, not left out: it may forbid something.
            None if matches!(Path::new(FILE).try_exists(), Ok(false)) => return Ok(Ceilings::default()),
            None => Path::new(FILE),
        };
        request::read(path).and_then(|source| Ceilings::parse(&source)).map_err(CommandError::Document)
    }
}
