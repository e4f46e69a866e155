//! Planted crates without documentation.

use super::{INCLUDE, check};

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let violations = check(&files.iter().copied().collect());
    violations.into_iter().map(|v| v.path).collect()
}

#[test]
fn a_missing_readme_is_found() {
    let lib = format!("{INCLUDE}\n//! More.\n");
    let files = [("crates/a/Cargo.toml", ""), ("crates/a/src/lib.rs", &lib)];
    assert_eq!(found(&files), ["crates/a/README.md"]);
}

#[test]
fn a_readme_that_is_not_included_is_found() {
    let commented = format!("// {INCLUDE}\n");
    let files = [
        ("crates/a/Cargo.toml", ""),
        ("crates/a/README.md", "# a\n"),
        ("crates/a/src/lib.rs", &commented),
    ];
    assert_eq!(found(&files), ["crates/a/src/lib.rs"]);
    assert_eq!(found(&files[..2]), ["crates/a/src/lib.rs"]);
}

#[test]
fn examples_need_none() {
    assert!(found(&[("examples/a/Cargo.toml", "")]).is_empty());
}
