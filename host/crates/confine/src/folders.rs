//! Landlock: nothing of the file system but the folders that are listed, and no network.

use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// A folder that stays reachable, with all beneath it. It was opened beforehand, so that it is the very folder that was
/// decided on, whatever lies under its name by now.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a> {
    /// The folder.
    pub folder: BorrowedFd<'a>,
    /// What may be done in it.
    pub access: Access,
}

/// What may be done in a folder. Nothing in it may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Read; make, change and remove files, folders and links.
    Write,
}

/// The newest version whose rights are all known here. What an older kernel lacks of it is left out, and said.
const KNOWN: ABI = ABI::V6;

impl Access {
    fn rights(self) -> BitFlags<AccessFs> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        match self {
            Self::Read => read,
            Self::Write => {
                read | AccessFs::WriteFile
                    | AccessFs::Truncate
                    | AccessFs::RemoveFile
                    | AccessFs::RemoveDir
                    | AccessFs::MakeReg
                    | AccessFs::MakeDir
                    | AccessFs::MakeSym
                    | AccessFs::Refer
            }
        }
    }
}

/// Takes the rest of the file system and the network from this process. False: the kernel does none of it.
pub(crate) fn keep_only(folders: &[Folder<'_>]) -> Result<bool, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .no_new_privs(true);
    for folder in folders {
        rules = rules.add_rule(PathBeneath::new(folder.folder, folder.access.rights()))?;
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

/// Returns what a version of Landlock leaves open of what this crate asks for.
pub(crate) fn gaps(version: Option<u32>) -> Vec<String> {
    const SINCE: [(u32, &str); 6] = [
        (1, "Landlock: the file system stays open as far as the user may reach it"),
        (2, "Landlock 2: moving files between folders fails"),
        (3, "Landlock 3: files outside can be truncated"),
        (4, "Landlock 4: TCP is held back by seccomp alone"),
        (5, "Landlock 5: requests to devices are held back by seccomp alone"),
        (6, "Landlock 6: signals and abstract sockets are held back by seccomp alone"),
    ];
    let has = version.unwrap_or(0);
    SINCE.iter().filter(|(since, _)| *since > has).map(|(_, gap)| (*gap).to_owned()).collect()
}
