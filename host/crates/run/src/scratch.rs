//! The files that the engine makes for the steps of one job, and their removal.

mod folder;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use self::folder::Folder;

/// A folder for the files of one job: made when the first is needed, mode 0700, under a name that cannot collide. Removed
/// with everything in it when it is closed or dropped, or by a later job where the engine is killed before that.
#[derive(Debug)]
pub(crate) struct Scratch {
    parent: PathBuf,
    folder: Option<Folder>,
    /// How many pairs of files were made.
    made: u64,
}

/// The output file and the export file of one step: empty at first, mode 0600.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StepFiles {
    pub(crate) output: String,
    pub(crate) export: String,
}

impl Scratch {
    /// Makes nothing yet. `parent` is absolute and there.
    pub(crate) fn new(parent: PathBuf) -> Self {
        Self { parent, folder: None, made: 0 }
    }

    /// Returns the folder in which the job's own is made.
    pub(crate) fn parent(&self) -> &Path {
        &self.parent
    }

    /// Makes the files of one step.
    ///
    /// # Errors
    /// The folder or a file cannot be made; or its path, which expressions have to name, is not UTF-8.
    pub(crate) fn files(&mut self) -> io::Result<StepFiles> {
        let number = self.made + 1;
        let folder = self.folder()?;
        let files = StepFiles {
            output: empty_file(&folder.join(format!("{number}-outputs")))?,
            export: empty_file(&folder.join(format!("{number}-exports")))?,
        };
        self.made = number;
        Ok(files)
    }

    /// Removes everything, also folders that a step made and locked.
    ///
    /// # Errors
    /// Something cannot be removed, such as a folder of another user.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.folder.take().map_or(Ok(()), Folder::close)
    }

    fn folder(&mut self) -> io::Result<&Path> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => Folder::new_in(&self.parent)?,
        };
        Ok(self.folder.insert(folder).path())
    }
}

impl StepFiles {
    /// Removes the files. What is in their place now may be anything; what stays goes with the folder.
    pub(crate) fn remove(&self) {
        for path in [&self.output, &self.export] {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn empty_file(path: &Path) -> io::Result<String> {
    let name = path.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidFilename, "the path is not UTF-8"))?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests;
