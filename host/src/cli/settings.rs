//! What an operator sets, `stepwell.toml`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use stepwell_policy::{HttpTable, Settings};

use super::error::CommandError;
use crate::{HttpSettings, request};

/// Where an operator puts settings.
const FILE: &str = "/etc/stepwell/stepwell.toml";

/// Which settings hold.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SettingsArguments {
    /// A file of ceilings for limits, sizes and steps at once, and of how requests are sent [default: /etc/stepwell/stepwell.toml, if it is there].
    #[arg(long, value_name = "F.toml", value_hint = ValueHint::FilePath)]
    settings: Option<PathBuf>,
}

impl SettingsArguments {
    /// Reads the settings. Without any file ceilings are as high as the engine can hold, and requests are sent as the
    /// engine does by itself.
    ///
    /// # Errors
    /// A file that cannot be read, and all its problems.
    pub(super) fn read(&self) -> Result<Settings, CommandError> {
        let path = match &self.settings {
            Some(path) => path,
            // One that cannot be looked at is an error below, not left out: it may forbid something.
            None if matches!(Path::new(FILE).try_exists(), Ok(false)) => return Ok(Settings::default()),
            None => Path::new(FILE),
        };
        let read = request::read(path).and_then(|source| Settings::parse(&source));
        let mut settings = read.map_err(CommandError::Document)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        settings.http.certificate_authorities.iter_mut().for_each(|file| *file = folder.join(&*file));
        Ok(settings)
    }
}

/// Returns how requests are sent: as a table says, and as the engine does by itself where it says nothing.
pub(super) fn http(table: HttpTable) -> HttpSettings {
    let own = HttpSettings::default();
    // None of these is more than what the engine can hold.
    let number = |set: Option<u64>, own: usize| set.and_then(|set| usize::try_from(set).ok()).unwrap_or(own);
    HttpSettings {
        allowed: table.private_networks,
        authorities: table.certificate_authorities,
        proxy: table.proxy,
        request_bytes: table.request_bytes.unwrap_or(own.request_bytes),
        response_bytes: table.response_bytes.unwrap_or(own.response_bytes),
        header_bytes: number(table.header_bytes, own.header_bytes),
        time: table.time.unwrap_or(own.time),
        per_step: number(table.per_step, own.per_step),
        per_tenant: number(table.per_tenant, own.per_tenant),
    }
}
