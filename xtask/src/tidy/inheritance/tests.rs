//! Planted manifests that go their own way.

use super::check;
use crate::tidy::tree::Tree;

const CRATE: &str = "\
[package]
name = \"x\"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license = { workspace = true }
[lints]
workspace = true
";

fn found(path: &str, manifest: &str) -> Vec<String> {
    let tree = Tree::from_iter([(path, manifest)]);
    check(&tree).into_iter().map(|v| v.message).collect()
}

#[test]
fn a_crate_that_shares_everything_is_fine() {
    assert_eq!(found("crates/x/Cargo.toml", CRATE), [""; 0]);
}

#[test]
fn each_missing_line_is_found() {
    for (at, line) in CRATE.lines().enumerate() {
        if line.contains("workspace") {
            let less: Vec<_> = CRATE.lines().enumerate().filter(|(n, _)| *n != at).collect();
            let less: Vec<_> = less.into_iter().map(|(_, line)| line).collect();
            assert_eq!(found("crates/x/Cargo.toml", &less.join("\n")).len(), 1, "{line}");
        }
    }
}

#[test]
fn a_value_of_its_own_is_found() {
    let own = CRATE.replace("edition.workspace = true", "edition = \"2021\"");
    let expected = ["`package.edition.workspace` is not true"];
    assert_eq!(found("crates/x/Cargo.toml", &own), expected);
}

#[test]
fn an_example_must_not_be_published() {
    let path = "examples/x/Cargo.toml";
    assert_eq!(found(path, CRATE), ["`package.publish` is not false"]);
    let private = CRATE.replace("name = \"x\"", "name = \"x\"\npublish = false");
    assert_eq!(found(path, &private), [""; 0]);
}
