//! Cases 1 to 24: files.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use stepwell_policy::Access::Write;
use stepwell_run::{EventKind, Outcome};

use super::driver::{Attack, COMMANDS, CORE, Case, Class, case, typed, words};
use crate::support::Ended;

/// The guest saw an error, whichever: the C library refuses some paths before the engine does, in its own words.
const SEEN: &[Class] = &[Class::NotPermitted, Class::Refused];

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(1, "`../` chains", up()),
        case(2, "absolute paths", absolute()),
        case(3, "up from within", within()),
        case(4, "slashes and dots at the end", ends_of_paths()),
        case(5, "chains and loops of links", chains()),
        case(6, "absolute link planted before", planted_absolute()),
        case(7, "relative link planted before", planted_relative()),
        case(8, "link swapped while it is opened", [swapped()]),
        case(9, "rename of the parent while it is walked", renamed_parents()),
        case(10, "links that lead out are not made", links_made()),
        case(11, "hard links between folders", hard_links()),
        case(12, "hard link through two folders", two_folders()),
        case(13, "rename over what is read-only", renames()),
        case(14, "opening read-only files to change them", opens()),
        case(15, "size and times through a read-only handle", handles()),
        case(16, "/proc and /dev", magic()),
        case(17, "pipes, sockets and devices", special())
            .besides("device nodes need a privilege to make: /dev/null, /dev/zero and /dev/full stand in where they can be linked", &[]),
        case(18, "mount point inside the folder", mounts())
            .besides("a mount of one's own needs a privilege; what is inside a granted folder is granted", &[]),
        case(19, "odd names", names()).besides("device names, streams and trailing dots matter on Windows only", &[]),
        case(20, "dangling link, created through", dangling()),
        case(21, "the preopens themselves", preopens()),
        case(22, "results replaced before the exit", results()),
        case(23, "a link for whoever comes next", left_links()),
        case(24, "another tenant's files and /tmp", neighbours()),
    ]
}

fn seen(text: &str) -> Attack {
    words(text).ends_as(SEEN)
}

fn up() -> Vec<Attack> {
    let mut attacks: Vec<_> = ["../secret", "../../canary", "../../../../../../etc/passwd", "{up:200}etc/passwd"]
        .iter()
        .flat_map(|path| {
            ["read", "create", "stat", "list", "remove", "mkdir", "target"]
                .map(|word| seen(&format!("{word} /work/dist/{path}")))
        })
        .collect();
    attacks.extend(["../secret", "../../canary"].map(|path| typed("read-raw", path, 0)));
    attacks.extend(["../secret", "../../canary", "../new"].map(|path| typed("write-raw", path, 0)));
    attacks
        .extend(["../secret", "../../../../etc/passwd"].map(|path| words(format!("raw open 3 {path} 0 2 0")).on(CORE)));
    attacks.extend(["../new", "../../new"].map(|path| words(format!("raw open 3 {path} 1 66 0")).on(CORE)));
    attacks.extend(
        ["raw unlink 3 ../secret", "raw mkdir 3 ../new", "raw rename 3 old ../old"].map(|text| words(text).on(CORE)),
    );
    attacks
}

fn absolute() -> Vec<Attack> {
    let mut attacks: Vec<_> = ["/etc/passwd", "/", "/work/secret", "/proc/self/environ", "//etc/passwd"]
        .iter()
        .flat_map(|path| ["read", "stat", "list"].map(|word| seen(&format!("{word} {path}"))))
        .collect();
    attacks.extend(["/etc/passwd", "/work/secret", "/"].map(|path| typed("read-raw", path, 0)));
    attacks.extend(["/tmp/new", "/work/new"].map(|path| typed("write-raw", path, 0)));
    attacks.extend(["/etc/passwd", "//etc/passwd"].map(|path| words(format!("raw open 3 {path} 0 2 0")).on(CORE)));
    attacks
}

fn within() -> Vec<Attack> {
    ["in/../../secret", "./../secret", "in/./../../../canary", "old/../../secret", "in/../in/../../secret"]
        .iter()
        .flat_map(|path| {
            let folder = |work: &Path| fs::create_dir(work.join("dist/in")).unwrap();
            [
                seen(&format!("read /work/dist/{path}")).planted(folder),
                seen(&format!("write /work/dist/{path} 1")).planted(folder),
                typed("read-raw", path, 0).ends_as(SEEN).planted(folder),
                words(format!("raw open 3 {path} 0 2 0")).on(CORE).ends_as(SEEN).planted(folder),
            ]
        })
        .collect()
}

fn ends_of_paths() -> Vec<Attack> {
    let links = |work: &Path| {
        symlink("../secret", work.join("dist/out")).unwrap();
        symlink("..", work.join("dist/up")).unwrap();
    };
    ["out/", "out/.", "out//", "up/", "up/.", "up//secret", "up/./secret", "old/", "old/."]
        .iter()
        .flat_map(|path| {
            [
                seen(&format!("read /work/dist/{path}")).planted(links),
                seen(&format!("resize /work/dist/{path} 0")).planted(links),
                typed("read-raw", path, 0).ends_as(SEEN).planted(links),
                words(format!("raw open 3 {path} 0 2 0")).on(CORE).ends_as(SEEN).planted(links),
            ]
        })
        .chain(
            ["raw unlink 3 up/", "raw rmdir 3 up/", "raw rmdir 3 up/.", "raw rename 3 old up/"]
                .map(|text| words(text).on(CORE).ends_as(SEEN).planted(links)),
        )
        .collect()
}

fn chains() -> Vec<Attack> {
    let planted = |work: &Path| {
        for link in 0..70 {
            symlink(format!("c{}", link + 1), work.join(format!("dist/c{link}"))).unwrap();
        }
        symlink("../secret", work.join("dist/c70")).unwrap();
        symlink("self", work.join("dist/self")).unwrap();
    };
    vec![
        seen("read /work/dist/c0").planted(planted),
        seen("read /work/dist/c69").planted(planted),
        seen("read /work/dist/self").planted(planted),
        seen("write /work/dist/self/f 1").planted(planted),
        seen("chain /work/dist 2"),
        seen("chain /work/dist 18"),
        words("chain /work/dist 100").is(Class::Quota),
    ]
}

fn planted_absolute() -> Vec<Attack> {
    let planted = |work: &Path| {
        symlink(work.join("secret"), work.join("dist/link")).unwrap();
        symlink("/", work.join("dist/root")).unwrap();
    };
    [
        "read /work/dist/link",
        "write /work/dist/link 1",
        "append /work/dist/link 1",
        "list /work/dist/root",
        "read /work/dist/root/etc/passwd",
        "stat /work/dist/link",
        "target /work/dist/link",
        "resize /work/dist/link 0",
    ]
    .map(|text| seen(text).planted(planted))
    .into()
}

fn planted_relative() -> Vec<Attack> {
    let planted = |work: &Path| {
        symlink("../secret", work.join("dist/link")).unwrap();
        symlink("../../", work.join("dist/up")).unwrap();
    };
    [
        "read /work/dist/link",
        "write /work/dist/link 1",
        "create /work/dist/link",
        "stat /work/dist/link",
        "times /work/dist/link",
        "list /work/dist/up",
        "stat /work/dist/up/canary",
        "remove /work/dist/up/canary",
        "rename /work/dist/up/canary /work/dist/mine",
        "rename /work/dist/old /work/dist/up/mine",
        "mkdir /work/dist/up/mine",
        "rmdir /work/dist/up/empty",
        "symlink old /work/dist/up/mine",
    ]
    .map(|text| seen(text).planted(planted))
    .into()
}

/// Somebody swaps a file and a link that leads out while the guest opens it, over and over.
fn swapped() -> Attack {
    words("try /work/dist/flips ".repeat(2_000)).is(Class::Harmless).beside(|work| {
        let at = |name: &str| work.join("dist").join(name);
        symlink("../secret", at("link")).unwrap();
        fs::rename(at("link"), at("flips")).unwrap();
        fs::write(at("file"), "old").unwrap();
        fs::rename(at("file"), at("flips")).unwrap();
    })
}

fn renamed_parents() -> Vec<Attack> {
    let planted = |work: &Path| fs::create_dir_all(work.join("dist/a/b/c")).unwrap();
    vec![
        // A handle stays beneath wherever its folder goes.
        words("raw open 3 a/b 2 0 0 raw rename 3 a/b b raw open 7 ../../../secret 0 2 0")
            .on(CORE)
            .ends_as(SEEN)
            .planted(planted),
        words("rename /work/dist/a /work/dist/a/b/a").ends_as(SEEN).planted(planted),
        words("rename /work/dist/a /work/dist/z read /work/dist/z/b/../../../secret").ends_as(SEEN).planted(planted),
    ]
}

fn links_made() -> Vec<Attack> {
    let mut attacks: Vec<_> = ["/etc/passwd", "/", "../secret", "..", "a/../../secret", "./..", "old/..", "//x"]
        .iter()
        .flat_map(|target| {
            [
                words(format!("symlink {target} /work/dist/mine")),
                words(format!("raw symlink 3 {target} mine")).on(CORE),
                typed("symlink", target, 0),
            ]
        })
        .collect();
    attacks.push(words("symlink old /work/dist/mine read /work/dist/mine").is(Class::Harmless));
    attacks.push(words("symlink old /work/src/mine"));
    attacks
}

fn hard_links() -> Vec<Attack> {
    [
        "link /work/src/a /work/dist/a",
        "link /work/dist/old /work/src/new",
        "link /work/dist/old /work/dist/new",
        "link /work/dist/old /tmp/new",
    ]
    .map(|text| words(text).ends_as(SEEN))
    .into()
}

fn two_folders() -> Vec<Attack> {
    vec![
        words("link /work/more/f /work/dist/f")
            .ends_as(SEEN)
            .with(|call| call.file("more/f", "more").grant("more", Write))
            .check(|ended| assert_eq!(fs::read_to_string(ended.work.path().join("more/f")).unwrap(), "more")),
        // One budget is not spent through the other.
        words("write /work/dist/f 1000 rename /work/dist/f /work/more/f")
            .is(Class::Refused)
            .with(|call| call.file("more/f", "more").grant("more", Write)),
    ]
}

fn renames() -> Vec<Attack> {
    [
        "rename /work/dist/old /work/src/a",
        "rename /work/src/a /work/dist/old",
        "rename /work/src/a /work/src/b",
        "rename /work/src /work/dist/src",
        "rename /work/dist /work/src/dist",
    ]
    .map(|text| words(text).ends_as(SEEN))
    .into()
}

fn opens() -> Vec<Attack> {
    let mut attacks: Vec<_> = [
        "create /work/src/new",
        "new /work/src/new",
        "new /work/src/a",
        "truncate /work/src/a",
        "append /work/src/a 1",
        "rewrite /work/src/a 1",
        "remove /work/src/a",
        "mkdir /work/src/d",
        "rmdir /work/src",
    ]
    .map(|text| words(text).ends_as(SEEN))
    .into();
    // Flags of opening: 1 creates, 2 wants a folder, 4 is exclusive, 8 truncates; rights 64 writes; 1 appends.
    for (flags, rights, descriptor) in [(1, 2, 0), (8, 2, 0), (9, 66, 0), (5, 66, 0), (0, 66, 1), (0, 64, 0), (8, 0, 0)]
    {
        attacks.push(words(format!("raw open 4 a {flags} {rights} {descriptor}")).on(CORE).ends_as(SEEN));
    }
    attacks
}

fn handles() -> Vec<Attack> {
    vec![
        words("resize-read /work/src/a 0").ends_as(SEEN),
        words("resize-read /work/dist/old 0").ends_as(SEEN),
        words("times /work/src/a").ends_as(SEEN),
        words("hold /work/src/a raw resize 7 0").on(CORE).ends_as(SEEN),
        words("hold /work/src/a raw allocate 7 1000000").on(CORE).ends_as(SEEN),
        words("raw resize 3 0").on(CORE).ends_as(SEEN),
    ]
}

fn magic() -> Vec<Attack> {
    let planted = |work: &Path| {
        for (target, name) in [
            ("/proc/self", "self"),
            ("/proc/self/fd", "fds"),
            ("/proc/self/root", "root"),
            ("/proc/self/cwd", "cwd"),
            ("/dev/zero", "zero"),
            ("/dev/full", "full"),
            ("../../../../../../../proc/self/environ", "environ"),
        ] {
            symlink(target, work.join("dist").join(name)).unwrap();
        }
    };
    [
        "list /work/dist/self",
        "read /work/dist/self/environ",
        "read /work/dist/fds/3",
        "read /work/dist/root/etc/passwd",
        "list /work/dist/cwd",
        "read /work/dist/zero",
        "write /work/dist/full 1",
        "read /work/dist/environ",
    ]
    .map(|text| seen(text).planted(planted))
    .into()
}

fn special() -> Vec<Attack> {
    let planted = |work: &Path| {
        let mode = Mode::RUSR | Mode::WUSR;
        for folder in ["src", "dist"] {
            mknodat(CWD, work.join(folder).join("pipe"), FileType::Fifo, mode, 0).unwrap();
            // The listener goes, the socket stays.
            drop(UnixListener::bind(work.join(folder).join("socket")).unwrap());
        }
    };
    let mut attacks = Vec::new();
    for name in ["pipe", "socket"] {
        for text in [
            format!("read /work/src/{name}"),
            format!("read /work/dist/{name}"),
            format!("write /work/dist/{name} 1"),
            format!("append /work/dist/{name} 1"),
            format!("truncate /work/dist/{name}"),
            format!("new /work/dist/{name}"),
            format!("list /work/dist/{name}"),
            format!("symlink {name} /work/dist/mine read /work/dist/mine"),
            format!("rename /work/dist/{name} /work/dist/other read /work/dist/other"),
        ] {
            attacks.push(words(text).ends_as(SEEN).planted(planted));
        }
        attacks.push(typed("read-raw", name, 0).planted(planted));
        attacks.push(typed("write-raw", name, 0).planted(planted));
        attacks.push(words(format!("raw open 3 {name} 0 66 4")).on(CORE).planted(planted));
        attacks.push(words("list /work/dist").is(Class::Harmless).planted(planted));
    }
    attacks
}

/// The file systems that are mounted anyway.
fn mounts() -> Vec<Attack> {
    vec![words("read /work/dist/../../proc/version").ends_as(SEEN), words("list /dev/shm").ends_as(SEEN)]
}

fn names() -> Vec<Attack> {
    let harmless = |text: &str| words(text).is(Class::Harmless);
    vec![
        words("create /work/dist/a{nul}b").is(Class::Refused),
        harmless("create /work/dist/a{newline}b remove /work/dist/a{newline}b"),
        harmless("create /work/dist/{escape}x remove /work/dist/{escape}x"),
        words("create /work/src/{escape}x").ends_as(SEEN).check(|ended| {
            assert!(ended.denied().iter().all(|asked| !asked.contains('\u{1b}')), "{:?}", ended.denied());
        }),
        words("create /work/dist/{long:255} create /work/dist/{long:256}").is(Class::Refused),
        words("create /work/dist/{long:4096}").is(Class::Refused),
        words("create /work/dist/{long:1048576}").is(Class::Refused),
        words("mkdirs /work/dist/{deep:5000}").ends_as(&[Class::Quota, Class::Refused]),
        words("stat /work/dist/{deep:100000}x").is(Class::Refused),
        harmless("create /work/dist/A create /work/dist/a create /work/dist/e\u{301} create /work/dist/\u{e9}"),
        harmless("create /work/dist/con create /work/dist/aux.txt create /work/dist/a:b create /work/dist/dots..."),
        words("raw bad-text").on(CORE).is(Class::Refused),
        words("read /work/dist/").ends_as(SEEN),
        words("create /work/dist/{empty}").ends_as(SEEN),
        // A name that is no text is there, and can neither be told nor reached; nothing breaks.
        words("list /work/dist").ends_as(&[Class::Harmless, Class::Refused]).planted(|work| {
            use std::os::unix::ffi::OsStrExt as _;
            fs::write(work.join("dist").join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "").unwrap();
        }),
    ]
}

fn dangling() -> Vec<Attack> {
    let planted = |work: &Path| {
        symlink("../new", work.join("dist/up")).unwrap();
        symlink(work.parent().unwrap().join("new"), work.join("dist/absolute")).unwrap();
        symlink("new", work.join("dist/inside")).unwrap();
    };
    let mut attacks: Vec<_> = ["up", "absolute"]
        .iter()
        .flat_map(|name| {
            ["create", "new", "mkdir"].map(|word| seen(&format!("{word} /work/dist/{name}")).planted(planted))
        })
        .collect();
    attacks.push(words("create /work/dist/inside").is(Class::Harmless).planted(planted));
    attacks.push(typed("write-raw", "up", 0).ends_as(SEEN).planted(planted));
    attacks
}

fn preopens() -> Vec<Attack> {
    let mut attacks: Vec<_> = [
        "rmdir /work/dist",
        "rmdir /work/dist/.",
        "remove /work/dist",
        "rename /work/dist /work/dist/x",
        "rmdir /work/src",
        "rmdir /work",
    ]
    .map(|text| words(text).ends_as(SEEN))
    .into();
    attacks.extend(
        [
            // Whoever takes the place of a folder takes its rights and its budget with it.
            "raw renumber 4 3 raw open 3 new 1 66 0",
            "raw renumber 3 4 raw open 4 ../secret 0 2 0",
            "raw renumber 3 4 raw open 3 old 0 2 0",
            "raw close 3 raw open 3 old 0 2 0",
            "raw renumber 99 3",
            "raw renumber 3 99",
            "raw rmdir 3 .",
            "raw unlink 3 .",
            "raw close 3 hold /work/src/a raw open 3 new 1 66 0",
        ]
        .map(|text| words(text).on(CORE).ends_as(SEEN)),
    );
    attacks.push(words("raw renumber 3 4 raw open 4 f 1 66 0 raw resize 3 2000000").on(CORE).is(Class::Quota));
    attacks.push(words("raw renumber 5 4 raw open 4 f 1 66 0").on(CORE).is(Class::Harmless));
    attacks
}

/// The two files that a command hands over are read by the engine after it.
fn results() -> Vec<Attack> {
    let command = |text: &str, expected| words(text).on(COMMANDS).is(expected);
    vec![
        command("remove /out/outputs", Class::Internal),
        command("remove /out/outputs mkdir /out/outputs", Class::Internal),
        command("remove /out/outputs symlink exports /out/outputs", Class::Internal),
        command("remove /out/exports symlink outputs /out/exports", Class::Internal),
        command("remove /out/outputs symlink /etc/passwd /out/outputs", Class::NotPermitted),
        command("resize /out/outputs 10737418240", Class::Quota),
        command("resize /out/outputs 60000000", Class::Internal),
        command("write /out/outputs 2000", Class::Internal),
        command("rename /out/outputs /out/exports", Class::Internal),
        command("rename /out /tmp/out", Class::Refused).ends_as(SEEN),
        command("text /out/outputs nonsense", Class::Internal),
        command("text /out/outputs {\"name\":\"a\"}", Class::Internal),
    ]
}

fn left_links() -> Vec<Attack> {
    // A link that leads to a neighbour, deep in what the guest may write: moved up, it would lead out of the work dir.
    let planted = |work: &Path| {
        fs::create_dir_all(work.join("dist/a/b")).unwrap();
        symlink("../../../secret", work.join("dist/a/b/link")).unwrap();
    };
    let gone = |ended: &Ended| {
        assert!(!ended.work.path().join("dist/link").is_symlink());
        assert!(
            ended.warnings().iter().any(|warning| warning.contains("`dist/link` led out of the work dir")),
            "{:?}",
            ended.warnings()
        );
    };
    vec![
        words("rename /work/dist/a/b/link /work/dist/link").is(Class::Harmless).planted(planted).check(gone),
        words("rename /work/dist/a/b /work/dist/b").is(Class::Harmless).planted(planted).check(|ended| {
            assert!(!ended.work.path().join("dist/b/link").is_symlink());
            assert_eq!(ended.warnings().len(), 1);
        }),
        // However it ends.
        words("rename /work/dist/a/b/link /work/dist/link spin").planted(planted).cpu(50).check(gone),
        words("rename /work/dist/a/b/link /work/dist/link abort").is(Class::Internal).planted(planted).check(gone),
        words("rename /work/dist/a/b/link /work/dist/a/b/other").is(Class::Harmless).planted(planted).check(|ended| {
            assert!(ended.work.path().join("dist/a/b/other").is_symlink());
            assert!(ended.warnings().is_empty());
        }),
        words("raw rename 3 a/b/link link").on(CORE).is(Class::Harmless).planted(planted).check(gone),
    ]
}

fn neighbours() -> Vec<Attack> {
    let mut attacks: Vec<_> = ["list /work", "read /tmp/../canary", "read /out/../canary", "list /var/tmp"]
        .map(|text| words(text).ends_as(SEEN))
        .into();
    // Each command has a /tmp of its own, and it is empty.
    for _ in 0..2 {
        attacks.push(words("create /tmp/mine list /tmp").on(COMMANDS).is(Class::Harmless).check(|ended| {
            let Outcome::Returned(..) = &ended.outcome else { panic!("it ended badly") };
            let said = ended.count(|kind| matches!(kind, EventKind::Log { bytes, .. } if bytes.starts_with(b"1")));
            assert_eq!(said, 1, "another's files are in /tmp");
        }));
    }
    attacks.push(words("list /tmp").on(super::driver::TYPED).ends_as(SEEN));
    attacks
}
