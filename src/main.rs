//! The `meldgate` command.
fn main() {}
