//! Planted drivers.

use super::check;
use crate::metadata::{Dependency, Kind, Metadata, Package};
use crate::tidy::tree::Tree;

fn found(name: &str, place: &str, dependency: &str, kind: Kind) -> Vec<String> {
    let package = Package {
        name: name.to_owned(),
        manifest: format!("{place}/{name}/Cargo.toml"),
        dependencies: vec![Dependency { name: dependency.to_owned(), kind, is_path: false }],
        is_member: true,
        ..Package::default()
    };
    let metadata = Metadata { packages: vec![package], ..Metadata::default() };
    let violations = check(&metadata, &Tree::default());
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn a_driver_is_named_by_its_owner_only() {
    let expected = "crates/es-projection/Cargo.toml:1: es-projection must not depend on \
                    tokio-postgres (only es-store-postgres may)";
    assert_eq!(found("es-projection", "crates", "tokio-postgres", Kind::Normal), [expected]);
    assert!(found("es-store-postgres", "crates", "tokio-postgres", Kind::Normal).is_empty());
    assert!(found("es-redis", "crates", "fred", Kind::Normal).is_empty());
    assert_eq!(found("es-bus", "crates", "fred", Kind::Normal).len(), 1);
}

#[test]
fn a_driver_is_all_of_its_packages() {
    for part in ["opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp"] {
        assert_eq!(found("es-bus", "crates", part, Kind::Normal).len(), 1, "{part}");
        assert!(found("es-telemetry", "crates", part, Kind::Normal).is_empty());
    }
    assert!(found("es-bus", "crates", "frederick", Kind::Normal).is_empty());
}

#[test]
fn tests_are_no_way_around() {
    assert_eq!(found("es-core", "crates", "rusqlite", Kind::Dev).len(), 1);
}

#[test]
fn the_runtime_stays_out_of_the_core() {
    assert_eq!(found("es-core", "crates", "tokio", Kind::Normal).len(), 1);
    assert!(found("es-core", "crates", "tokio", Kind::Dev).is_empty());
    assert!(found("es-bus", "crates", "tokio", Kind::Normal).is_empty());
}

#[test]
fn examples_may_use_a_driver() {
    assert!(found("shop", "examples", "opentelemetry_sdk", Kind::Normal).is_empty());
}
