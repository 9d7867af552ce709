//! Packing.

use std::io::{BufWriter, Write};

use stepwell_sdk::{Access, Failure, Step, path};

use crate::content::{self, BUFFER_BYTES, Form, Item};
use crate::{Format, Request, tar_gz, zip_file};

/// Packs the source and returns the path of the archive and the number of files and links in it.
///
/// The archive appears under its name only when it is whole.
pub(crate) fn create(request: &Request, step: &Step) -> Result<(String, u64), Failure> {
    let format = Format::choose(&request.format, &request.name)?;
    let archive = path::join(request.destination.as_str(), &name(request, format)?);
    let items = content::gather(request, step, &archive)?;
    let part = content::part(&archive);
    write(format, step, &items, &part).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = step.remove_file(&part);
    })?;
    step.rename(&part, &archive)?;
    Ok((archive, items.iter().filter(|item| item.form != Form::Folder).count() as u64))
}

fn name(request: &Request, format: Format) -> Result<String, Failure> {
    let source = path::tidy(request.source.as_str());
    let given = match (request.name.as_str(), source.rsplit('/').next()) {
        ("", None | Some("")) => {
            return Err(Failure::invalid_input("input `name` is missing, and the source has no name of its own"));
        }
        ("", Some(last)) => format!("{last}{}", format.ending()),
        (name, _) => name.to_owned(),
    };
    let plain = path::stays_inside(&given) && !given.contains('/');
    if plain { Ok(given) } else { Err(Failure::invalid_input(format!("`{given}` is no file name for the archive"))) }
}

fn write(format: Format, step: &Step, items: &[Item], path: &str) -> Result<(), Failure> {
    let out = BufWriter::with_capacity(BUFFER_BYTES, step.create(path)?);
    let mut out = match format {
        Format::TarGz => tar_gz::pack(step, items, out)?,
        Format::Zip => zip_file::pack(step, items, out)?,
    };
    out.flush().map_err(|error| Failure::of_file(Access::Write, path, &error))
}
