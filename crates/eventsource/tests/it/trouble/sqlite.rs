//! SQLite: a disk without room, and constraints.

use eventsource::{SqliteReadModel, SqliteTx};

use super::*;

/// Writes a megabyte; in the first calls there is no room for it.
struct Handler {
    calls: Calls,
    fails: u32,
}

impl Projection for Handler {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = SqliteTx;

    async fn apply(&self, _: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        let is_full = self.calls.next() <= self.fails;
        let most = if is_full { 1 } else { 1 << 20 };
        // It is as large as it is now, at least.
        tx.query_row(&format!("PRAGMA max_page_count = {most}"), (), |_| Ok(()))?;
        tx.execute("INSERT INTO deposits VALUES (zeroblob(1 << 20))", ())?;
        Ok(())
    }
}

#[test]
fn a_full_disk_is_waited_for() {
    let opened = async {
        let model = SqliteReadModel::in_memory().await.unwrap();
        es_testkit::Fixture::new(model, ())
    };
    es_testkit::run(opened, |model: SqliteReadModel| async move {
        let table = "CREATE TABLE deposits (bytes BLOB)";
        model.write(|db| db.execute_batch(table)).await.unwrap();
        let handler = Handler { calls: Calls::new(), fails: 2 * RETRIES };
        let calls = handler.calls.clone();
        let letters = parked(handler, model.clone(), async {}).await;
        assert!(letters.is_empty(), "{letters:?}");
        assert_eq!(calls.count(), 2 * RETRIES + 1);
        let count = "SELECT count(*) FROM deposits";
        let times: i64 = model.write(|db| db.query_row(count, (), |row| row.get(0))).await.unwrap();
        assert_eq!(times, 1);
    });
}

/// Breaks a constraint.
struct Twice;

impl Projection for Twice {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = SqliteTx;

    async fn apply(&self, _: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        tx.execute("INSERT INTO once VALUES (1), (1)", ())?;
        Ok(())
    }
}

#[test]
fn what_is_up_to_the_event_is_parked_at_once() {
    let opened = async {
        let model = SqliteReadModel::in_memory().await.unwrap();
        es_testkit::Fixture::new(model, ())
    };
    es_testkit::run(opened, |model: SqliteReadModel| async move {
        let table = "CREATE TABLE once (number INTEGER PRIMARY KEY)";
        model.write(|db| db.execute_batch(table)).await.unwrap();
        let letters = parked(Twice, model, async {}).await;
        assert_eq!((letters.len(), letters[0].attempts), (1, 1));
    });
}

/// Writes a row whose parent is looked for when it is committed.
struct Child;

impl Projection for Child {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = SqliteTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        let Deposit::Made { cents } = event.event;
        tx.execute("INSERT INTO children VALUES (?1)", [cents])?;
        Ok(())
    }
}

#[test]
fn a_constraint_that_is_checked_late_parks_the_event_that_breaks_it() {
    let opened = async {
        let model = SqliteReadModel::in_memory().await.unwrap();
        es_testkit::Fixture::new(model, ())
    };
    es_testkit::run(opened, |model: SqliteReadModel| async move {
        let tables = "CREATE TABLE parents (cents INTEGER PRIMARY KEY);
             INSERT INTO parents VALUES (1), (2), (3), (4);
             CREATE TABLE children (
                 cents INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED
             )";
        model.write(|db| db.execute_batch(tables)).await.unwrap();
        let store = Store::new(MemoryStore::new());
        let mut last = None;
        for (name, cents) in [("ann", 1), ("bob", 2), ("eve", 99), ("joe", 3), ("kim", 4)] {
            last = Some(store.append(deposit(name, cents)).await.unwrap());
        }
        let running = Runner::new(store).project_with(Child, model.clone(), policy());
        let running = running.start().unwrap();
        let up_to = last.unwrap();
        running.wait_for("deposits", &up_to, Duration::from_secs(120)).await.unwrap();

        let letters = running.dead_letters("deposits", Position::START, 10).await.unwrap();
        let streams: Vec<_> = letters.iter().map(|letter| letter.stream.to_string()).collect();
        assert_eq!(streams, ["deposit/eve"]);
        let count = "SELECT sum(cents) FROM children";
        let sum: i64 = model.read(|db| db.query_row(count, (), |row| row.get(0))).await.unwrap();
        assert_eq!(sum, 1 + 2 + 3 + 4);
        running.stop(Duration::from_secs(10)).await;
    });
}

/// Has SQLite roll everything back for one event, and says that all is well.
struct Careless;

impl Projection for Careless {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = SqliteTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut SqliteTx) -> Result<(), BoxError> {
        let Deposit::Made { cents } = event.event;
        let _ = tx.execute("INSERT OR ROLLBACK INTO deposits VALUES (?1)", [cents]);
        Ok(())
    }
}

#[test]
fn a_handler_that_loses_its_transaction_parks_the_event_that_it_lost_it_with() {
    let opened = async {
        let model = SqliteReadModel::in_memory().await.unwrap();
        es_testkit::Fixture::new(model, ())
    };
    es_testkit::run(opened, |model: SqliteReadModel| async move {
        let table = "CREATE TABLE deposits (cents INTEGER PRIMARY KEY); \
                     INSERT INTO deposits VALUES (99)";
        model.write(|db| db.execute_batch(table)).await.unwrap();
        let deposits = [("ann", 1), ("bob", 2), ("eve", 99), ("joe", 3), ("kim", 4)];
        assert_eq!(parked_of(Careless, model.clone(), &deposits).await, ["deposit/eve"]);
        let sum = "SELECT sum(cents) FROM deposits";
        let sum: i64 = model.read(|db| db.query_row(sum, (), |row| row.get(0))).await.unwrap();
        assert_eq!(sum, 99 + 1 + 2 + 3 + 4);
    });
}
