//! The manifests in the documents: cargo resolves each, with the crates of this repository.

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::documents::{blocks_in, root};

#[test]
fn cargo_understands_them() {
    let folder = tempfile::tempdir().unwrap();
    symlink(root(), folder.path().join("eventsource")).unwrap();
    let program = folder.path().join("program");
    fs::create_dir_all(program.join("src")).unwrap();
    fs::write(program.join("src/lib.rs"), "").unwrap();

    let mut resolved = 0;
    for block in blocks_in("toml") {
        // What the documents depend on by version is not published yet.
        let manifest = format!(
            "[package]\nname = \"program\"\nedition = \"2024\"\n\n{}\n[patch.crates-io]\n\
             eventsource = {{ path = \"../eventsource/crates/eventsource\" }}\n\
             es-testkit = {{ path = \"../eventsource/crates/es-testkit\" }}\n",
            block.text
        );
        fs::write(program.join("Cargo.toml"), manifest).unwrap();
        // The versions of this repository, which are there.
        fs::copy(root().join("Cargo.lock"), program.join("Cargo.lock")).unwrap();
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal,dev",
                "--depth",
                "1",
                "--prefix",
                "none",
            ])
            .current_dir(&program)
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaints}", block.place());
        let tree = String::from_utf8(output.stdout).unwrap();
        let ours = tree.lines().find(|line| line.contains("/crates/e"));
        assert!(ours.is_some(), "{} does not use ours: {tree}", block.place());
        resolved += 1;
    }
    assert!(resolved >= 4);
}
