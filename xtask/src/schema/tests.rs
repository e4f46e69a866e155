//! Tests of finding the locks and of what the verb takes.

use super::{LOCK, has_test, locked, verb};
use crate::args::{Args, Usage};
use crate::metadata::{Metadata, Package};

fn workspace() -> Metadata {
    let member = |name: &str| Package {
        name: name.to_owned(),
        manifest: format!("examples/{name}/Cargo.toml"),
        is_member: true,
        ..Package::default()
    };
    Metadata { packages: ["shop", "bank", "zoo"].map(member).into(), ..Metadata::default() }
}

#[test]
fn packages_with_a_lock_file_are_found_by_name() {
    let root = std::env::temp_dir().join(format!("xtask-schema-{}", std::process::id()));
    for name in ["shop", "bank"] {
        let folder = root.join("examples").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(LOCK), "{}").unwrap();
    }
    let metadata = workspace();
    let names: Vec<_> =
        locked(&metadata, &root).unwrap().iter().map(|package| &package.name).collect();
    assert_eq!(names, ["bank", "shop"]);
    std::fs::remove_dir_all(&root).unwrap();

    let error = locked(&metadata, &root).err().unwrap().to_string();
    assert!(error.contains("run it once with ES_SCHEMA_ACCEPT=1"), "{error}");
}

#[test]
fn a_list_without_tests_is_noticed() {
    assert!(has_test("tests::schema: test\n"));
    assert!(!has_test("\n0 tests, 0 benchmarks\n"));
    assert!(!has_test("schema: benchmark\n"));
}

#[test]
fn checking_and_accepting_exclude_each_other() {
    let error = verb(Args::new(["--check", "--accept"])).err().unwrap();
    assert!(error.is::<Usage>(), "{error}");
    assert!(verb(Args::new(["--force"])).err().unwrap().is::<Usage>());
}
