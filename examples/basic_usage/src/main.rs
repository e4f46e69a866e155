//! basic_usage
fn main() {}
