//! The program, as somebody would run it.

use std::process::Command;

use crate::source::{FILL, V0_14_0, on};

/// The chapter with the command.
const CHAPTER: &str = include_str!("../../../../docs/guide/src/migrating-from-eventsource-py.md");

#[test]
fn it_imports_into_a_file_and_says_what_is_bad() {
    on(&[V0_14_0, FILL], |source| async move {
        let folder = tempfile::tempdir().unwrap();
        // What the chapter says, but for the server.
        let (_, command) = CHAPTER.split_once("\ncargo run -p migrate_eventsource_py -- ").unwrap();
        let words = command.lines().next().unwrap().split_whitespace();
        let words: Vec<_> = words
            .map(|word| if word.starts_with("postgres:") { &*source.url } else { word })
            .collect();
        let run = |arguments: &[&str]| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_migrate_eventsource_py"));
            program.args(&words).args(arguments).current_dir(folder.path());
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
