//! Disks that fail and files that may not be written.
//!
//! A file system that fails is one whose files may not grow beyond a limit of the process; a
//! user without rights is one that this process becomes when it is run by root.

#![cfg(unix)]

use std::{
    collections::HashMap,
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use es_core::{
    Append, CheckpointStore, Error, ErrorKind, EventId, EventStore, ExpectedVersion, LogId, Owner,
    Position, Progress, ReadModel, Result, Store,
};
use es_store_sqlite::{SqliteReadModel, SqliteSnapshotStore, SqliteStore};

use crate::{
    checks,
    child::{acknowledged, event, stream},
    model::{make_table, name, rows},
};

/// What makes a child of this test binary.
const ROLE: [&str; 3] = ["--exact", "disk::the_role_of_a_child", "--nocapture"];

/// Appends or commits that a child tries after the first one that failed.
const MORE: usize = 20;

/// More than fit below any limit here: a child that got so far was never told of a failure.
const TOO_MANY: usize = 20_000;

fn say(line: &str) {
    // The line break before it ends whatever the test runner has begun.
    writeln!(std::io::stdout().lock(), "\n{line} .").unwrap();
}

/// One line of what went wrong, with all causes.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    format!("{}: {text}", error.kind())
}

#[tokio::test]
async fn the_role_of_a_child() {
    let Ok(file) = std::env::var("ES_CHILD_FILE") else { return };
    match std::env::var("ES_CHILD_MODE").unwrap().as_str() {
        "append" => append(&file).await,
        "commit" => commit(&file).await,
        "open" => open(&file).await,
        other => panic!("no role {other}"),
    }
}

/// Appends until it has failed for a while; says which appends were acknowledged.
async fn append(file: &str) {
    let store = SqliteStore::open(file).await.unwrap();
    let (mut refused, mut tries) = (0, 0..TOO_MANY);
    while refused < MORE {
        tries.next().expect("nothing was ever refused");
        let new = event(&"x".repeat(3_000));
        let id = new.id;
        let append = Append::to(stream(0), ExpectedVersion::Any).event(new);
        match store.append(append.build().unwrap()).await {
            Ok(_) => say(&format!("acknowledged {id}")),
            Err(error) => {
                refused += 1;
                say(&format!("refused {id} {}", told(&error)));
            }
        }
    }
    let head = store.head().await.expect("what is there can still be read");
    say(&format!("head {}", head.position));
}

/// Commits rows with checkpoints in the same way.
async fn commit(file: &str) {
    let model = SqliteReadModel::open(file).await.unwrap();
    let mut done = claim(&model).await;
    let (mut refused, mut tries) = (0, 0..TOO_MANY);
    while refused < MORE {
        tries.next().expect("nothing was ever refused");
        let next = Position::new(done.position.get() + 1);
        match commit_one(&model, &Progress::from(&done, next)).await {
            Ok(()) => {
                done.position = next;
                say(&format!("committed {next}"));
            }
            Err(error) => {
                refused += 1;
                say(&format!("refused {next} {}", told(&error)));
            }
        }
    }
    let now = model.checkpoint(&name()).await.expect("what is there can still be read");
    assert_eq!(now.unwrap().position, done.position, "the checkpoint tells");
}

async fn claim(model: &SqliteReadModel) -> es_core::Checkpoint {
    let log = LogId::from_uuid(uuid::Uuid::from_u128(7));
    model.claim(&name(), log, &Owner::new("w")).await.unwrap()
}

async fn commit_one(model: &SqliteReadModel, progress: &Progress) -> Result<()> {
    let tx = model.begin().await?;
    let position = progress.position.get().cast_signed();
    tx.execute("INSERT INTO rows VALUES (?1)", [position]).expect("nothing is written yet");
    tx.execute("INSERT INTO large VALUES (zeroblob(3000))", []).expect("nothing is written yet");
    model.commit(tx, progress).await
}

/// Opens the file in each way, and says what came of it.
async fn open(file: &str) {
    let outcomes = [
        SqliteStore::open(file).await.err(),
        SqliteReadModel::open(file).await.err(),
        SqliteSnapshotStore::open(file).await.err(),
    ];
    for outcome in outcomes {
        say(&format!("open {}", outcome.as_ref().map_or("fine".to_owned(), told)));
    }
}

/// What a child says, line by line.
fn lines_of(mut command: Command, file: &Path, mode: &str) -> Vec<String> {
    let mut child = command
        .env("ES_CHILD_FILE", file)
        .env("ES_CHILD_MODE", mode)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    text.lines().filter(|line| line.ends_with(" .")).map(str::to_owned).collect()
}

/// This binary, in a process whose files may have so many blocks of 512 bytes or 1 KiB.
fn limited(blocks: u32) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(std::env::current_exe().unwrap()).args(ROLE);
    command
}

/// Each failure is of a kind that is true, and says that it was the disk.
fn is_clear(line: &str) {
    let is_true = [ErrorKind::OutcomeUnknown, ErrorKind::Unavailable]
        .iter()
        .any(|kind| line.contains(&format!(" {kind}: ")));
    assert!(is_true && line.contains("disk"), "{line}");
}

/// Limits that the write-ahead log meets, and that the file itself meets when the log is
/// brought over.
const LIMITS: [u32; 2] = [500, 12_000];

#[tokio::test]
async fn a_disk_that_fails_loses_nothing_that_was_acknowledged() {
    for blocks in LIMITS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let lines = lines_of(limited(blocks), &file, "append");
        let kept: Vec<_> = lines.iter().filter_map(|line| acknowledged(line)).collect();
        let refused: Vec<_> = lines.iter().filter(|line| line.starts_with("refused")).collect();
        assert!(!kept.is_empty() && refused.len() == MORE, "{lines:?}");
        refused.iter().for_each(|line| is_clear(line));

        let store = Store::new(SqliteStore::open(&file).await.unwrap());
        let events = checks::dense(&store, Position::START, &mut HashMap::new()).await;
        checks::all_there(&events, &kept);
        // What is in doubt is settled by the same append again.
        for line in &refused {
            let mut again = event(&"x".repeat(3_000));
            again.id = line.split(' ').nth(1).unwrap().parse::<EventId>().unwrap();
            store.append(Append::to(stream(0), ExpectedVersion::Any).event(again)).await.unwrap();
        }
        let events = checks::dense(&store, Position::START, &mut HashMap::new()).await;
        checks::all_there(&events, &kept);
        assert_eq!(events.len(), kept.len() + refused.len(), "nothing twice, nothing else");
    }
}

#[tokio::test]
async fn a_disk_that_fails_keeps_rows_and_checkpoint_together() {
    for blocks in LIMITS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("views.db");
        let model = SqliteReadModel::open(&file).await.unwrap();
        make_table(&model).await;
        model.write(|db| db.execute_batch("CREATE TABLE large (x BLOB)")).await.unwrap();
        drop(model);
        let lines = lines_of(limited(blocks), &file, "commit");
        let committed = lines.iter().filter(|line| line.starts_with("committed")).count() as u64;
        let refused: Vec<_> = lines.iter().filter(|line| line.starts_with("refused")).collect();
        assert!(committed > 0 && refused.len() == MORE, "{lines:?}");
        refused.iter().for_each(|line| is_clear(line));

        let model = SqliteReadModel::open(&file).await.unwrap();
        let checkpoint = model.checkpoint(&name()).await.unwrap().unwrap();
        assert!(checkpoint.position.get() >= committed, "what was acknowledged is there");
        let upto = checkpoint.position.get();
        assert_eq!(rows(&model).await, (1..=upto).collect::<Vec<_>>());
        let mut checkpoint = claim(&model).await;
        checkpoint.position = Position::new(upto + 1);
        commit_one(&model, &Progress::from(&checkpoint, checkpoint.position)).await.unwrap();
    }
}

/// A folder that is gone to somebody without rights, and this binary run by such a one.
struct Stranger {
    folder: tempfile::TempDir,
    program: PathBuf,
    is_root: bool,
}

/// Some user that owns nothing.
const NOBODY: u32 = 65_534;

impl Stranger {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        mode(folder.path(), 0o755);
        let this = std::env::current_exe().unwrap();
        let program = folder.path().join("program");
        // A link where it can be had: the program is large.
        if fs::hard_link(&this, &program).is_err() {
            fs::copy(&this, &program).unwrap();
        }
        fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder, program, is_root }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What comes of opening `file` of the folder when it and its folder have these modes.
    fn open(&self, file: &str, file_mode: u32, folder_mode: u32) -> Vec<String> {
        let (data, file) = (self.data(), self.data().join(file));
        if file.exists() {
            mode(&file, file_mode);
        }
        mode(&data, folder_mode);
        let mut command = Command::new(&self.program);
        command.args(ROLE).current_dir(self.folder.path());
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let lines = lines_of(command, &file, "open");
        mode(&data, 0o755);
        lines
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_may_not_be_written_is_refused_in_words() {
    let stranger = Stranger::new();
    let file = stranger.data().join("log.db");
    let store = SqliteStore::open(&file).await.unwrap();
    store
        .append(Append::to(stream(0), ExpectedVersion::Any).event(event("x")).build().unwrap())
        .await
        .unwrap();
    drop(store);
    let before = fs::read(&file).unwrap();

    for (name, file_mode, folder_mode) in [
        ("log.db", 0o444, 0o555),
        ("log.db", 0o666, 0o555),
        ("log.db", 0o444, 0o777),
        ("log.db", 0o000, 0o777),
        ("missing.db", 0o000, 0o555),
    ] {
        let lines = stranger.open(name, file_mode, folder_mode);
        assert_eq!(lines.len(), 3, "{lines:?}");
        for line in lines {
            assert!(line.contains("writable") && line.contains(name), "{file_mode:o}: {line}");
        }
    }
    mode(&file, 0o644);
    assert_eq!(fs::read(&file).unwrap(), before, "the file is as it was");
    assert!(!stranger.data().join("missing.db").exists());
}
