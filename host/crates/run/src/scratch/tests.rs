//! Files of a job: private, unique, gone afterwards.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn mode(path: impl AsRef<Path>) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nothing_is_made_before_it_is_needed() {
    let parent = tempfile::tempdir().unwrap();
    let mut scratch = Scratch::new(parent.path().to_owned());
    scratch.close().unwrap();
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn files_are_private_empty_and_unique() {
    let parent = tempfile::tempdir().unwrap();
    let mut scratch = Scratch::new(parent.path().to_owned());
    let (first, second) = (scratch.files().unwrap(), scratch.files().unwrap());
    let paths = [&first.output, &first.export, &second.output, &second.export];
    let unique: std::collections::BTreeSet<_> = paths.into_iter().collect();
    assert_eq!(unique.len(), 4);
    for path in paths {
        assert_eq!((mode(path), std::fs::read(path).unwrap().len()), (0o600, 0));
    }
    assert_eq!(mode(Path::new(&first.output).parent().unwrap()), 0o700);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn everything_goes_with_the_folder_also_what_steps_put_there() {
    for explicitly in [true, false] {
        let parent = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(parent.path().to_owned());
        let files = scratch.files().unwrap();
        std::fs::remove_file(&files.output).unwrap();
        std::fs::create_dir(&files.output).unwrap();
        std::fs::write(Path::new(&files.output).join("x"), "x").unwrap();
        files.remove();
        if explicitly {
            scratch.close().unwrap();
        }
        drop(scratch);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}

/// Says something for users other than root, whom nothing locks out.
#[test]
fn locked_folders_go_too_and_links_are_not_followed() {
    let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut scratch = Scratch::new(parent.path().to_owned());
    let files = scratch.files().unwrap();
    let folder = Path::new(&files.output).parent().unwrap();
    std::fs::create_dir_all(folder.join("locked/inner")).unwrap();
    symlink(elsewhere.path(), folder.join("locked/link")).unwrap();
    std::fs::write(folder.join("locked/inner/file"), "x").unwrap();
    std::fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o555)).unwrap();
    for locked in ["locked/inner", "locked", ""] {
        std::fs::set_permissions(folder.join(locked), Permissions::from_mode(0o000)).unwrap();
    }
    scratch.close().unwrap();
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    assert_eq!(mode(elsewhere.path()), 0o555);
}

#[test]
fn what_a_dead_engine_left_is_removed_and_nothing_else() {
    let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| parent.path().join(name);
    let living = [1, 2].map(|_| {
        let mut scratch = Scratch::new(parent.path().to_owned());
        let files = scratch.files().unwrap();
        (scratch, files)
    });
    std::fs::create_dir_all(path("stepwell-job-dead/inner")).unwrap();
    std::fs::create_dir(path("other")).unwrap();
    std::fs::write(path("stepwell-job-file"), "").unwrap();
    symlink(elsewhere.path(), path("stepwell-job-link")).unwrap();
    let mut scratch = Scratch::new(parent.path().to_owned());
    scratch.files().unwrap();
    assert!(!path("stepwell-job-dead").exists());
    for (_, files) in &living {
        assert!(Path::new(&files.output).exists());
    }
    drop((living, scratch));
    let mut left: Vec<_> = std::fs::read_dir(parent.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["other", "stepwell-job-file", "stepwell-job-link"]);
    assert!(elsewhere.path().exists());
}
