//! aggregate_example
fn main() {}
