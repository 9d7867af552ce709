//! zip.

use std::io::{self, Read, Seek, Write};

use stepwell_sdk::{Failure, Step};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::content::{Content, Form, Item};
use crate::entry::Place;
use crate::extract::Target;
use crate::tar_gz::is_root;

/// Longest target of a link that is read, in bytes: longer than any system takes.
const MAX_TARGET_BYTES: u64 = 4096;

/// Writes the items and gives back what was written to.
pub(crate) fn pack<W: Write + Seek>(step: &Step, items: &[Item], out: W) -> Result<W, Failure> {
    let mut zip = ZipWriter::new(out);
    for item in items {
        step.check_cancelled()?;
        append(step, &mut zip, item)?;
    }
    Ok(zip.finish()?)
}

fn append(step: &Step, zip: &mut ZipWriter<impl Write + Seek>, item: &Item) -> Result<(), Failure> {
    let options = options(&item.form);
    match &item.form {
        Form::File { bytes, .. } => {
            let mut content = Content::open(step, &item.path, *bytes)?;
            zip.start_file(&item.name, options)?;
            io::copy(&mut content, zip).map_err(|error| content.failure(&error))?;
            content.finish()
        }
        Form::Folder => Ok(zip.add_directory(&item.name, options)?),
        Form::Link(target) => Ok(zip.add_symlink(&item.name, target, options)?),
    }
}

fn options(form: &Form) -> SimpleFileOptions {
    let large = matches!(form, Form::File { bytes, .. } if *bytes >= u64::from(u32::MAX));
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(form.mode())
        .large_file(large)
}

/// Reads the entries in the order of the central directory.
pub(crate) fn unpack(file: impl Read + Seek, target: &mut Target<'_>) -> Result<(), Failure> {
    let mut zip = ZipArchive::new(file).map_err(|error| damaged(&error))?;
    for number in 0..zip.len() {
        let mut entry = zip.by_index(number).map_err(|error| damaged(&error))?;
        if entry.is_dir() && is_root(entry.name_raw()) {
            continue;
        }
        let place = Place::parse(entry.name_raw())?;
        if !is_plain(entry.unix_mode()) {
            return Err(place.refuse("is neither file, folder nor symbolic link"));
        }
        if entry.is_symlink() {
            let mut link = String::new();
            (&mut entry)
                .take(MAX_TARGET_BYTES + 1)
                .read_to_string(&mut link)
                .map_err(|error| place.refuse("is a link that cannot be read").caused_by(&error))?;
            if link.len() as u64 > MAX_TARGET_BYTES {
                return Err(place.refuse("is a link to a path that is too long"));
            }
            target.link(&place, &link)?;
        } else if entry.is_dir() {
            target.folder(&place)?;
        } else {
            target.file(&place, &mut entry)?;
        }
    }
    Ok(())
}

/// Returns whether mode bits are those of a file, a folder or a link. Archives of other systems say nothing.
fn is_plain(mode: Option<u32>) -> bool {
    const FORM: u32 = 0o170_000;
    mode.is_none_or(|mode| matches!(mode & FORM, 0 | 0o040_000 | 0o100_000 | 0o120_000))
}

fn damaged(error: &zip::result::ZipError) -> Failure {
    Failure::failed("it is no zip file, or a damaged one").caused_by(error)
}
