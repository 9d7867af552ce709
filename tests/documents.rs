//! The YAML on the pages is valid: each block is checked as the file that it stands for. What it refers to is there: the
//! function `greet` of the README, what the pipeline includes, and for each module a program without a say in inputs and
//! outputs.

use std::fs;
use std::path::PathBuf;

use crate::support::markdown::{Block, blocks};
use crate::support::{Place, guest, workspace_root};

#[test]
fn the_yaml_on_the_pages_is_valid() {
    let mut tried = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        for block in blocks(&text).iter().filter(|block| block.language == "yaml") {
            check(block).unwrap_or_else(|why| panic!("{}\n{}\n{why}", page.display(), block.text));
            tried += 1;
        }
    }
    assert!(tried >= 6, "only {tried} blocks were found");
}

/// Pages that users read; those for developers hold no YAML.
fn pages() -> Vec<PathBuf> {
    let root = workspace_root();
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the folder is there");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let mut pages = vec![root.join("README.md")];
    pages.extend(
        entries(&root.join("docs")).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")),
    );
    // What functions share has no page.
    pages.extend(entries(&root.join("steps")).iter().map(|step| step.join("README.md")).filter(|page| page.exists()));
    pages
}

/// Checks a block as a function file if it has two documents, else as a job; a step that stands alone is a job of one.
fn check(block: &Block) -> Result<(), String> {
    let place = Place::new();
    let readme = fs::read_to_string(workspace_root().join("README.md")).expect("the README is there");
    let greet = blocks(&readme).into_iter().find(|block| block.language == "yaml").expect("it shows a function");
    write_function(&place, "greet", &greet.text);
    write_function(
        &place,
        "steps/scan",
        "spec: { inputs: { folder: { type: string } } }\n---\nexec: { command: [ls] }\n",
    );
    place.write("ci/templates.yml", ".cargo: { setup: [cargo --version] }\n");
    let file = if block.text.contains("\n---\n") {
        write_function(&place, "shown", &block.text);
        "shown/func.yml"
    } else {
        place.write("job.yml", &block.text);
        "job.yml"
    };
    let ran = place.run(["check", file]);
    if ran.code == Some(0) { Ok(()) } else { Err(ran.stderr) }
}

/// Writes a function file and the modules that it names.
fn write_function(place: &Place, folder: &str, text: &str) {
    place.write(&format!("{folder}/func.yml"), text);
    for word in text.split_whitespace().filter_map(|word| word.strip_prefix("./")) {
        let word = word.trim_end_matches([',', '}']);
        if word.ends_with(".wasm") {
            place.write(&format!("{folder}/{word}"), fs::read(guest("command")).expect("the guest is there"));
        }
    }
}
