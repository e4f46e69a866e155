//! projection_example
fn main() {}
