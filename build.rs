//! Builds again when a saved query is added or removed, since all of `queries/`
//! is part of the binary.

fn main() {
    println!("cargo::rerun-if-changed=queries");
}
