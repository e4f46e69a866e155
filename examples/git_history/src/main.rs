//! git_history
fn main() {}
