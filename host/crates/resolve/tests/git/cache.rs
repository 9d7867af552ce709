use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use stepwell_git_server::{Repository, Server};
use stepwell_plan::Resolver;
use stepwell_resolve::git::cache::{Cache, CacheError, Damage, Prune, Pruned};

use crate::support::{
    Machine, check_unreachable, check_version, files, function, noise, only_tree, repository, resolve,
};

#[test]
fn what_is_in_it() {
    let repository = repository("one");
    repository.write_executable("run", "x").link("l", "run").commit("more");
    let server = Server::of(&repository);
    let machine = Machine::new();
    let before = SystemTime::now() - Duration::from_secs(1);
    let url = server.url("project.git");
    machine.resolve(&format!("{}@main", url.replace("://", "://user:secret@"))).unwrap();
    machine.resolve(&format!("{}@main", repository.url())).unwrap();
    let entries = machine.cache().list().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!([&entries[0].repository, &entries[1].repository], [&repository.url(), &url]);
    for entry in &entries {
        assert_eq!(entry.commit, repository.id("HEAD"));
        assert_eq!(entry.bytes, function("one").len() as u64 + 1);
        assert_eq!(entry.files, 3);
        assert!(entry.last_used > before);
        assert_eq!(entry.digest, entries[0].digest);
    }
    // One tree for both.
    only_tree(&machine);
    assert!(machine.cache().verify().unwrap().iter().all(|(_, damage)| damage.is_none()));
}

#[test]
fn nobody_else_can_look_into_it() {
    let repository = repository("one");
    let machine = Machine::new();
    machine.resolve(&format!("{}@main", repository.url())).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let git = machine.cache_folder().join("git");
    for folder in [git.clone(), git.join("trees"), git.join("index"), git.join("tmp"), only_tree(&machine)] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(&git.join("key")), 0o600);
    fs::set_permissions(git.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let result = Cache::open(machine.cache_folder());
    assert!(matches!(result, Err(CacheError::NotPrivate { mode: 0o644, .. })), "{result:?}");
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let result = Cache::open(machine.cache_folder());
    assert!(matches!(result, Err(CacheError::NotPrivate { mode: 0o755, .. })), "{result:?}");
    assert!(machine.resolve(&format!("{}@main", repository.url())).is_err());
}

#[test]
fn a_damaged_key() {
    let machine = Machine::new();
    machine.cache();
    fs::write(machine.cache_folder().join("git/key"), "short").unwrap();
    assert!(matches!(Cache::open(machine.cache_folder()), Err(CacheError::DamagedKey { .. })));
}

/// Damages the only tree, and checks that the cache says so and that the next job fetches it anew.
#[track_caller]
fn check_damage(what: &str, damage: impl Fn(&Path), is_expected: impl Fn(&Damage) -> bool) {
    let repository = repository("one");
    repository.write("a/file", "content").link("link", "a/file").commit("more");
    let commit = repository.id("HEAD");
    let server = Server::of(&repository);
    let machine = Machine::new();
    let reference = format!("{}@{commit}", server.url("project.git"));
    check_version(machine.resolve(&reference), "one");
    let root = only_tree(&machine);
    damage(&root);
    let found = machine.cache().verify().unwrap().remove(0).1;
    assert!(found.as_ref().is_some_and(is_expected), "{what}: {found:?}");
    let resolved = check_version(machine.resolve(&reference), "one");
    assert_eq!(resolved.notes.len(), usize::from(what != "gone"), "{what}: {:?}", resolved.notes);
    assert_eq!(server.fetches(), if what == "added" { 1 } else { 2 }, "{what}");
    assert_eq!(only_tree(&machine), root);
    assert_eq!(fs::read_to_string(root.join("a/file")).unwrap(), "content");
    assert!(machine.cache().verify().unwrap()[0].1.is_none(), "{what}");
    assert_eq!(fs::read_dir(machine.cache_folder().join("git/tmp")).unwrap().count(), 0);
}

#[test]
fn a_damaged_tree_is_fetched_anew() {
    let is_changed = |damage: &Damage| matches!(damage, Damage::Changed(_));
    check_damage("content", |root| fs::write(root.join("a/file"), "CONTENT").unwrap(), is_changed);
    check_damage("length", |root| fs::write(root.join("a/file"), "more content").unwrap(), is_changed);
    let make_executable = |root: &Path| {
        fs::set_permissions(root.join("a/file"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    check_damage("mode", make_executable, is_changed);
    let relink = |root: &Path| {
        fs::remove_file(root.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
    };
    check_damage("link", relink, is_changed);
    let replace = |root: &Path| {
        fs::remove_dir_all(root.join("a")).unwrap();
        std::os::unix::fs::symlink("steps", root.join("a")).unwrap();
    };
    check_damage("folder", replace, is_changed);
    check_damage(
        "missing",
        |root| fs::remove_file(root.join("a/file")).unwrap(),
        |damage| matches!(damage, Damage::Missing(_)),
    );
    check_damage(
        "manifest",
        |root| fs::write(root.join("../manifest"), "").unwrap(),
        |damage| matches!(damage, Damage::Manifest),
    );
    check_damage(
        "gone",
        |root| fs::remove_dir_all(root.parent().unwrap()).unwrap(),
        |damage| matches!(damage, Damage::Gone),
    );
}

#[test]
fn what_was_added_is_removed() {
    let add = |root: &Path| {
        fs::create_dir_all(root.join("a/__pycache__/x")).unwrap();
        fs::write(root.join("a/__pycache__/x/y"), "").unwrap();
        fs::write(root.join("new"), "").unwrap();
    };
    check_damage("added", add, |damage| matches!(damage, Damage::Added(paths) if paths.len() == 2));
}

#[test]
fn a_change_during_the_job_is_noticed() {
    let repository = repository("one");
    repository.write("run.sh", "echo good").commit("more");
    let server = Server::of(&repository);
    let machine = Machine::new();
    let job = machine.job();
    let reference = format!("{}@main", server.url("project.git"));
    let resolved = check_version(resolve(&job, &reference), "one");
    assert!(job.is_unchanged(&resolved, &[]));
    let script = resolved.origin.tree.clone().unwrap().join("run.sh");
    fs::write(&script, "echo evil").unwrap();
    assert!(!job.is_unchanged(&resolved, &[]));
    let again = check_version(resolve(&job, &reference), "one");
    assert_eq!(again.notes, ["a tree in the cache was damaged and fetched anew: `run.sh` has been changed"]);
    assert_eq!(fs::read_to_string(&script).unwrap(), "echo good");
    assert!(job.is_unchanged(&again, &[]));
    assert_eq!(server.fetches(), 2);
    assert_eq!(check_version(resolve(&job, &reference), "one").notes, Vec::<String>::new());
}

#[test]
fn damage_without_a_server_is_an_error() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let machine = Machine::new();
    let reference = format!("{}@{}", server.url("project.git"), repository.id("HEAD"));
    check_version(machine.resolve(&reference), "one");
    drop(server);
    fs::write(only_tree(&machine).join("steps/func.yml"), "evil").unwrap();
    check_unreachable(machine.resolve(&reference));
}

/// Makes a repository whose tree has about so many bytes, used so long ago.
fn fill(machine: &Machine, bytes: usize, age: Duration) -> Repository {
    let repository = repository(&format!("{bytes} {age:?}"));
    repository.write("large", noise(bytes)).commit("large");
    let resolved = machine.resolve(&format!("{}@main", repository.url())).unwrap();
    let entry = resolved.origin.tree.unwrap().parent().unwrap().to_owned();
    let lock = fs::File::options().write(true).open(entry.with_extension("lock")).unwrap();
    lock.set_modified(SystemTime::now() - age).unwrap();
    repository
}

fn repositories(machine: &Machine) -> Vec<String> {
    machine.cache().list().unwrap().into_iter().map(|entry| entry.repository).collect()
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let machine = Machine::new().with(|settings| settings.cache_bytes(250_000));
    let oldest = fill(&machine, 100_000, Duration::from_secs(300));
    let old = fill(&machine, 100_000, Duration::from_secs(200));
    assert_eq!(repositories(&machine).len(), 2);
    let new = fill(&machine, 100_000, Duration::ZERO);
    let left = repositories(&machine);
    assert_eq!(left.len(), 2);
    assert!(!left.contains(&oldest.url()) && left.contains(&old.url()) && left.contains(&new.url()));
    assert_eq!(fs::read_dir(machine.cache_folder().join("git/index")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(machine.cache_folder().join("git/trees")).unwrap().count(), 4);
}

#[test]
fn what_a_job_uses_stays() {
    let machine = Machine::new().with(|settings| settings.cache_bytes(1));
    let (one, two) = (repository("one"), repository("two"));
    let (first, second) = (machine.job(), machine.job());
    let used = check_version(resolve(&first, &format!("{}@main", one.url())), "one");
    check_version(resolve(&second, &format!("{}@main", two.url())), "two");
    assert_eq!(repositories(&machine).len(), 2);
    assert_eq!(machine.cache().prune(Prune::All).unwrap(), Pruned::default());
    drop(second);
    assert_eq!(machine.cache().prune(Prune::All).unwrap().entries, 1);
    assert_eq!(repositories(&machine), [one.url()]);
    drop(first);
    assert_eq!(machine.cache().prune(Prune::All).unwrap(), Pruned::default());
    drop(used);
    let pruned = machine.cache().prune(Prune::All).unwrap();
    assert_eq!(pruned, Pruned { entries: 1, bytes: function("one").len() as u64 });
    let left = files(&machine.cache_folder());
    assert_eq!(left, [machine.cache_folder().join("git/key")]);
}

#[test]
fn pruning_to_a_size() {
    let machine = Machine::new();
    fill(&machine, 100_000, Duration::from_secs(300));
    let kept = fill(&machine, 100_000, Duration::from_secs(200));
    assert_eq!(machine.cache().prune(Prune::ToBytes(1 << 30)).unwrap(), Pruned::default());
    assert_eq!(machine.cache().prune(Prune::ToBytes(150_000)).unwrap().entries, 1);
    assert_eq!(repositories(&machine), [kept.url()]);
}

#[test]
fn what_killed_processes_leave_is_removed_and_hinders_nobody() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let machine = Machine::new();
    let reference = format!("{}@main", server.url("project.git"));
    check_version(machine.resolve(&reference), "one");
    let git = machine.cache_folder().join("git");
    // While a tree was being made, before and after its lock; while one was being removed; before its record was made;
    // and a record that was written in part by a system that went down.
    fs::create_dir_all(git.join("tmp/dead/entry/tree")).unwrap();
    fs::write(git.join("tmp/dead.lock"), "").unwrap();
    fs::write(git.join("tmp/alone.lock"), "").unwrap();
    fs::create_dir_all(git.join("tmp/unlocked/entry")).unwrap();
    let orphan = git.join("trees").join("ab".repeat(32));
    fs::create_dir_all(orphan.join("tree")).unwrap();
    fs::write(git.join("trees").join(format!("{}.lock", "cd".repeat(32))), "").unwrap();
    for record in files(&git.join("index")) {
        fs::write(record, "stepwell git com").unwrap();
    }
    check_version(machine.resolve(&reference), "one");
    assert_eq!(fs::read_dir(git.join("tmp")).unwrap().count(), 0);
    assert!(!orphan.exists());
    only_tree(&machine);
    assert_eq!(
        files(&git.join("trees")).iter().filter(|path| path.extension().is_some_and(|end| end == "lock")).count(),
        1
    );
    assert!(machine.cache().verify().unwrap()[0].1.is_none());
    check_version(machine.resolve(&reference), "one");
}

#[test]
fn what_another_process_is_making_stays() {
    let repository = repository("one");
    let server = Server::of(&repository);
    let machine = Machine::new();
    machine.cache();
    let tmp = machine.cache_folder().join("git/tmp");
    fs::create_dir(tmp.join("living")).unwrap();
    let lock = fs::File::create(tmp.join("living.lock")).unwrap();
    lock.lock().unwrap();
    check_version(machine.resolve(&format!("{}@main", server.url("project.git"))), "one");
    assert!(tmp.join("living").exists());
    lock.unlock().unwrap();
    check_version(machine.resolve(&format!("{}@main", repository.url())), "one");
    assert!(!tmp.join("living").exists());
}
