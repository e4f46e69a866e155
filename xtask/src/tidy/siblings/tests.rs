//! Planted dependencies between our own crates.

use super::check;
use crate::metadata::{Dependency, Kind, Metadata, Package};
use crate::tidy::tree::Tree;

fn found(name: &str, place: &str, dependency: &str, kind: Kind) -> Vec<String> {
    let manifest = format!("{place}/{name}/Cargo.toml");
    let package = Package {
        name: name.to_owned(),
        manifest: manifest.clone(),
        dependencies: vec![Dependency { name: dependency.to_owned(), kind, is_path: true }],
        is_member: true,
        ..Package::default()
    };
    let metadata = Metadata { packages: vec![package], ..Metadata::default() };
    let text = format!("[dependencies]\n{dependency}.workspace = true\n");
    let tree = Tree::from_iter([(manifest, text)]);
    let violations = check(&metadata, &tree);
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sibling_is_found_at_its_line() {
    let expected = "crates/es-bus/Cargo.toml:2: es-bus must not depend on es-aggregate \
                    (of ours it may depend on: es-core, es-redis)";
    assert_eq!(found("es-bus", "crates", "es-aggregate", Kind::Normal), [expected]);
}

#[test]
fn the_innermost_crates_may_see_less() {
    assert_eq!(found("es-core", "crates", "es-testkit", Kind::Normal).len(), 1);
    assert_eq!(found("es-macros", "crates", "es-core", Kind::Normal).len(), 1);
    assert!(found("es-core", "crates", "es-macros", Kind::Normal).is_empty());
}

#[test]
fn what_speaks_to_redis_stands_below_two_and_on_none() {
    assert!(found("es-store-redis", "crates", "es-redis", Kind::Normal).is_empty());
    assert!(found("es-bus", "crates", "es-redis", Kind::Normal).is_empty());
    assert_eq!(found("es-projection", "crates", "es-redis", Kind::Normal).len(), 1);
    assert_eq!(found("es-redis", "crates", "es-core", Kind::Normal).len(), 1);
}

#[test]
fn build_scripts_are_no_way_around() {
    assert_eq!(found("es-bus", "crates", "es-testkit", Kind::Build).len(), 1);
}

#[test]
fn tests_may_see_the_testkit_and_the_memory_store_only() {
    assert!(found("es-bus", "crates", "es-testkit", Kind::Dev).is_empty());
    assert!(found("es-bus", "crates", "es-store-memory", Kind::Dev).is_empty());
    assert_eq!(found("es-bus", "crates", "es-aggregate", Kind::Dev).len(), 1);
}

#[test]
fn the_outermost_packages_may_see_all() {
    assert!(found("eventsource", "crates", "es-bus", Kind::Normal).is_empty());
    assert!(found("shop", "examples", "es-bus", Kind::Normal).is_empty());
}
