//! The `crowd` binary.
fn main() {}
