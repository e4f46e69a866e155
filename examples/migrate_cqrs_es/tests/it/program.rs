//! The program, as the chapter says to run it.

use std::process::Command;

use crate::{FILL, SCHEMA, on};

/// The chapter with the command.
const CHAPTER: &str = include_str!("../../../../docs/guide/src/migrating-from-cqrs-es.md");

#[test]
fn it_imports_into_a_file_and_says_what_is_bad() {
    on(&[SCHEMA, FILL], |scratch, client| async move {
        let folder = tempfile::tempdir().unwrap();
        let (_, command) = CHAPTER.split_once("\ncargo run -p migrate_cqrs_es -- ").unwrap();
        let words = command.lines().next().unwrap().split_whitespace();
        let (url, words) = (scratch.url(), words.collect::<Vec<_>>());
        let run = |arguments: &[&str]| {
            let mut program = Command::new(env!("CARGO_BIN_EXE_migrate_cqrs_es"));
            // But for the server.
            let words = words.iter().map(|w| if w.starts_with("postgres:") { &url } else { *w });
            program.args(words).args(arguments).current_dir(folder.path());
            let output = program.output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        let (is_content, said) = run(&[]);
        assert!(is_content && said.contains("175 imported, 0 known already, 0 bad"), "{said}");
        let (is_content, said) = run(&[]);
        assert!(is_content && said.contains("0 imported, 175 known already, 0 bad"), "{said}");
        assert!(folder.path().join("bank.db").is_file());

        let spoil = "UPDATE events SET event_version = '' WHERE aggregate_id = 'ACCT-0001'";
        client.batch_execute(spoil).await.unwrap();
        let (is_content, said) = run(&["--keep-going"]);
        assert!(!is_content, "a bad row is no success");
        assert!(said.contains("bad row: account/ACCT-0001 version 1"), "{said}");
        drop(client);
        scratch.remove().await.unwrap();
    });
}
