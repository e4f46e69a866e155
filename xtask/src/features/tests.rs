//! Tests of which feature checks a package needs.

use super::checks_of;
use crate::metadata::Package;

fn package(name: &str, features: &[&str]) -> Package {
    Package {
        name: name.to_owned(),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
        is_publishable: true,
        ..Package::default()
    }
}

fn lines(package: &Package) -> Vec<String> {
    checks_of(package).iter().map(|check| check.join(" ")).collect()
}

#[test]
fn each_feature_is_checked_alone() {
    let expected = [
        "rustc -q --profile check --lib -p es-bus --no-default-features",
        "rustc -q --profile check --lib -p es-bus --no-default-features --features redis",
        "rustc -q --profile check --lib -p es-bus --no-default-features --features tls",
    ];
    assert_eq!(lines(&package("es-bus", &["_test", "default", "redis", "tls"])), expected);
}

#[test]
fn the_facade_is_also_checked_whole() {
    let lines = lines(&package("eventsource", &["memory"]));
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2], "rustc -q --profile check --lib -p eventsource --all-features");
}

#[test]
fn unpublished_and_plain_crates_need_none() {
    assert!(lines(&package("es-core", &[])).is_empty());
    let mut unpublished = package("bank", &["fast"]);
    unpublished.is_publishable = false;
    assert!(lines(&unpublished).is_empty());
}
