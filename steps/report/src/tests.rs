use std::fs;

use serde_json::json;
use stepwell_sdk::FailureKind;
use stepwell_sdk::fake::Fake;
use tempfile::TempDir;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0000";
const ATTACK: &str = "</code></pre><script>alert('1')</script>\"&amp;\u{1b}";

fn work_dir() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let step = Fake::new(folder.path()).step();
    step.write("in/a.rs", "fn main() {}\n```\n").expect("written");
    step.write("in/attack", ATTACK).expect("written");
    step.write("in/i.png", PNG).expect("written");
    step.write("in/i.svg", "<?xml version='1.0'?>\n<svg/>").expect("written");
    step.write("in/binary", b"a\0b").expect("written");
    step.write("in/latin", b"\xe4\xf6").expect("written");
    step.write("in/long", "x\n".repeat(600_000)).expect("written");
    folder
}

fn request(name: &str, sections: serde_json::Value) -> Request {
    Request {
        title: format!("T {ATTACK}"),
        sections: serde_json::from_value(sections).expect("they are sections"),
        source: "in".to_owned(),
        destination: "dist".to_owned(),
        name: name.to_owned(),
    }
}

fn page(name: &str, sections: serde_json::Value) -> String {
    let folder = work_dir();
    let response = run(request(name, sections), &mut Fake::new(folder.path()).step()).expect("it writes a page");
    let page = fs::read_to_string(folder.path().join(&response.file)).expect("it is there");
    assert_eq!(page.len(), response.bytes);
    page
}

#[test]
fn sections_of_html() {
    #[track_caller]
    fn check(section: serde_json::Value, expected: &str) {
        let page = page("r.html", json!([section]));
        let content = page.split("<section>\n").nth(1).and_then(|rest| rest.split("</section>").next());
        assert_eq!(content, Some(expected));
    }
    check(
        json!({"title": "a<b", "text": "one\ntwo & <i>"}),
        "<h2>a&lt;b</h2>\n<div class=\"text\">one\ntwo &amp; &lt;i&gt;</div>\n",
    );
    check(json!({"markdown": "**b** ~~s~~ `c`"}), "<p><strong>b</strong> <del>s</del> <code>c</code></p>\n");
    check(
        json!({"table": {"n": 1, "t": "<b>"}}),
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">name</th><th scope=\"col\">value</th></tr></thead>\n<tbody>\n\
         <tr><td>n</td><td class=\"number\">1</td></tr>\n<tr><td>t</td><td>&lt;b&gt;</td></tr>\n</tbody>\n</table></div>\n",
    );
    check(
        json!({"table": [{"a": 1, "b": [2]}, {"b": null}, 7], "columns": ["b", "value"]}),
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">b</th><th scope=\"col\">value</th></tr></thead>\n<tbody>\n\
         <tr><td>[2]</td><td></td></tr>\n<tr><td></td><td></td></tr>\n<tr><td></td><td class=\"number\">7</td></tr>\n</tbody>\n</table></div>\n",
    );
    check(
        json!({"file": "a.rs", "language": "rust"}),
        "<figure><figcaption>a.rs</figcaption><pre><code class=\"language-rust\">fn main() {}\n```\n</code></pre></figure>\n",
    );
    check(
        json!({"file": "latin"}),
        "<figure><figcaption>latin</figcaption><pre><code>\u{fffd}\u{fffd}</code></pre></figure>\n",
    );
    check(
        json!({"image": "i.png"}),
        "<figure><img src=\"data:image/png;base64,iVBORw0KGgowMDAw\" alt=\"i.png\"></figure>\n",
    );
}

#[test]
fn nothing_becomes_a_tag_or_a_request() {
    let markdown = format!(
        "{ATTACK}\n\n<img src=https://evil.example/a onerror=x>\n\n![i](https://evil.example/b) [j](javascript:alert(1)) \
         [k](JaVaScRiPt&#58;alert(1)) [d](data:text/html,x) <javascript:a> [s](a/b:c) [m](mailto:a@b.c)\n\n<style>*{{}}</style>"
    );
    let sections = json!([
        {"title": ATTACK, "text": ATTACK},
        {"markdown": markdown},
        {"table": [{ATTACK: ATTACK}]},
        {"table": {ATTACK: {ATTACK: [ATTACK]}}},
        {"file": "attack"},
        {"image": "i.svg"},
    ]);
    let page = page("r.html", sections);
    let lower = page.to_lowercase();
    for forbidden in ["<script", "src=\"http", "href=\"javascript", "href=\"data", "\u{1b}"] {
        assert!(!lower.contains(forbidden), "{forbidden}");
    }
    assert!(!lower.contains("<img src=https"), "tags of Markdown are text");
    assert_eq!(lower.matches("<style>").count(), 1);
    assert_eq!(lower.matches("<img ").count(), 1);
    assert!(page.contains(
        "<a href=\"https://evil.example/b\">i</a> <a href=\"#\">j</a> <a href=\"#\">k</a> <a href=\"#\">d</a>"
    ));
    assert!(page.contains("<a href=\"a/b:c\">s</a> <a href=\"mailto:a@b.c\">m</a>"));
    assert!(page.contains("default-src 'none'"));
    assert!(page.ends_with("</section>\n</main>\n</body>\n</html>\n"));
}

#[test]
fn sections_of_markdown() {
    let sections = json!([
        {"title": "a *b*", "text": "one_two\n- three\n\n1. four <b>"},
        {"markdown": "**as** it is\n\n"},
        {"table": [{"a|b": "x|y\nz", "n": 1}, {"n": 2.5}]},
        {"title": "File", "file": "a.rs", "language": "rust"},
        {"image": "i.png"},
        {"table": []},
    ]);
    let expected = "# T \\</code\\>\\</pre\\>\\<script\\>alert\\('1'\\)\\</script\\>\"\\&amp;\u{fffd}\n\
        \n## a \\*b\\*\n\none\\_two\\\n\\- three\n\n1\\. four \\<b\\>\n\
        \n**as** it is\n\
        \n| a\\|b | n |\n| --- | ---: |\n| x\\|y<br>z | 1 |\n|  | 2.5 |\n\
        \n## File\n\na.rs\n\n````rust\nfn main() {}\n```\n````\n\
        \n![i.png](data:image/png;base64,iVBORw0KGgowMDAw)\n\
        \n–\n";
    assert_eq!(page("r.md", sections), expected);
}

#[test]
fn what_is_long_is_cut() {
    let page = page("r.html", json!([{"file": "long"}, {"table": (0..10_050).collect::<Vec<_>>()}]));
    assert!(page.contains("x\n\n… (the rest is left out)\n</code>"));
    assert!(page.contains("<p>and 50 more</p>"));
    assert!(page.len() < 2 * 1024 * 1024);
}

#[test]
fn markdown_that_is_made_to_take_long() {
    for text in
        [">".repeat(100_000), "[".repeat(100_000), "*a _b ".repeat(20_000), "- ".repeat(50_000), "![a](".repeat(20_000)]
    {
        assert!(page("r.html", json!([{"markdown": text}])).len() > 1000);
    }
}

#[test]
fn inputs_that_make_no_sense() {
    #[track_caller]
    fn check(section: serde_json::Value, kind: FailureKind, expected: &str) {
        let failure = run(request("r.html", json!([{"text": ""}, section])), &mut Fake::new(work_dir().path()).step());
        let failure = failure.expect_err("it makes no sense");
        assert_eq!(failure.kind(), kind);
        assert_eq!(failure.to_string(), format!("input `sections`, element 2 (`t`): {expected}"));
    }
    let invalid = FailureKind::InvalidInput;
    check(json!({"title": "t"}), invalid, "it has none of `text`, `markdown`, `table`, `file` and `image`");
    check(
        json!({"title": "t", "text": "", "file": ""}),
        invalid,
        "it has several of `text`, `markdown`, `table`, `file` and `image`",
    );
    check(json!({"title": "t", "text": "", "columns": []}), invalid, "`columns` belongs to a `table`");
    check(json!({"title": "t", "text": "", "language": "c"}), invalid, "`language` belongs to a `file`");
    check(json!({"title": "t", "file": "a.rs", "language": "\"><script>"}), invalid, "`language` is no name of one");
    check(json!({"title": "t", "table": 7}), invalid, "`table` is neither an array nor a struct");
    check(
        json!({"title": "t", "table": {}, "columns": []}),
        invalid,
        "`columns` belongs to a `table` that is an array",
    );
    check(json!({"title": "t", "file": "../in/a.rs"}), invalid, "`../in/a.rs` is no path in the source");
    let wide: serde_json::Map<_, _> = (0..200).map(|number| (number.to_string(), json!(1))).collect();
    check(json!({"title": "t", "table": [wide]}), invalid, "the table has more than 100 columns");
    let failed = FailureKind::Failed;
    check(json!({"title": "t", "file": "binary"}), failed, "`binary` is no text: it has zero bytes");
    check(json!({"title": "t", "image": "a.rs"}), failed, "`a.rs` is no image that browsers show");

    #[track_caller]
    fn check_request(change: impl FnOnce(&mut Request), expected: &str) {
        let mut request = request("r.html", json!([{"title": "t", "file": "a.rs"}]));
        change(&mut request);
        let failure = run(request, &mut Fake::new(work_dir().path()).step()).expect_err("it makes no sense");
        assert_eq!((failure.kind(), failure.to_string().as_str()), (FailureKind::InvalidInput, expected));
    }
    check_request(|it| it.name = "r.pdf".to_owned(), "input `name` is `r.pdf`");
    check_request(|it| it.name = "../r.md".to_owned(), "input `name` is `../r.md`, no path in the destination");
    check_request(
        |it| it.source.clear(),
        "input `sections`, element 1 (`t`): input `source` is missing: the folder of `a.rs`",
    );
}

#[test]
fn a_misspelt_key_is_an_error() {
    let error = serde_json::from_value::<Section>(json!({"titel": "t"})).expect_err("there is no such key");
    assert!(error.to_string().starts_with("unknown field `titel`, expected one of `title`, `text`"), "{error}");
}
