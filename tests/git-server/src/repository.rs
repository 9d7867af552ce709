//! Repositories, made as people make them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;

use crate::program::{git, output, text};

/// A repository with a work tree, in a temporary folder, on the branch `main`.
#[derive(Debug)]
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// Makes an empty repository.
    pub fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Makes a repository with these files in one commit.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self::new();
        for (path, text) in files {
            repository.write(path, text);
        }
        repository.commit("first");
        repository
    }

    /// Returns the folder of the work tree.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the address with the scheme `file`.
    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    /// Writes a file of the work tree, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.place(path), content).expect("the file can be written");
        self
    }

    /// Writes a file that can be executed.
    pub fn write_executable(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        self.write(path, content);
        fs::set_permissions(self.place(path), fs::Permissions::from_mode(0o755)).expect("the mode can be set");
        self
    }

    /// Makes a symbolic link in the work tree.
    pub fn link(&self, path: &str, target: &str) -> &Self {
        symlink(target, self.place(path)).expect("the link can be made");
        self
    }

    /// Commits all of the work tree and returns the commit id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.id("HEAD")
    }

    /// Returns the full id of whatever names a commit.
    pub fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])
    }

    /// Makes a lightweight tag of the current commit.
    pub fn tag(&self, name: &str) -> &Self {
        self.git(&["tag", name]);
        self
    }

    /// Makes an annotated tag of the current commit.
    pub fn annotated_tag(&self, name: &str) -> &Self {
        self.git(&["tag", "--annotate", "--message", name, name]);
        self
    }

    /// Makes a branch at the current commit and changes to it.
    pub fn branch(&self, name: &str) -> &Self {
        self.git(&["checkout", "--quiet", "-b", name]);
        self
    }

    /// Sets a value of the repository's configuration, which a [`Server`](crate::Server) of it follows.
    pub fn config(&self, key: &str, value: &str) -> &Self {
        self.git(&["config", key, value]);
        self
    }

    /// Makes a commit, on no branch, of a tree with these entries: mode, name, object id. Nothing is checked, so that
    /// trees can be made that git itself refuses to make.
    pub fn commit_by_hand(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let tree = self.tree_by_hand(entries);
        self.git(&["commit-tree", "-m", "by hand", &tree])
    }

    /// Makes a tree in the same way.
    pub fn tree_by_hand(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut tree = Vec::new();
        for (mode, name, id) in entries {
            tree.extend_from_slice(mode.as_bytes());
            tree.push(b' ');
            tree.extend_from_slice(name);
            tree.push(0);
            let bytes = (0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16));
            tree.extend(bytes.map(|byte| byte.expect("an object id is hexadecimal")));
        }
        self.object("tree", &tree)
    }

    /// Makes a blob and returns its id.
    pub fn blob(&self, content: &[u8]) -> String {
        self.object("blob", content)
    }

    /// Runs `git` in the work tree and returns what it writes.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        output(git(self.path()).args(arguments))
    }

    fn object(&self, kind: &str, content: &[u8]) -> String {
        let mut command = git(self.path());
        command.args(["hash-object", "-w", "--literally", "--stdin", "-t", kind]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("git starts");
        child.stdin.take().expect("it is piped").write_all(content).expect("git reads");
        text(child.wait_with_output().expect("git ends"))
    }

    fn place(&self, path: &str) -> PathBuf {
        let path = self.path().join(path);
        let folder = path.parent().expect("the path is below the work tree");
        fs::create_dir_all(folder).expect("the folder can be made");
        path
    }
}

impl Default for Repository {
    fn default() -> Self {
        Self::new()
    }
}
