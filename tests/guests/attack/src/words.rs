//! Attacks as words, one and its operands after the other, with nothing but the standard and the C library: the same
//! text misbehaves as a typed step, as a command of preview 2 and as one of preview 1.
//!
//! The first thing that is refused ends it, with the error of the system; whatever got through is printed.

use std::ffi::{CString, c_char, c_int};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::io::{self, Error, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

unsafe extern "C" {
    fn symlink(target: *const c_char, path: *const c_char) -> c_int;
    fn getentropy(buffer: *mut u8, length: usize) -> c_int;
}

/// What the words before have left open.
#[derive(Default)]
pub struct Held {
    files: Vec<File>,
    blocks: Vec<Vec<u8>>,
}

/// Does what the words say.
///
/// # Errors
/// The first refusal, with the word before it.
pub fn act_all(words: impl IntoIterator<Item = String>) -> Result<(), String> {
    let mut words = words.into_iter();
    let mut held = Held::default();
    while let Some(word) = words.next() {
        let mut operand = || decoded(&words.next().unwrap_or_default());
        act(&word, &mut operand, &mut held).map_err(|error| format!("{word}: {error}"))?;
    }
    Ok(())
}

/// Operands hold no spaces; `{long:N}` stands for N letters, and so on for what cannot be written. Anything else in
/// braces stands for itself.
fn decoded(operand: &str) -> String {
    let Some((front, rest)) = operand.split_once('{') else { return operand.to_owned() };
    let Some((name, back)) = rest.split_once('}') else { return operand.to_owned() };
    let middle = match name.split_once(':') {
        Some(("long", count)) => "n".repeat(count.parse().unwrap()),
        Some(("up", count)) => "../".repeat(count.parse().unwrap()),
        Some(("deep", count)) => "d/".repeat(count.parse().unwrap()),
        Some(_) => format!("{{{name}}}"),
        None => match name {
            "nul" => "\0".to_owned(),
            "newline" => "\n".to_owned(),
            "escape" => "\u{1b}[31m".to_owned(),
            "empty" => String::new(),
            other => format!("{{{other}}}"),
        },
    };
    format!("{front}{middle}{}", decoded(back))
}

fn number(operand: &str) -> u64 {
    operand.parse().unwrap()
}

fn act(word: &str, operand: &mut dyn FnMut() -> String, held: &mut Held) -> io::Result<()> {
    match word {
        "read" => println!("{}", fs::read_to_string(operand())?),
        // Goes on either way.
        "try" => println!("{}", fs::read_to_string(operand()).unwrap_or_else(|_| "-".to_owned())),
        "write" => write(&mut File::create(operand())?, &operand())?,
        "append" => write(&mut OpenOptions::new().append(true).create(true).open(operand())?, &operand())?,
        "rewrite" => write(&mut OpenOptions::new().write(true).open(operand())?, &operand())?,
        "new" => drop(OpenOptions::new().write(true).create_new(true).open(operand())?),
        "truncate" => drop(OpenOptions::new().write(true).truncate(true).open(operand())?),
        "create" => drop(OpenOptions::new().write(true).create(true).truncate(false).open(operand())?),
        "seek-write" => {
            let mut file = OpenOptions::new().write(true).open(operand())?;
            file.seek(SeekFrom::Start(number(&operand())))?;
            file.write_all(b"x")?;
        }
        "resize" => OpenOptions::new().write(true).open(operand())?.set_len(number(&operand()))?,
        "resize-read" => File::open(operand())?.set_len(number(&operand()))?,
        "times" => File::open(operand())?.set_times(FileTimes::new().set_modified(UNIX_EPOCH))?,
        "stat" => println!("{:?}", fs::metadata(operand())?.len()),
        "look" => println!("{:?}", fs::symlink_metadata(operand())?.len()),
        "target" => println!("{}", fs::read_link(operand())?.display()),
        "mkdir" => fs::create_dir(operand())?,
        "mkdirs" => fs::create_dir_all(operand())?,
        "rmdir" => fs::remove_dir(operand())?,
        "remove" => fs::remove_file(operand())?,
        "rename" => fs::rename(operand(), operand())?,
        "link" => fs::hard_link(operand(), operand())?,
        "symlink" => make_link(&operand(), &operand())?,
        "chain" => chain(&operand(), number(&operand()))?,
        "hold" => held.files.push(File::open(operand())?),
        "hold-many" => {
            let (path, count) = (operand(), number(&operand()));
            (0..count).try_for_each(|_| File::open(&path).map(|file| held.files.push(file)))?;
        }
        "release" => held.files.clear(),
        "many" => {
            let (path, count) = (operand(), number(&operand()));
            (0..count).try_for_each(|number| File::create(format!("{path}/{number}")).map(drop))?;
        }
        "over-and-over" => {
            let (path, count) = (operand(), number(&operand()));
            (0..count).try_for_each(|_| write(&mut OpenOptions::new().write(true).open(&path)?, "64"))?;
        }
        "clear" => fs::read_dir(operand())?.try_for_each(|entry| fs::remove_file(entry?.path()))?,
        "list" => println!("{}", fs::read_dir(operand())?.count()),
        "names" => fs::read_dir(operand())?
            .try_for_each(|entry| entry.map(|entry| println!("{}", entry.file_name().display())))?,
        "list-often" => {
            let (path, count) = (operand(), number(&operand()));
            let lists: Vec<_> = (0..count).map(|_| fs::read_dir(&path)).collect::<io::Result<_>>()?;
            println!("{}", lists.into_iter().map(Iterator::count).sum::<usize>());
        }
        "text" => {
            let path = operand();
            writeln!(OpenOptions::new().append(true).open(path)?, "{}", operand())?;
        }
        "connect" => drop(TcpStream::connect(operand())?),
        "listen" => drop(TcpListener::bind(operand())?),
        "datagram" => drop(UdpSocket::bind(operand())?.send_to(b"x", operand())?),
        "lookup" => println!("{}", operand().to_socket_addrs()?.count()),
        #[cfg(target_env = "p1")]
        "raw" => raw::act(operand)?,
        "variables" => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
        "arguments" => std::env::args().for_each(|argument| println!("{argument}")),
        "now" => println!("{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()),
        "random" => println!("{}", RandomState::new().hash_one(0)),
        "entropy" => entropy(number(&operand()))?,
        // Which bits it has depends on the processor, unless they are made the same.
        "nan" => println!("{:x}", (black_box(0.0_f32) / black_box(0.0)).to_bits()),
        "nap" => (0..number(&operand())).for_each(|_| std::thread::sleep(Duration::from_millis(1))),
        "sleep" => std::thread::sleep(Duration::from_millis(number(&operand()))),
        "spin" => spin(),
        "spin-in-host" => spin_in_host(),
        "recurse" => println!("{}", deeper(0)),
        "exhaust" => loop {
            held.blocks.push(black_box(vec![1; 1 << 20]));
        },
        "fill-memory" => fill_memory(),
        "flood" => flood(number(&operand()))?,
        "line" => line(number(&operand()))?,
        "print" => println!("{}", operand()),
        "exit" => std::process::exit(number(&operand()) as i32),
        "abort" => std::process::abort(),
        "panic" => panic!("on purpose"),
        "divide" => println!("{}", 7 / black_box(number(&operand()))),
        "index" => println!("{}", black_box([1, 2, 3, 4])[number(&operand()) as usize]),
        "null" => unsafe { println!("{}", *black_box(u32::MAX as *const u8)) },
        "call" => unsafe {
            let nothing: extern "C" fn(u64, f64) -> u64 = std::mem::transmute(black_box(1_usize));
            println!("{}", nothing(1, 2.0));
        },
        other => panic!("unknown word {other}"),
    }
    Ok(())
}

/// Writes a number of KiB.
fn write(file: &mut File, kib: &str) -> io::Result<()> {
    (0..number(kib)).try_for_each(|_| file.write_all(&[b'x'; 1 << 10]))
}

fn make_link(target: &str, path: &str) -> io::Result<()> {
    let (target, path) = (CString::new(target)?, CString::new(path)?);
    match unsafe { symlink(target.as_ptr(), path.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

/// Makes `l0` to the last of so many links in a folder, each to the next and the last to the first, and opens it.
fn chain(folder: &str, count: u64) -> io::Result<()> {
    (0..count).try_for_each(|link| make_link(&format!("l{}", (link + 1) % count), &format!("{folder}/l{link}")))?;
    File::open(format!("{folder}/l0")).map(drop)
}

fn entropy(bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; bytes as usize];
    match unsafe { getentropy(buffer.as_mut_ptr(), buffer.len()) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

fn spin() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

fn spin_in_host() -> ! {
    loop {
        black_box(SystemTime::now());
    }
}

#[inline(never)]
fn deeper(depth: u32) -> u32 {
    if black_box(depth) == u32::MAX { depth } else { deeper(depth + 1).rotate_left(depth) ^ depth }
}

fn fill_memory() -> ! {
    let mut block = vec![0_u8; 200 << 20];
    loop {
        block.fill(black_box(7));
        black_box(&block);
    }
}

/// Prints so many KiB in lines.
fn flood(kib: u64) -> io::Result<()> {
    let text = "x".repeat((1 << 10) - 1);
    let mut out = io::stdout().lock();
    (0..kib).try_for_each(|_| writeln!(out, "{text}"))
}

/// Prints so many KiB with control characters and without an end of line.
fn line(kib: u64) -> io::Result<()> {
    let text = "\u{1b}]0;x\0\u{1b}[31m".repeat(1 << 7);
    let mut out = io::stdout().lock();
    (0..kib).try_for_each(|_| out.write_all(text.as_bytes()))
}

/// Calls of preview 1 past the C library.
#[cfg(target_env = "p1")]
mod raw {
    use std::io::{Error, Result};

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        fn fd_write(fd: i32, buffers: i32, count: i32, written: i32) -> i32;
        fn fd_renumber(from: i32, to: i32) -> i32;
        fn fd_close(fd: i32) -> i32;
        fn fd_filestat_set_size(fd: i32, size: i64) -> i32;
        fn fd_allocate(fd: i32, offset: i64, length: i64) -> i32;
        fn path_create_directory(fd: i32, path: i32, length: i32) -> i32;
        fn path_unlink_file(fd: i32, path: i32, length: i32) -> i32;
        fn path_remove_directory(fd: i32, path: i32, length: i32) -> i32;
        fn path_rename(fd: i32, from: i32, from_length: i32, to_fd: i32, to: i32, length: i32) -> i32;
        fn path_symlink(target: i32, target_length: i32, fd: i32, path: i32, length: i32) -> i32;
        fn path_open(
            fd: i32,
            flags: i32,
            path: i32,
            length: i32,
            open: i32,
            base: i64,
            inheriting: i64,
            fd_flags: i32,
            opened: i32,
        ) -> i32;
        fn random_get(buffer: i32, length: i32) -> i32;
        fn poll_oneoff(subscriptions: i32, events: i32, count: i32, ready: i32) -> i32;
        fn sock_accept(fd: i32, flags: i32, accepted: i32) -> i32;
        fn proc_exit(code: i32) -> !;
    }

    fn place(text: &str) -> (i32, i32) {
        (text.as_ptr() as i32, text.len() as i32)
    }

    /// Does one call. Descriptors are numbers: 3 is the first preopen.
    pub fn act(operand: &mut dyn FnMut() -> String) -> Result<()> {
        let word = operand();
        let mut number = || operand().parse::<i64>().unwrap();
        let code = unsafe {
            match word.as_str() {
                "write-from-nowhere" => fd_write(number() as i32, -3, 1, 0),
                "write-many" => fd_write(number() as i32, 0, -1, 0),
                "renumber" => fd_renumber(number() as i32, number() as i32),
                "close" => fd_close(number() as i32),
                "resize" => fd_filestat_set_size(number() as i32, number()),
                "allocate" => fd_allocate(number() as i32, 0, number()),
                // A folder whose name has so many MiB, below the first preopen.
                "long-path" => {
                    let path = vec![b'a'; (number() as usize) << 20];
                    path_create_directory(3, path.as_ptr() as i32, path.len() as i32)
                }
                "bad-text" => path_create_directory(3, b"\xff\xfe".as_ptr() as i32, 2),
                "path-from-nowhere" => path_create_directory(3, -2, 16),
                "huge-path" => path_create_directory(3, 0, -1),
                "random" => random_get(0, number() as i32),
                // Subscriptions to the clock, of zeros: absolute time zero of the clock of zero.
                "poll" => {
                    let count = number() as usize;
                    let (subscriptions, mut events) = (vec![0_u64; 6 * count], vec![0_u64; 4 * count]);
                    let mut ready = 0_i32;
                    poll_oneoff(
                        subscriptions.as_ptr() as i32,
                        events.as_mut_ptr() as i32,
                        count as i32,
                        &raw mut ready as i32,
                    )
                }
                // Two clocks that never ring; a relative and an absolute one.
                "poll-for-ever" => {
                    let clock = |flags: u64| [1, 0, 1, i64::MAX as u64, 0, flags];
                    let subscriptions = [clock(0), clock(1)];
                    let (mut events, mut ready) = ([0_u64; 8], 0_i32);
                    let first = number() as usize;
                    let count = number() as i32;
                    let start = subscriptions[first..].as_ptr() as i32;
                    poll_oneoff(start, events.as_mut_ptr() as i32, count, &raw mut ready as i32)
                }
                "accept" => sock_accept(number() as i32, 0, 0),
                "exit" => proc_exit(number() as i32),
                other => named(other, operand),
            }
        };
        if code == 0 { Ok(()) } else { Err(Error::from_raw_os_error(code)) }
    }

    fn named(word: &str, operand: &mut dyn FnMut() -> String) -> i32 {
        let fd = operand().parse().unwrap();
        let path = operand();
        let (text, length) = place(&path);
        unsafe {
            match word {
                "mkdir" => path_create_directory(fd, text, length),
                "unlink" => path_unlink_file(fd, text, length),
                "rmdir" => path_remove_directory(fd, text, length),
                "rename" => {
                    let to = operand();
                    path_rename(fd, text, length, fd, place(&to).0, place(&to).1)
                }
                "symlink" => {
                    let name = operand();
                    path_symlink(text, length, fd, place(&name).0, place(&name).1)
                }
                // Flags of opening, then rights, then flags of the descriptor.
                "open" => {
                    let mut number = || operand().parse::<i64>().unwrap();
                    let (open, rights, flags) = (number() as i32, number(), number() as i32);
                    let mut opened = 0_i32;
                    path_open(fd, 1, text, length, open, rights, 0, flags, &raw mut opened as i32)
                }
                other => panic!("unknown call {other}"),
            }
        }
    }
}
