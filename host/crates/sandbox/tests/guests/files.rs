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
        "mkdirs" => fs::create_dir_all(operand())?,
        "rmdir" => fs::remove_dir(operand())?,
        "remove" => fs::remove_file(operand())?,
        "rename" => fs::rename(operand(), operand())?,
        "link" => fs::hard_link(operand(), operand())?,
        "hold" => open.push(File::open(operand())?),
        "release" => open.clear(),
        "clear" => fs::read_dir(operand())?.try_for_each(|entry| fs::remove_file(entry?.path()))?,
        "list" => println!("{}", fs::read_dir(operand())?.count()),
        #[cfg(target_env = "p1")]
        "write-from-nowhere" => raw::write_from_nowhere(&File::create(operand())?),
        #[cfg(target_env = "p1")]
        "long-path" => raw::long_path(operand().parse().unwrap()),
        "variables" => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "now" => println!("{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()),
        "random" => println!("{}", RandomState::new().hash_one(0)),
        "names" => fs::read_dir(operand())?
            .try_for_each(|entry| entry.map(|entry| println!("{}", entry.file_name().display())))?,
        // Which bits it has depends on the processor, unless they are made the same.
        "nan" => println!("{:x}", (std::hint::black_box(0.0_f32) / std::hint::black_box(0.0)).to_bits()),
        "nap" => (0..operand().parse().unwrap()).for_each(|_: u32| std::thread::sleep(Duration::from_millis(1))),
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

/// Calls past the C library.
#[cfg(target_env = "p1")]
mod raw {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        fn fd_write(fd: i32, buffers: i32, count: i32, written: i32) -> i32;
        fn path_create_directory(fd: i32, path: i32, length: i32) -> i32;
    }

    /// Writes a list of buffers that lies across the end of all addresses.
    pub fn write_from_nowhere(file: &File) {
        println!("{}", unsafe { fd_write(file.as_raw_fd(), -3, 1, 0) });
    }

    /// Makes a folder whose name has so many MiB, below the first preopen.
    pub fn long_path(mib: usize) {
        let path = vec![b'a'; mib << 20];
        println!("{}", unsafe { path_create_directory(3, path.as_ptr() as i32, path.len() as i32) });
    }
}
