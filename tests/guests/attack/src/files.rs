//! Files and everything else around the guest: through the SDK, through the standard library, and past both.

use std::fs;

use stepwell_sdk::{Failure, Step};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

use crate::Answer;

/// The name of the link that attacks leave behind.
const LINK: &str = "attack-link";

pub(crate) fn read(step: &Step, path: &str) -> Result<Answer, Failure> {
    step.read_to_string(path).map(Answer::content)
}

pub(crate) fn read_std(path: &str) -> Result<Answer, Failure> {
    Ok(Answer::content(fs::read_to_string(path)?))
}

/// Reads below the first preopen without the C library, which would refuse some paths by itself.
pub(crate) fn read_raw(path: &str) -> Result<Answer, Failure> {
    read_at(&first_preopen()?, path)
}

pub(crate) fn write(step: &Step, path: &str) -> Result<Answer, Failure> {
    step.write(path, "written by the guest")?;
    Ok(Answer::content("written"))
}

/// Writes below the first preopen without the C library.
pub(crate) fn write_raw(path: &str) -> Result<Answer, Failure> {
    let file = first_preopen()?
        .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::CREATE, DescriptorFlags::WRITE)
        .map_err(|code| refused("open", path, code))?;
    file.write(b"written by the guest", 0).map_err(|code| refused("write", path, code))?;
    Ok(Answer::content("written"))
}

pub(crate) fn list(step: &Step, path: &str) -> Result<Answer, Failure> {
    step.list(path).map(|names| Answer::content(names.join("\n")))
}

pub(crate) fn remove(step: &Step, path: &str) -> Result<Answer, Failure> {
    step.remove_file(path)?;
    Ok(Answer::content("removed"))
}

/// Makes a link to `target` in the first preopen and reads through it.
pub(crate) fn symlink_then_read(target: &str) -> Result<Answer, Failure> {
    let root = first_preopen()?;
    root.symlink_at(target, LINK).map_err(|code| refused("link to", target, code))?;
    read_at(&root, LINK)
}

/// Makes a hard link to `target`, below the first preopen.
pub(crate) fn hard_link(target: &str) -> Result<Answer, Failure> {
    let root = first_preopen()?;
    root.link_at(PathFlags::empty(), target, &root, LINK).map_err(|code| refused("link to", target, code))?;
    read_at(&root, LINK)
}

/// Lists the guest paths of all preopens, a line each, with the flags of their descriptors.
pub(crate) fn preopens() -> Result<Answer, Failure> {
    let line = |(root, path): (Descriptor, String)| {
        let flags = root.get_flags().unwrap_or(DescriptorFlags::empty());
        let mode = if flags.contains(DescriptorFlags::MUTATE_DIRECTORY) { "write" } else { "read" };
        format!("{path} {mode}")
    };
    let lines: Vec<_> = get_directories().into_iter().map(line).collect();
    Ok(Answer::content(lines.join("\n")))
}

/// Writes `count` MiB to a file.
pub(crate) fn fill(step: &Step, path: &str, count: u32) -> Result<Answer, Failure> {
    use std::io::Write;

    let mut file = step.create(path)?;
    for _ in 0..count {
        file.write_all(&[b'x'; 1 << 20])?;
    }
    file.flush()?;
    Ok(Answer::number(f64::from(count)))
}

/// Makes `count` empty files in a folder.
pub(crate) fn many(step: &Step, path: &str, count: u32) -> Result<Answer, Failure> {
    (0..count).try_for_each(|number| step.create(format!("{path}/{number}")).map(drop))?;
    Ok(Answer::number(f64::from(count)))
}

/// Lists variables and arguments, a line each.
pub(crate) fn environment() -> Result<Answer, Failure> {
    let variables = std::env::vars().map(|(name, value)| format!("{name}={value}"));
    let lines: Vec<_> = variables.chain(std::env::args().map(|argument| format!("argument {argument}"))).collect();
    Ok(Answer::content(lines.join("\n")))
}

fn first_preopen() -> Result<Descriptor, Failure> {
    get_directories()
        .into_iter()
        .next()
        .map(|(root, _)| root)
        .ok_or_else(|| Failure::failed("there is no preopened directory"))
}

fn read_at(root: &Descriptor, path: &str) -> Result<Answer, Failure> {
    let file = root
        .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ)
        .map_err(|code| refused("open", path, code))?;
    let (content, _) = file.read(1 << 20, 0).map_err(|code| refused("read", path, code))?;
    Ok(Answer::content(String::from_utf8_lossy(&content)))
}

fn refused(verb: &str, path: &str, code: ErrorCode) -> Failure {
    Failure::failed(format!("cannot {verb} `{path}`")).cause(code.name())
}
