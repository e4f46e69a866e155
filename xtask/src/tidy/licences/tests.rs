//! Planted licences.

use super::{check, is_allowed};
use crate::metadata::{Metadata, Package};
use crate::tidy::tree::Tree;

#[test]
fn one_allowed_choice_is_enough() {
    for expression in [
        "MIT",
        "MIT OR Apache-2.0",
        "GPL-3.0 OR MIT",
        "Unlicense/MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
        "MIT AND (GPL-2.0 OR (ISC AND Zlib))",
        "GPL-2.0 AND MIT OR 0BSD",
    ] {
        assert!(is_allowed(expression), "{expression}");
    }
}

#[test]
fn what_cannot_be_satisfied_is_refused() {
    for expression in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT AND (GPL-2.0 OR MPL-2.0)",
        "Apache-2.0 WITH Unknown-exception",
        "GPL-2.0 OR LGPL-2.1",
        "mit",
    ] {
        assert!(!is_allowed(expression), "{expression}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for expression in ["", "MIT OR", "(MIT", "MIT)", "OR MIT", "MIT MIT", "MIT WITH"] {
        assert!(!is_allowed(expression), "{expression}");
    }
}

#[test]
fn offenders_are_found_in_the_lock_file() {
    let package = |name: &str, license: Option<&str>| Package {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        license: license.map(str::to_owned),
        ..Package::default()
    };
    let mut ours = package("xtask", None);
    ours.is_member = true;
    let metadata = Metadata {
        packages: vec![
            ours,
            package("good", Some("MIT")),
            package("bad", Some("GPL-3.0")),
            package("worse", None),
        ],
        ..Metadata::default()
    };
    let lock = "name = \"bad\"\nversion = \"0.9.0\"\nname = \"bad\"\nversion = \"1.0.0\"\n";
    let tree = Tree::from_iter([("Cargo.lock", lock)]);
    let found = check(&metadata, &tree);
    let found: Vec<_> = found.iter().map(|v| (v.line, v.message.as_str())).collect();
    let expected = [(3, "bad 1.0.0 has GPL-3.0"), (1, "worse 1.0.0 has no licence expression")];
    assert_eq!(found, expected);
}
