//! Tests of reading the tree and of finding lines in it.

use super::Tree;
use crate::run::root;

#[test]
fn a_line_is_found_by_the_whole_key() {
    let manifest = "[dependencies]\ntokio-util.workspace = true\ntokio.workspace = true\n";
    let tree = Tree::from_iter([("a/Cargo.toml", manifest)]);
    assert_eq!(tree.line_setting("a/Cargo.toml", "tokio"), 3);
    assert_eq!(tree.line_setting("a/Cargo.toml", "serde"), 1);
    assert_eq!(tree.line_setting("b/Cargo.toml", "serde"), 1);
}

#[test]
fn the_root_manifest_is_no_members() {
    let tree = Tree::from_iter([("Cargo.toml", ""), ("xtask/Cargo.toml", "")]);
    let members: Vec<_> = tree.member_manifests().map(|(path, _)| path).collect();
    assert_eq!(members, ["xtask/Cargo.toml"]);
}

#[test]
fn an_archive_is_read_like_a_checkout() {
    let own_sources = root().join("xtask");
    let archive = Tree::read(&own_sources).unwrap();
    let checkout = Tree::read(&root()).unwrap();
    assert!(archive.get("src/main.rs").is_some());
    assert_eq!(archive.get("src/main.rs"), checkout.get("xtask/src/main.rs"));
}
