//! The program, as somebody would run it.

use std::process::Command;

use crate::source::{FILL, V0_14_0, on};

#[test]
fn it_imports_into_a_file_and_says_what_is_bad() {
    on(&[V0_14_0, FILL], |source| async move {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("log.db").display());
        let run = |arguments: &[&str]| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_migrate_eventsource_py"));
            program.args(["--source", &source.url, "--store", &store]).args(arguments);
            let output = program.output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        let (is_content, said) = run(&[]);
        assert!(is_content && said.contains("350 imported, 0 known already, 0 bad"), "{said}");

        source.run("UPDATE events SET version = 9 WHERE global_position = 350").await;
        let (is_content, said) = run(&["--keep-going"]);
        assert!(!is_content, "a bad row is no success");
        assert!(said.contains("bad row: Order/") && said.contains("version 9 follows"), "{said}");
        source.end().await;
    });
}
