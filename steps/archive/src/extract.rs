//! Unpacking.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};

use stepwell_sdk::{Access, Failure, Kind, Step, path};

use crate::content::BUFFER_BYTES;
use crate::entry::Place;
use crate::{Format, Request, tar_gz, zip_file};

/// Unpacks an archive into the destination and returns its path and the number of files and links unpacked.
///
/// Each entry is judged before anything of it is written; what was unpacked before a refused one stays.
pub(crate) fn extract(request: &Request, step: &Step) -> Result<(String, u64), Failure> {
    check_inputs(request)?;
    let format = Format::choose(&request.format, &request.name)?;
    let archive = path::join(request.source.as_str(), &request.name);
    let file = BufReader::with_capacity(BUFFER_BYTES, step.open(&archive)?);
    step.create_folder(request.destination.as_str())?;
    let mut target = Target { step, folder: request.destination.as_str(), archive: &archive, files: 0 };
    match format {
        Format::TarGz => tar_gz::unpack(file, &mut target),
        Format::Zip => zip_file::unpack(file, &mut target),
    }
    .map_err(|failure| failure.context(format!("cannot unpack `{archive}`")))?;
    let files = target.files;
    Ok((archive, files))
}

fn check_inputs(request: &Request) -> Result<(), Failure> {
    if !path::stays_inside(&request.name) {
        let problem = if request.name.is_empty() { "is missing".to_owned() } else { format!("is `{}`", request.name) };
        return Err(
            Failure::invalid_input(format!("input `name` {problem}")).hint("it is the archive's path in the source")
        );
    }
    match (request.include.is_empty(), request.prefix.is_empty(), request.executable.is_empty()) {
        (true, true, true) => Ok(()),
        _ => Err(Failure::invalid_input("inputs `include`, `prefix` and `executable` are for `create`")),
    }
}

/// The folder that is unpacked into.
pub(crate) struct Target<'a> {
    step: &'a Step,
    folder: &'a str,
    archive: &'a str,
    files: u64,
}

impl Target<'_> {
    /// Makes a folder.
    pub(crate) fn folder(&mut self, place: &Place) -> Result<(), Failure> {
        self.check_way(place)?;
        self.step.create_folder(path::join(self.folder, place.path()))
    }

    /// Writes a file, in place of a file or link that was there.
    pub(crate) fn file(&mut self, place: &Place, content: &mut impl Read) -> Result<(), Failure> {
        let path = self.clear(place)?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, self.step.create(&path)?);
        copy(content, &mut out).map_err(|error| match error {
            CopyError::Read(error) => place.refuse("is damaged").caused_by(&error),
            CopyError::Write(error) => Failure::of_file(Access::Write, &path, &error),
        })?;
        self.files += 1;
        Ok(())
    }

    /// Makes a link, in place of a file or link that was there.
    pub(crate) fn link(&mut self, place: &Place, target: &str) -> Result<(), Failure> {
        place.check_link(target)?;
        let path = self.clear(place)?;
        self.step.link(target, path)?;
        self.files += 1;
        Ok(())
    }

    /// Returns the path of a place, with nothing there.
    fn clear(&self, place: &Place) -> Result<String, Failure> {
        self.check_way(place)?;
        let path = path::join(self.folder, place.path());
        if path == self.archive {
            return Err(place.refuse("would replace the archive itself"));
        }
        match self.step.entry(&path).map(|entry| entry.kind) {
            Err(_) => Ok(path),
            Ok(Kind::File(_) | Kind::Link) => self.step.remove_file(&path).map(|()| path),
            Ok(Kind::Folder | Kind::Other) => Err(place.refuse("would replace a folder or a device")),
        }
    }

    /// Refuses an entry whose way leads through a link: the link may be of the same archive, or of an earlier step.
    /// Also stops here once the job was cancelled.
    fn check_way(&self, place: &Place) -> Result<(), Failure> {
        self.step.check_cancelled()?;
        let through_link = |folder: &str| {
            let entry = self.step.entry(path::join(self.folder, folder));
            entry.is_ok_and(|entry| entry.kind == Kind::Link)
        };
        if place.folders().any(through_link) { Err(place.refuse("leads through a link")) } else { Ok(()) }
    }
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies all of it, telling whose fault an error is.
fn copy(from: &mut impl Read, to: &mut BufWriter<File>) -> Result<(), CopyError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return to.flush().map_err(CopyError::Write),
            Ok(length) => to.write_all(&buffer[..length]).map_err(CopyError::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Read(error)),
        }
    }
}
