//! The commands in the documents. Whoever writes a new one says here what runs it.

use std::{fs, path::Path, process::Command};

use es_testkit::Fixture;
use eventsource::{
    Append, ExpectedVersion, NewEvent, Payload, PostgresOptions, PostgresStore, Schema, Store,
    StreamId, sqlite::SqliteStore,
};

use crate::{
    documents::{blocks_in, blocks_of, documents, root, target, text},
    servers::Database,
};

/// Why a command does what its document says.
enum Proof {
    /// A test of this crate types it in.
    Here,
    /// A test elsewhere takes it out of the document, and types it in.
    Elsewhere(&'static str),
    /// It would run these tests from inside of these tests.
    Gate,
    /// It is not run by tests, because.
    Not(&'static str),
}

fn proof(document: &str, command: &str) -> Option<Proof> {
    let program = command.split(" -- ").next().unwrap_or_default();
    Some(match (document, program) {
        ("docs/guide/src/getting-started.md", _) => Proof::Here,
        (_, "cargo xtask examples" | "cargo xtask test" | "cargo xtask ci") => Proof::Gate,
        (_, "cargo run -p shop") => Proof::Elsewhere("examples/shop/tests/it/program.rs"),
        (_, "cargo run -p migrate_eventsource_py") => {
            Proof::Elsewhere("examples/migrate_eventsource_py/tests/it/program.rs")
        }
        (_, "cargo run -p migrate_cqrs_es") => {
            Proof::Elsewhere("examples/migrate_cqrs_es/tests/it/program.rs")
        }
        (_, "cargo xtask bench [AREA] [--quick | --check] [--json FILE] [--plot DIR]") => {
            Proof::Here
        }
        (_, "cargo xtask bench --quick") => {
            Proof::Not("it measures for ten minutes; tests of the benches run each workload")
        }
        ("docs/testing-your-backend.md", "cargo test") => {
            Proof::Not("it runs the tests of the reader's own crate")
        }
        ("docs/postgresql.md", _) if command.starts_with("pg_dump ") => Proof::Here,
        ("docs/postgresql.md", _) if command.starts_with("psql ") => Proof::Here,
        ("docs/guide/src/operating-sqlite.md", _) => Proof::Here,
        _ => return None,
    })
}

#[test]
fn every_command_is_known() {
    let mut known = 0;
    for block in blocks_in("sh") {
        for line in block.text.lines() {
            let command = line.split("  #").next().unwrap().trim();
            match proof(&block.document, command) {
                None => panic!("{}: what runs `{command}`?", block.place()),
                Some(Proof::Elsewhere(test)) => {
                    let document = format!("../{}\"", block.document);
                    assert!(text(test).contains(&document), "{test} does not read {document}");
                }
                Some(Proof::Not(because)) => println!("{}: {because}", block.place()),
                Some(Proof::Here | Proof::Gate) => {}
            }
            known += 1;
        }
    }
    assert!(known > 10, "{known}");
}

#[test]
fn the_verbs_of_xtask_are_as_the_documents_say() {
    let output = Command::new(env!("CARGO"))
        .args(["xtask", "help"])
        .current_dir(root())
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let help = String::from_utf8(output.stdout).unwrap();
    let verbs: Vec<_> = help.lines().filter(|line| line.starts_with("  ")).collect();
    for document in documents() {
        for said in text(&document).split("cargo xtask ").skip(1) {
            let verb: String = said.chars().take_while(char::is_ascii_lowercase).collect();
            let is_known = verb.is_empty()
                || verbs.iter().any(|line| line.split_whitespace().next() == Some(&*verb));
            assert!(is_known, "{document}: there is no `cargo xtask {verb}`");
        }
    }
    // The one line that shows all flags.
    let [usage] = blocks_of("docs/benchmarks.md").try_into().unwrap();
    let usage = usage.text.trim().strip_prefix("cargo xtask ").unwrap();
    assert!(verbs.iter().any(|line| line.trim() == usage), "{usage} is not in {help}");
}

fn words(name: &str) -> NewEvent {
    NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json(name).unwrap())
}

async fn opened(store: &Store) {
    let alice = StreamId::new("account", "alice").unwrap();
    let append = Append::to(alice, ExpectedVersion::NoStream).event(words("Alice"));
    store.append(append).await.unwrap();
}

/// Runs a script as somebody at a terminal would; skips where a program of it is missing.
fn script(lines: &str, folder: &Path, programs: &[&str], variables: &[(&str, &str)]) -> String {
    for program in programs {
        if Command::new(program).arg("--version").output().is_err() {
            es_testkit::skip(format!("there is no {program}"));
        }
    }
    let mut shell = Command::new("sh");
    shell.args(["-euc", lines]).current_dir(folder).envs(variables.iter().copied());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{lines}{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_log_is_copied_by_its_schema() {
    let databases = async { Fixture::new([Database::make().await, Database::make().await], ()) };
    es_testkit::run(databases, |[original, copy]| async move {
        let store = Store::new(PostgresStore::open(&original.url).await.unwrap());
        opened(&store).await;
        let blocks = blocks_of("docs/postgresql.md");
        let [dump] = <[_; 1]>::try_from(
            blocks.iter().filter(|block| block.language() == "sh").collect::<Vec<_>>(),
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let places = [("ORIGINAL", &*original.url), ("COPY", &*copy.url)];
        script(&dump.text, folder.path(), &["pg_dump", "psql"], &places);

        let copied = || async { Store::new(PostgresStore::open(&copy.url).await.unwrap()) };
        assert_eq!(copied().await.head().await.unwrap(), store.head().await.unwrap());

        // And what is said to do with a copy that goes its own way.
        PostgresStore::renew_identity(&copy.url, &PostgresOptions::new()).await.unwrap();
        let (renewed, old) = (copied().await.head().await.unwrap(), store.head().await.unwrap());
        assert_ne!(renewed.log, old.log);
        assert_eq!(renewed.position, old.position);
    });
}

#[test]
fn sqlite3_shows_the_log() {
    let folder = async { Fixture::new(tempfile::tempdir().unwrap(), ()) };
    es_testkit::run(folder, |folder| async move {
        let file = folder.path().join("bank.db");
        opened(&Store::new(SqliteStore::open(&file).await.unwrap())).await;
        assert!(fs::exists(&file).unwrap());
        let blocks = blocks_of("docs/guide/src/operating-sqlite.md");
        for block in blocks.iter().filter(|block| block.language() == "sh") {
            let shown = script(&block.text, folder.path(), &["sqlite3"], &[]);
            assert!(shown.contains("account|alice|1|account.opened"), "{shown}");
        }
    });
}
