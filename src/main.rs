//! The `weiku` program.

fn main() {}
