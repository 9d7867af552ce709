use std::fs;
use std::os::unix::fs::PermissionsExt;

use stepwell_git_server::Repository;
use stepwell_plan::{FetchError, Resolver};

use crate::support::{FUNCTION, Machine, check_fetch_error, files, resolve_long};

#[track_caller]
fn check_refused(repository: &Repository, commit: &str, path: &str, why: &'static str) {
    let machine = Machine::new();
    let result = resolve_long(&machine.job(), &repository.url(), commit, "", None);
    check_fetch_error(result, &FetchError::UnsafeEntry { path: path.to_owned(), why });
    // Nothing of it was written, not for a moment that a killed process could make last.
    assert!(files(&machine.cache_folder()).iter().all(|file| file.ends_with("key")), "{:?}", files(machine.path()));
}

#[test]
fn contents_and_executable_bits_are_kept() {
    let repository = Repository::new();
    repository
        .write("func.yml", FUNCTION)
        .write("a/plain", "x\r\ny")
        .write("a/b/\u{e4} \n%", b"\0\xff")
        .write_executable("a/run", "#!/bin/sh\n")
        // Filters and conversions are the work tree's, not ours.
        .write(".gitattributes", "* text eol=crlf\nignored export-ignore\n* ident\n")
        .write("ignored", "$Id$\n");
    repository.git(&["config", "core.autocrlf", "false"]);
    repository.commit("files");
    let machine = Machine::without_cache();
    let resolved = resolve_long(&machine.job(), &repository.url(), "main", "", None).unwrap();
    let root = resolved.origin.tree.clone().unwrap();
    assert_eq!(resolved.origin.folder.as_ref(), Some(&root));
    for (path, content, executable) in [
        ("a/plain", &b"x\ny"[..], false),
        ("a/b/\u{e4} \n%", b"\0\xff", false),
        ("a/run", b"#!/bin/sh\n", true),
        ("ignored", b"$Id$\n", false),
    ] {
        assert_eq!(fs::read(root.join(path)).unwrap(), content, "{path}");
        let mode = fs::metadata(root.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111 != 0, executable, "{path}: {mode:o}");
    }
    assert!(!root.join(".git").exists());
}

#[test]
fn links_are_made_where_they_stay_inside() {
    let repository = Repository::new();
    repository
        .write("func.yml", FUNCTION)
        .write("a/b/file", "x")
        .link("to-file", "a/b/file")
        .link("to-folder", "./a/")
        .link("a/up", "..")
        .link("a/b/through", "../up/a/b/file")
        .link("dangling", "not/there")
        .link("step.yml", "func.yml");
    repository.commit("links");
    let machine = Machine::new();
    let job = machine.job();
    let resolved = resolve_long(&job, &repository.url(), "main", "", None).unwrap();
    let root = resolved.origin.tree.clone().unwrap();
    for path in ["to-file", "to-folder/b/file", "a/up/a/b/file", "a/b/through"] {
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), "x", "{path}");
    }
    assert_eq!(fs::read_link(root.join("dangling")).unwrap().to_str(), Some("not/there"));
    assert_eq!(resolve_long(&job, &repository.url(), "main", "to-folder", Some("b/file")).unwrap().source.text(), "x");
    let through = resolve_long(&job, &repository.url(), "main", "", Some("step.yml")).unwrap();
    assert_eq!(through.source.text(), FUNCTION);
    assert_eq!(&*job.read_beside(&resolved, "a/b/through", 9).unwrap(), b"x");
}

#[test]
fn links_that_lead_out_are_refused() {
    let out = "is a link that leads out of the tree";
    for (path, target, why) in [
        ("l", "..", out),
        ("l", "/etc/passwd", out),
        ("a/l", "../../x", out),
        ("l", "a/up/../x", out),
        ("l", &"a/".repeat(3_000), "is a link without a valid target"),
    ] {
        let repository = Repository::new();
        repository.write("a/b/x", "").write("func.yml", FUNCTION);
        if target.starts_with("a/up") {
            repository.link("a/up", "..");
        }
        repository.commit("first");
        let blob = repository.blob(target.as_bytes());
        repository.git(&["update-index", "--add", "--cacheinfo", &format!("120000,{blob},{path}")]);
        repository.git(&["commit", "--quiet", "--message", "link"]);
        check_refused(&repository, "main", path, why);
    }
}

#[test]
fn names_that_git_does_not_make_are_refused() {
    let repository = Repository::with(&[("func.yml", FUNCTION)]);
    let blob = repository.blob(b"x");
    let tree = repository.tree_by_hand(&[("100644", b"x", &blob)]);
    let not_of_a_repository = "has a name that no file of a repository may have";
    let impossible = "has a name that no file can have";
    for (name, path, why) in [
        (&b".git"[..], ".git", not_of_a_repository),
        (b".GiT", ".GiT", not_of_a_repository),
        (b"..", "..", not_of_a_repository),
        (b".", ".", not_of_a_repository),
        (b"a/b", "a/b", impossible),
        (&[b'a'; 256], &format!("{}…", "a".repeat(200)), "has a name that is too long"),
    ] {
        check_refused(&repository, &repository.commit_by_hand(&[("100644", name, &blob)]), path, why);
        let below = repository.tree_by_hand(&[("100644", name, &blob)]);
        let path = format!("sub/{path}");
        let path = if path.len() > 204 { format!("sub/{}…", "a".repeat(196)) } else { path };
        check_refused(&repository, &repository.commit_by_hand(&[("40000", b"sub", &below)]), &path, why);
    }
    let twice = repository.commit_by_hand(&[("100644", b"a", &blob), ("40000", b"a", &tree)]);
    check_refused(&repository, &twice, "a", "stands there twice");
    let link = repository.blob(b"..");
    let twice = repository.commit_by_hand(&[("120000", b"a", &link), ("40000", b"a", &tree)]);
    check_refused(&repository, &twice, "a", "stands there twice");
    let unknown = repository.commit_by_hand(&[("10644", b"a", &blob)]);
    check_refused(&repository, &unknown, "a", "is of an unknown kind");
}

#[test]
fn submodules_stay_empty_and_are_told() {
    let repository = Repository::with(&[("func.yml", FUNCTION)]);
    let commit = repository.id("HEAD");
    for path in ["lib/one", "two"] {
        repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{path}")]);
    }
    repository.git(&["commit", "--quiet", "--message", "submodules"]);
    let machine = Machine::new();
    for _ in 0..2 {
        let resolved = resolve_long(&machine.job(), &repository.url(), "main", "", None).unwrap();
        let expected = format!("submodules of `{}` are not filled in: `lib/one`, `two`", repository.url());
        assert_eq!(resolved.notes, [expected]);
        let folder = resolved.origin.tree.unwrap().join("lib/one");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
    }
}
