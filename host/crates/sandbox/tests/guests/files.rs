//! A command that does what its arguments say with files and clocks, one word and its operands after the other. The first thing
//! that is refused ends it with code 1 and the error as the last line of standard error.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() {
    let mut words = std::env::args().skip(1);
    let mut open = Vec::new();
    while let Some(word) = words.next() {
        let mut operand = || words.next().unwrap_or_default();
        if let Err(error) = act(&word, &mut operand, &mut open) {
            eprintln!("{word}: {error}");
            std::process::exit(1);
        }
    }
}

fn act(word: &str, operand: &mut dyn FnMut() -> String, open: &mut Vec<File>) -> std::io::Result<()> {
    match word {
        "read" => println!("{}", fs::read_to_string(operand())?),
        "write" => write(&mut File::create(operand())?, &operand()),
        "append" => write(&mut OpenOptions::new().append(true).create(true).open(operand())?, &operand()),
        "seek-write" => {
            let mut file = OpenOptions::new().write(true).open(operand())?;
            file.seek(SeekFrom::Start(operand().parse().unwrap()))?;
            file.write_all(b"x")?;
        }
        "rewrite" => write(&mut OpenOptions::new().write(true).open(operand())?, &operand()),
        "resize" => OpenOptions::new().write(true).open(operand())?.set_len(operand().parse().unwrap())?,
        "mkdir" => fs::create_dir(operand())?,
        "rmdir" => fs::remove_dir(operand())?,
        "remove" => fs::remove_file(operand())?,
        "rename" => fs::rename(operand(), operand())?,
        "link" => fs::hard_link(operand(), operand())?,
        "hold" => open.push(File::open(operand())?),
        "release" => open.clear(),
        "now" => println!("{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()),
        "random" => println!("{}", RandomState::new().hash_one(0)),
        "sleep" => std::thread::sleep(Duration::from_millis(operand().parse().unwrap())),
        other => panic!("unknown word {other}"),
    }
    WRITTEN.with_borrow_mut(|error| error.take()).map_or(Ok(()), Err)
}

thread_local! {
    static WRITTEN: std::cell::RefCell<Option<std::io::Error>> = const { std::cell::RefCell::new(None) };
}

/// Writes a number of KiB.
fn write(file: &mut File, kib: &str) {
    for _ in 0..kib.parse::<usize>().unwrap() {
        if let Err(error) = file.write_all(&[b'x'; 1 << 10]) {
            WRITTEN.set(Some(error));
            return;
        }
    }
}
