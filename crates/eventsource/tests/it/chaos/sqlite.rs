//! SQLite: the log in one file, the rows in another.

use eventsource::sqlite::{SqliteReadModel, SqliteStore, SqliteTx, rusqlite};

use super::{
    poison::poisoned,
    process::Killed,
    rebuild::{Versions, rebuilt_under_load},
    seam::seam,
    *,
};
use eventsource::projection::Rebuild;

#[derive(Clone)]
struct Sqlite(SqliteStore, SqliteReadModel);

fn apply(table: &str, event: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
    let Deposit::Made { cents } = event.event;
    let (position, version) = (event.position.get(), event.version.get().cast_signed());
    tx.execute(
        &format!(
            "INSERT INTO {table} VALUES (?1, 1, ?2) \
                 ON CONFLICT (position) DO UPDATE SET writes = writes + 1"
        ),
        (position.cast_signed(), cents.cast_signed()),
    )?;
    tx.execute(
        &format!(
            "INSERT INTO {table}_streams VALUES (?1, ?2, ?3, ?2 <> 1) \
                 ON CONFLICT (stream) DO UPDATE SET last = excluded.last, \
                 cents = cents + excluded.cents, wrong = wrong + (last <> excluded.last - 1)"
        ),
        (event.stream.to_string(), version, cents.cast_signed()),
    )?;
    verdict(event)
}

#[derive(Clone)]
struct Book<const I: usize>;

impl<const I: usize> Projection for Book<I> {
    const NAME: &'static str = BOOKS[I];
    type Event = Deposit;
    type Tx = SqliteTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        apply(BOOKS[I], event, tx)
    }
}

impl Bank for Sqlite {
    type Model = SqliteReadModel;
    type Book<const I: usize> = Book<I>;

    fn store(&self) -> Store {
        Store::new(self.0.clone())
    }
    fn model(&self) -> SqliteReadModel {
        self.1.clone()
    }
    fn book<const I: usize>(&self) -> Book<I> {
        Book
    }
    async fn rows(&self, table: &'static str) -> Rows {
        let read = self.1.read(move |db| {
            let mut rows = Rows::default();
            let mut written = db.prepare(&format!("SELECT * FROM {table}"))?;
            let each =
                written.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
            rows.written = each.collect::<rusqlite::Result<_>>()?;
            let mut streams = db.prepare(&format!("SELECT * FROM {table}_streams"))?;
            let each = streams
                .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?;
            rows.streams = each.collect::<rusqlite::Result<_>>()?;
            Ok(rows)
        });
        read.await.unwrap()
    }
}

async fn open(folder: &str) -> Sqlite {
    let folder = std::path::Path::new(folder);
    let log = SqliteStore::open(folder.join("log.db")).await.unwrap();
    let model = SqliteReadModel::open(folder.join("rows.db")).await.unwrap();
    Sqlite(log, model)
}

/// Without a parent it has nothing to do.
#[test]
fn a_process_that_works() {
    role("sqlite", |folder| async move { open(&folder).await });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_written_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let bank = open(&path).await;
    make_tables(&bank).await;
    let (role, books) = ("chaos::sqlite::a_process_that_works", some_books());
    storm(bank, books, Workers::start(role, "sqlite", &path, books)).await;
}

async fn make_tables(bank: &Sqlite) {
    for table in BOOKS {
        let sql = format!(
            "CREATE TABLE {table} (position INTEGER PRIMARY KEY, writes INTEGER, cents INTEGER);
             CREATE TABLE {table}_streams
             (stream TEXT PRIMARY KEY, last INTEGER, cents INTEGER, wrong INTEGER)"
        );
        bank.1.write(move |db| db.execute_batch(&sql)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_seam_between_catching_up_and_live() {
    let folder = tempfile::tempdir().unwrap();
    let bank = open(folder.path().to_str().unwrap()).await;
    make_tables(&bank).await;
    seam(bank).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_stream_among_ten_thousand_delays_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let bank = open(folder.path().to_str().unwrap()).await;
    make_tables(&bank).await;
    poisoned(bank).await;
}

#[derive(Clone)]
struct Many<const V: u32>;

impl<const V: u32> Projection for Many<V> {
    const NAME: &'static str = "many";
    const VERSION: u32 = V;
    type Event = Deposit;
    type Tx = SqliteTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        let position = event.position.get().cast_signed();
        tx.execute(&format!("INSERT INTO many_{V} VALUES (?1)"), [position])?;
        Ok(())
    }
}

impl<const V: u32> Rebuild for Many<V> {
    async fn verify(&self, tx: &mut SqliteTx) -> Result<(), BoxError> {
        let sql = format!("SELECT count(*) > 0 FROM many_{V}");
        let is_full: bool = tx.query_row(&sql, [], |row| row.get(0))?;
        if is_full { Ok(()) } else { Err("there are no rows".into()) }
    }

    async fn swap(&self, tx: &mut SqliteTx) -> Result<(), BoxError> {
        tx.execute_batch(&format!(
            "DROP VIEW IF EXISTS many; CREATE VIEW many AS SELECT {V} AS version, * FROM many_{V}"
        ))?;
        Ok(())
    }
}

impl Versions for Sqlite {
    type Model = SqliteReadModel;
    type First = Many<1>;
    type Second = Many<2>;

    fn store(&self) -> Store {
        Store::new(self.0.clone())
    }
    fn model(&self) -> SqliteReadModel {
        self.1.clone()
    }
    fn first(&self) -> Many<1> {
        Many
    }
    fn second(&self) -> Many<2> {
        Many
    }
    async fn seen(&self) -> (i64, i64) {
        let sql = "SELECT max(version), count(*) FROM many";
        self.1.read(move |db| db.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?)))).await.unwrap()
    }
}

/// Without a parent it has nothing to do.
#[test]
fn a_process_that_rebuilds() {
    super::rebuild::role("sqlite", |folder| async move { open(&folder).await });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_tables_while_a_version_is_rebuilt() {
    for slices in [1, 3] {
        let folder = tempfile::tempdir().unwrap();
        let bank = open(folder.path().to_str().unwrap()).await;
        for version in [1, 2] {
            let sql = format!("CREATE TABLE many_{version} (position INTEGER PRIMARY KEY)");
            bank.1.write(move |db| db.execute_batch(&sql)).await.unwrap();
        }
        let (role, place) = ("chaos::sqlite::a_process_that_rebuilds", folder.path().to_str());
        let place = place.unwrap().to_owned();
        let start = move || Killed::start(role, "sqlite", &place, slices.into());
        rebuilt_under_load(bank, slices, start).await;
    }
}
