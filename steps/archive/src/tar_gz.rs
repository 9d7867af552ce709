//! tar.gz.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use stepwell_sdk::{Failure, Step};
use tar::{Builder, EntryType, Header};

use crate::content::{Content, Form, Item, TIME};
use crate::entry::Place;
use crate::extract::Target;

/// Writes the items and gives back what was written to. The gzip header carries neither name nor time.
pub(crate) fn pack<W: Write>(step: &Step, items: &[Item], out: W) -> Result<W, Failure> {
    let mut tar = Builder::new(GzEncoder::new(out, Compression::default()));
    for item in items {
        step.check_cancelled()?;
        append(step, &mut tar, item)?;
    }
    Ok(tar.into_inner()?.finish()?)
}

fn append(step: &Step, tar: &mut Builder<impl Write>, item: &Item) -> Result<(), Failure> {
    let mut header = header(&item.form);
    match &item.form {
        Form::File { bytes, .. } => {
            let mut content = Content::open(step, &item.path, *bytes)?;
            tar.append_data(&mut header, &item.name, &mut content).map_err(|error| content.failure(&error))?;
            content.finish()
        }
        Form::Folder => Ok(tar.append_data(&mut header, format!("{}/", item.name), io::empty())?),
        Form::Link(target) => Ok(tar.append_link(&mut header, &item.name, target)?),
    }
}

fn header(form: &Form) -> Header {
    let mut header = Header::new_gnu();
    let (kind, bytes) = match form {
        Form::File { bytes, .. } => (EntryType::Regular, *bytes),
        Form::Folder => (EntryType::Directory, 0),
        Form::Link(_) => (EntryType::Symlink, 0),
    };
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(form.mode());
    header.set_mtime(TIME);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Reads the entries in order.
pub(crate) fn unpack(file: impl Read, target: &mut Target<'_>) -> Result<(), Failure> {
    let mut tar = tar::Archive::new(MultiGzDecoder::new(file));
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::Directory && is_root(&entry.path_bytes()) {
            continue;
        }
        let place = Place::parse(&entry.path_bytes())?;
        match kind {
            EntryType::Directory => target.folder(&place)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => target.file(&place, &mut entry)?,
            EntryType::Symlink => {
                let link = entry.link_name_bytes().unwrap_or_default().into_owned();
                let link = String::from_utf8(link).map_err(|_| place.refuse("is a link to what is not UTF-8"))?;
                target.link(&place, &link)?;
            }
            EntryType::XGlobalHeader => {}
            _ => return Err(place.refuse("is neither file, folder nor symbolic link")),
        }
    }
    Ok(())
}

/// Returns whether a name is that of the destination itself, which many archives begin with.
pub(crate) fn is_root(name: &[u8]) -> bool {
    matches!(name, b"." | b"./")
}

fn damaged(error: io::Error) -> Failure {
    Failure::failed("it is no tar.gz file, or a damaged one").caused_by(&error)
}
