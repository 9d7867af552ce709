//! References: short forms, long forms, and how they are written.

use stepwell_schema::reference::without_written_credentials;
use stepwell_schema::{GitReference, OciReference, Reference, StepAction};

use crate::support::job;

#[track_caller]
fn check(text: &str, expected: Reference) {
    assert_eq!(Reference::parse(text).as_ref(), Ok(&expected), "{text}");
}

/// Checks a text that is read and written the same.
#[track_caller]
fn written(text: &str, expected: &str) {
    assert_eq!(Reference::parse(text).map(|reference| reference.to_string()).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refuse(text: &str) {
    assert!(Reference::parse(text).is_err(), "{text}: {:?}", Reference::parse(text));
}

fn git(url: &str, revision: &str, directory: &str, file: Option<&str>) -> Reference {
    Reference::Git(GitReference {
        url: url.to_owned(),
        revision: revision.to_owned(),
        directory: directory.to_owned(),
        file: file.map(str::to_owned),
    })
}

fn oci(registry: &str, repository: &str, tag: &str, directory: &str, file: Option<&str>) -> Reference {
    Reference::Oci(OciReference {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        directory: directory.to_owned(),
        file: file.map(str::to_owned),
    })
}

#[test]
fn dynamic_comes_first() {
    for text in ["${{ env.REF }}", "./steps/${{ env.X }}", "gitlab.com/g/p@${{ vars.REV }}"] {
        check(text, Reference::Dynamic { text: text.to_owned() });
    }
}

#[test]
fn paths() {
    for (text, path) in [
        ("./path/to/step", "./path/to/step"),
        ("../x", "../x"),
        (".", "."),
        ("/opt/steps/x", "/opt/steps/x"),
        (".//a///b/", "./a/b"),
        ("/", "/"),
        ("//a", "/a"),
        (" ./a ", "./a"),
        ("./a@b", "./a@b"),
        ("./funcs/dry-run.yml", "./funcs/dry-run.yml"),
    ] {
        check(text, Reference::File { path: path.to_owned() });
    }
}

#[test]
fn only_yml_names_a_file() {
    use stepwell_schema::reference::split_file;
    assert_eq!(split_file("./a/b.yml"), ("./a", Some("b.yml")));
    assert_eq!(split_file("./a/b.yaml"), ("./a/b.yaml", None));
    assert_eq!(split_file("b.yml"), ("", Some("b.yml")));
    assert_eq!(split_file("."), (".", None));
}

#[test]
fn built_in() {
    check("builtin://script", Reference::BuiltIn { name: "script".to_owned(), dist: false });
    check("dist://step/oci/build", Reference::BuiltIn { name: "step/oci/build".to_owned(), dist: true });
    refuse("builtin://");
}

#[test]
fn git_short_forms() {
    check("gitlab.com/group/p@v1", git("https://gitlab.com/group/p", "v1", "steps", None));
    check("gitlab.com/g/p/-/dir/my.yml@v1", git("https://gitlab.com/g/p", "v1", "steps/dir", Some("my.yml")));
    check("gitlab.com/g/p/-/dir@v1", git("https://gitlab.com/g/p", "v1", "steps/dir", None));
    check("gitlab.com/g/p/-/my.yml@v1", git("https://gitlab.com/g/p", "v1", "steps", Some("my.yml")));
    check("http://user:token@host/p.git@main", git("http://user:token@host/p.git", "main", "steps", None));
    check("file:///srv/p@main", git("file:///srv/p", "main", "steps", None));
    check("gitlab.com/g/p/-/../x@v1", git("https://gitlab.com/g/p", "v1", "steps/../x", None));
    refuse("gitlab.com/g/p/-/../../x@v1");
    refuse("gitlab.com/g/p@");
    refuse("@v1");
    refuse("p@v1");
    refuse("https://gitlab.com/g/p");
    refuse("ftp://host/p@v1");
}

#[test]
fn oci_short_forms() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    check("registry.example.com/g/img:1.2", oci("registry.example.com", "g/img", "1.2", "", None));
    check("localhost:5000/img:1", oci("localhost:5000", "img", "1", "", None));
    check("g/img", oci("registry.gitlab.com", "g/img", "latest", "", None));
    check("img:1", oci("registry.gitlab.com", "img", "1", "", None));
    check(&format!("r.io/img@{digest}"), oci("r.io", "img", &digest, "", None));
    check("r.io/img:tag sub/func.yml", oci("r.io", "img", "tag", "sub", Some("func.yml")));
    check("r.io/img:tag a/b", oci("r.io", "img", "tag", "a/b", None));
    refuse("img");
    refuse("r.io/img@sha256:12");
    refuse("r.io/Img:1");
    refuse("r.io/img:tag ../x");
    refuse("r.io/img:tag a b");
    refuse("r.io/img:");
    refuse("");
    refuse("  ");
}

#[test]
fn texts_are_canonical() {
    written("./a//b/", "./a/b");
    written("builtin://x", "builtin://x");
    written("gitlab.com/g/p@v1", "https://gitlab.com/g/p@v1");
    written("gitlab.com/g/p/-/dir/my.yml@v1", "https://gitlab.com/g/p/-/dir/my.yml@v1");
    written("g/img", "registry.gitlab.com/g/img:latest");
    written("r.io/img:1 a/f.yml", "r.io/img:1 a/f.yml");
    written("https://user:token@host/p@v1", "https://[MASKED]@host/p@v1");
    written("https://user:${{ vars.T }}@host/p@v1", "https://user:${{ vars.T }}@host/p@v1");
    assert_eq!(git("https://h/p", "v1", "", None).to_string(), "{git: {url: https://h/p, rev: v1}}");
    assert_eq!(
        oci("r.io", "img", "1", "d", Some("f.yaml")).to_string(),
        "{oci: {registry: r.io, repository: img, tag: \"1\", dir: d, file: f.yaml}}"
    );
}

#[test]
fn mistakes_do_not_repeat_credentials() {
    let mistakes = [
        "https://user:secret@host/p",
        "user:secret@host/p://x",
        "secret@host://p",
        "x@y://secret@host/p",
        "://secret@h",
    ];
    for text in mistakes {
        let error = Reference::parse(text).expect_err("no revision, or no reference at all");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert_eq!(without_written_credentials("func: user:secret@host/p://x"), "func: ***********@host/p://x");
}

#[track_caller]
fn long(text: &str, expected: &Reference) {
    let job = job(&format!("run: [ {{ name: a, func: {text} }} ]")).unwrap_or_else(|problems| panic!("{problems}"));
    let StepAction::Function { reference, .. } = &job.steps[0].action else { panic!("a function") };
    assert_eq!(&reference.value, expected, "{text}");
}

#[test]
fn long_forms() {
    long("{ git: { url: gitlab.com/g/p, rev: v1 } }", &git("https://gitlab.com/g/p", "v1", "", None));
    long(
        "{ git: { url: \"${{ env.URL }}\", rev: 1.10, dir: a//b, file: x.yml } }",
        &git("${{ env.URL }}", "1.10", "a/b", Some("x.yml")),
    );
    long("{ oci: { registry: r.io, repository: img, tag: 1.10, dir: d } }", &oci("r.io", "img", "1.10", "d", None));
}

#[test]
fn a_mistaken_reference_is_quoted_as_it_is_unless_it_holds_credentials() {
    let message = |text: &str| Reference::parse(text).expect_err("it is no reference").to_string();
    assert!(message("foo@").starts_with("`foo@` is not"), "{}", message("foo@"));
    assert!(message("project@main").starts_with("`project@main` is not"));
    for secret in ["me:pw@host@", "https://me:pw@host", "me:pw@main"] {
        assert!(!message(secret).contains("pw"), "{}", message(secret));
    }
}
