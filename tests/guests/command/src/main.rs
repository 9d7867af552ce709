//! A WASI command without SDK.
fn main() {}
