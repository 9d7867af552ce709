//! A command that writes so many MiB into a file and reads them back: `bulk FILE MIB`.

use std::fs::File;
use std::io::{Read, Write};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let count: usize = arguments[2].parse().unwrap();
    let mut block = vec![7; 1 << 20];
    let mut file = File::create(&arguments[1]).unwrap();
    for _ in 0..count {
        file.write_all(&block).unwrap();
    }
    let mut file = File::open(&arguments[1]).unwrap();
    for _ in 0..count {
        file.read_exact(&mut block).unwrap();
    }
}
