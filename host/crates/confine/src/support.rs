//! What the kernel can do.

use crate::folders;
use crate::kernel;

/// What the kernel can do of a wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The version of Landlock; none where there is none.
    pub landlock: Option<u32>,
    /// Whether system calls can be filtered.
    pub seccomp: bool,
}

/// Looks at what the kernel can do, and changes nothing.
pub fn support() -> Support {
    Support { landlock: kernel::landlock_version(), seccomp: kernel::has_seccomp() }
}

impl Support {
    /// Lists what is missing, as lower-case fragments; empty where the whole wall can be raised.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = folders::gaps(self.landlock);
        if !self.seccomp {
            missing.push("seccomp: every system call stays open".to_owned());
        }
        missing
    }

    /// Tells whether both halves of the wall are there, be it with gaps: files and system calls.
    pub fn is_usable(&self) -> bool {
        self.landlock.is_some() && self.seccomp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        let whole = Support { landlock: Some(6), seccomp: true };
        assert_eq!(whole.missing(), Vec::<String>::new());
        let old = Support { landlock: Some(3), seccomp: true };
        assert_eq!(old.missing().len(), 3);
        assert!(old.is_usable());
        let none = Support { landlock: None, seccomp: false };
        assert_eq!(none.missing().len(), 7);
        assert!(!none.is_usable());
    }
}
