//! Tests of reading `cargo metadata`.

use serde_json::json;

use super::{Kind, Metadata};

#[test]
fn the_fields_the_checks_need_are_read() {
    let json = json!({
        "workspace_root": "/repo",
        "workspace_members": ["a"],
        "packages": [
            {
                "id": "a", "name": "es-a", "version": "0.1.0", "description": "A.",
                "license": "MIT", "rust_version": "1.80",
                "manifest_path": "/repo/crates/es-a/Cargo.toml",
                "features": { "default": [], "fast": [] },
                "publish": [],
                "metadata": { "xtask": { "needs": ["postgres"] } },
                "dependencies": [
                    { "name": "es-core", "kind": null, "path": "/repo/crates/es-core" },
                    { "name": "serde", "kind": "dev" },
                    { "name": "cc", "kind": "build" },
                ],
            },
            {
                "id": "b", "name": "b", "version": "1.0.0", "license": null,
                "manifest_path": "/registry/b/Cargo.toml", "publish": null,
                "features": {}, "dependencies": [],
            },
        ],
        "resolve": { "nodes": [
            { "id": "a", "deps": [
                { "pkg": "b", "dep_kinds": [{ "kind": null }, { "kind": "dev" }] },
            ] },
            { "id": "b", "deps": [] },
        ] },
    });
    let metadata = Metadata::parse(&json.to_string()).unwrap();

    let a = metadata.package("a").unwrap();
    assert_eq!(a.manifest, "crates/es-a/Cargo.toml");
    assert_eq!(a.features, ["default", "fast"]);
    assert_eq!(a.needs, ["postgres"]);
    assert!(a.is_under("crates") && !a.is_under("examples"));
    assert!(a.is_member && !a.is_publishable);
    let kinds: Vec<_> = a.dependencies.iter().map(|d| (d.kind, d.is_path)).collect();
    let expected = [(Kind::Normal, true), (Kind::Dev, false), (Kind::Build, false)];
    assert_eq!(kinds, expected);

    let b = metadata.package("b").unwrap();
    assert_eq!(b.manifest, "/registry/b/Cargo.toml");
    assert!(!b.is_member && b.is_publishable && b.license.is_none());
    assert_eq!(metadata.edges["a"][0].kinds, [Kind::Normal, Kind::Dev]);
}

#[test]
fn a_missing_field_is_named() {
    let error = Metadata::parse(r#"{ "workspace_root": "/repo" }"#).err().unwrap();
    assert!(error.to_string().contains("workspace_members"), "{error}");
}

#[test]
fn this_workspace_is_read() {
    let metadata = Metadata::members_only().unwrap();
    let xtask = metadata.members().find(|package| package.name == "xtask");
    assert_eq!(xtask.unwrap().manifest, "xtask/Cargo.toml");
}
