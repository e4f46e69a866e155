//! Tests of finding the locks and of what the verb takes.

use super::{LOCK, Outcome, Safe, Tests, has_test, locked, run, verb};
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

/// A package whose one event has these fields, in a workspace of its own with our `Cargo.lock`.
fn plant(folder: &std::path::Path, fields: &str) {
    let source = format!(
        "#[derive(es_core::Event)]
         pub enum AccountEvent {{ Deposited {{ {fields} }} }}

         #[test]
         fn schema() {{
             es_testkit::SchemaLock::at(\"{LOCK}\").event::<AccountEvent>().check().unwrap();
         }}"
    );
    std::fs::write(folder.join("src/lib.rs"), source).unwrap();
}

#[test]
fn what_is_planted_fails_when_it_is_not_safe_and_passes_when_it_is() {
    let ours = crate::run::root();
    let folder = ours.join("target/planted-schema");
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::create_dir_all(folder.join(".cargo")).unwrap();
    // What others have built serves here too.
    let config = format!("[build]\ntarget-dir = {:?}\n", ours.join("target"));
    std::fs::write(folder.join(".cargo/config.toml"), config).unwrap();
    let manifest = format!(
        "[package]\nname = \"planted\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n\
         es-core = {{ path = \"{0}/crates/es-core\", features = [\"derive\"] }}\n\
         es-testkit = {{ path = \"{0}/crates/es-testkit\" }}\n",
        ours.display()
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(ours.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    std::fs::write(folder.join(LOCK), r#"{ "format": 1, "events": {} }"#).unwrap();
    let package = Package {
        name: "planted".to_owned(),
        manifest: "Cargo.toml".to_owned(),
        is_member: true,
        ..Package::default()
    };
    let metadata = Metadata { packages: [package].into(), ..Metadata::default() };
    let ends = |safe| run(&folder, &metadata, safe, &Tests::ByCargo).unwrap() == Outcome::Passed;

    plant(&folder, "cents: u64");
    assert!(ends(Safe::IsAccepted) && ends(Safe::Fails), "it is as the lock says");
    let lock = || std::fs::read_to_string(folder.join(LOCK)).unwrap();
    let before = lock();

    plant(&folder, "cents: String");
    for safe in [Safe::Fails, Safe::Passes, Safe::IsAccepted] {
        assert!(!ends(safe), "{safe:?}: numbers were written");
    }
    assert_eq!(lock(), before, "nothing is written while something is not safe");

    plant(&folder, "cents: u64, #[serde(default)] note: String");
    assert!(ends(Safe::Passes), "a field that may be missing is safe");
    assert_eq!(lock(), before, "it was only looked at");
    assert!(!ends(Safe::Fails), "the gate wants it in the lock");
    assert!(ends(Safe::IsAccepted) && ends(Safe::Fails));
    assert!(lock().contains("note"));
}
