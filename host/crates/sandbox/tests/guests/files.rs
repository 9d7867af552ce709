//! A command that does what its arguments say, one word and its operands after the other. The first thing that is refused
//! ends it with code 1 and the error as the last line of standard error.

#[path = "../../../../../tests/guests/attack/src/words.rs"]
mod words;

fn main() {
    if let Err(refused) = words::act_all(std::env::args().skip(1)) {
        eprintln!("{refused}");
        std::process::exit(1);
    }
}
