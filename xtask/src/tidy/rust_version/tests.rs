//! Planted dependencies that ask for a newer compiler.

use super::check;
use crate::metadata::{Edge, Kind, Metadata, Package};
use crate::tidy::tree::Tree;

/// es-core needs a, which needs b in the given way; the root promises `promised`.
fn found(promised: &str, b_needs: &str, kinds: &[Kind]) -> Vec<String> {
    let package = |id: &str, rust_version: Option<&str>| Package {
        id: id.to_owned(),
        name: id.to_owned(),
        rust_version: rust_version.map(str::to_owned),
        is_member: id == "es-core",
        is_publishable: true,
        ..Package::default()
    };
    let edge = |to: &str, kinds: &[Kind]| Edge { to: to.to_owned(), kinds: kinds.to_vec() };
    let metadata = Metadata {
        packages: vec![
            package("es-core", None),
            package("a", Some("1.70")),
            package("b", Some(b_needs)),
        ],
        edges: [
            ("es-core".to_owned(), vec![edge("a", &[Kind::Normal])]),
            ("a".to_owned(), vec![edge("b", kinds)]),
        ]
        .into(),
    };
    let manifest = format!("[workspace.package]\nrust-version = \"{promised}\" # why\n");
    let tree = Tree::from_iter([("Cargo.toml", manifest)]);
    let violations = check(&metadata, &tree);
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn a_dependency_far_below_counts() {
    let expected = "Cargo.toml:2: rust-version is 1.89, but b needs more \
                    (b asks for 1.90.1: write that)";
    assert_eq!(found("1.89", "1.90.1", &[Kind::Dev, Kind::Normal]), [expected]);
    assert_eq!(found("1.89", "1.100", &[Kind::Build]).len(), 1);
}

#[test]
fn a_promise_that_is_kept_is_fine() {
    assert!(found("1.89", "1.89.0", &[Kind::Normal]).is_empty());
    assert!(found("1.100", "1.89", &[Kind::Normal]).is_empty());
}

#[test]
fn tests_may_need_a_newer_compiler() {
    assert!(found("1.89", "1.95", &[Kind::Dev]).is_empty());
}

#[test]
fn a_missing_promise_is_found() {
    let tree = Tree::from_iter([("Cargo.toml", "[workspace]\n")]);
    assert_eq!(check(&Metadata::default(), &tree).len(), 1);
}
