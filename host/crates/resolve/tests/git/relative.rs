use std::fs;
use std::os::unix::fs::symlink;

use stepwell_git_server::Repository;
use stepwell_plan::{Base, Protocol, ResolveError, Resolver};
use stepwell_schema::Reference;

use crate::support::{FUNCTION, Machine, check_text, resolve, resolve_relative};

fn repository() -> Repository {
    Repository::with(&[
        ("steps/a/func.yml", FUNCTION),
        ("steps/a/module.wasm", "wasm"),
        ("steps/b/func.yml", "# b"),
        ("steps/b/other.yml", "# other"),
        ("func.yml", "# root"),
    ])
}

#[test]
fn references_in_a_tree_stay_in_the_same_commit() {
    let repository = repository();
    let machine = Machine::new();
    let job = machine.job();
    let url = repository.url();
    let a = resolve(&job, &format!("{url}/-/a@main")).unwrap();
    let root = a.origin.tree.clone().unwrap();
    assert_eq!(a.base(), Base::Tree { folder: root.join("steps/a"), root: root.clone() });
    for (path, text, folder, reference) in [
        ("../b", "# b", "steps/b", format!("{url}/-/b@main")),
        ("./../b/other.yml", "# other", "steps/b", format!("{url}/-/b/other.yml@main")),
        (".", FUNCTION, "steps/a", format!("{url}/-/a@main")),
        ("../..", "# root", "", format!("{{git: {{url: {url}, rev: main}}}}")),
    ] {
        let resolved = resolve_relative(&job, &a, path).unwrap();
        assert_eq!(resolved.source.text(), text, "{path}");
        assert_eq!(resolved.origin.protocol, Protocol::File);
        assert_eq!(resolved.origin.commit, a.origin.commit);
        assert_eq!(resolved.origin.tree.as_ref(), Some(&root));
        assert_eq!(resolved.origin.folder, Some(if folder.is_empty() { root.clone() } else { root.join(folder) }));
        assert_eq!(resolved.origin.reference, reference);
        assert!(resolved.source.name().starts_with(&format!("{url}@main:")), "{}", resolved.source.name());
        assert!(job.is_unchanged(&resolved, &[]));
    }
    check_text(
        resolve_relative(&job, &a, "./c"),
        &format!(
            "not-in-tree: no function file in `steps/a/c` of `{url}@main`: `func.yml` not found | tried func.yml, \
             step.yml; the short form looks below the folder `steps`; for another one write `{{git: {{url: …, rev: …, dir: \
             …}}}}`"
        ),
    );
}

#[test]
fn references_that_lead_out_are_refused() {
    let repository = repository();
    let machine = Machine::new();
    let job = machine.job();
    let a = resolve(&job, &format!("{}/-/a@main", repository.url())).unwrap();
    let root = a.origin.tree.clone().unwrap();
    for path in
        ["../../..", "../../../tree", "../../../x.yml", "../../../../../../../../etc", "./../../../tree/func.yml"]
    {
        let result = resolve_relative(&job, &a, path);
        assert!(matches!(result, Err(ResolveError::Escapes { .. })), "{path}: {result:?}");
    }
    // Through a link that something else has put there.
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("func.yml"), FUNCTION).unwrap();
    symlink(outside.path(), root.join("steps/a/out")).unwrap();
    let result = resolve_relative(&job, &a, "./out");
    assert!(matches!(result, Err(ResolveError::Escapes { .. })), "{result:?}");
    let result = job.read_beside(&a, "out/func.yml", 1_000);
    assert!(matches!(result, Err(ResolveError::Escapes { .. })), "{result:?}");
}

#[test]
fn absolute_paths_are_those_of_the_machine() {
    let repository = repository();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("func.yml"), "# outside").unwrap();
    let machine = Machine::new();
    let job = machine.job();
    let a = resolve(&job, &format!("{}/-/a@main", repository.url())).unwrap();
    let resolved = resolve_relative(&job, &a, outside.path().to_str().unwrap()).unwrap();
    assert_eq!(resolved.source.text(), "# outside");
    assert_eq!((resolved.origin.tree, resolved.origin.commit), (None, None));
}

#[test]
fn files_beside_a_function() {
    let repository = repository();
    let machine = Machine::new();
    let job = machine.job();
    let a = resolve(&job, &format!("{}/-/a@main", repository.url())).unwrap();
    assert_eq!(&*job.read_beside(&a, "./module.wasm", 4).unwrap(), b"wasm");
    let too_large = job.read_beside(&a, "module.wasm", 3);
    assert!(matches!(too_large, Err(ResolveError::TooLarge { actual_bytes: 4, .. })), "{too_large:?}");
    let missing = job.read_beside(&a, "other.wasm", 4);
    assert!(matches!(missing, Err(ResolveError::NotInTree { .. })), "{missing:?}");
    for path in ["../b/func.yml", "/etc/passwd", ""] {
        let result = job.read_beside(&a, path, 1_000);
        assert!(matches!(result, Err(ResolveError::Escapes { .. })), "{path}: {result:?}");
    }
}

#[test]
fn a_resolver_of_no_job_serves_trees_too() {
    let repository = repository();
    let machine = Machine::without_cache();
    let resolver = machine.resolver();
    let reference = Reference::parse(&format!("{}/-/a@main", repository.url())).unwrap();
    let a = resolver.resolve(&reference, &Base::Folder("/".into())).unwrap();
    let b = resolver.resolve(&Reference::parse("../b").unwrap(), &a.base()).unwrap();
    assert_eq!((b.source.text(), b.origin.commit.as_ref()), ("# b", None));
    assert_eq!(&*resolver.read_beside(&a, "module.wasm", 4).unwrap(), b"wasm");
    assert!(resolver.is_unchanged(&a, &["module.wasm"]));
    let root = a.origin.tree.clone().unwrap();
    drop(a);
    assert!(!root.exists());
}
