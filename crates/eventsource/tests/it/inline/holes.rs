//! What would leave a hole in the rows is noticed.

use eventsource::{
    EventType, NewEvent, Payload, Position, Query, Schema, Upcasters, memory::MemoryStore,
};

use super::*;

/// Several events in one append, past whoever is inline.
fn many(count: u64) -> Append {
    let stream = StreamId::new("deposit", "many").unwrap();
    Append::to(stream, ExpectedVersion::Any).events((0..count).map(|cents| Deposit::Made { cents }))
}

pub(crate) async fn an_append_that_was_rolled_back_to_a_savepoint_is_noticed<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    inline.append(deposit(1)).await.unwrap();
    for is_committed in [true, false] {
        let mut tx = inline.begin().await.unwrap();
        rows.execute("SAVEPOINT mine", &mut tx).await;
        tx.append(deposit(2)).await.unwrap();
        rows.execute("ROLLBACK TO mine", &mut tx).await;
        let error = match is_committed {
            true => tx.commit().await.unwrap_err(),
            false => {
                let error = tx.append(deposit(3)).await.unwrap_err();
                assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Invalid);
                error
            }
        };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("savepoint"), "{error}");
        assert_eq!(store.head().await.unwrap().position.get(), 1, "nothing was written");
    }
    // What took the place of the event is not passed over.
    store.append(deposit(7)).await.unwrap();
    inline.append(deposit(4)).await.unwrap();
    assert_once(&rows, 3).await;

    // Savepoints that no append is rolled back over do no harm.
    let mut tx = inline.begin().await.unwrap();
    rows.execute("SAVEPOINT before", &mut tx).await;
    tx.append(deposit(5)).await.unwrap();
    rows.execute("RELEASE before", &mut tx).await;
    tx.append(deposit(6)).await.unwrap();
    rows.execute("SAVEPOINT behind", &mut tx).await;
    rows.execute("CREATE TABLE mine (number INTEGER)", &mut tx).await;
    rows.execute("ROLLBACK TO behind", &mut tx).await;
    tx.append(deposit(8)).await.unwrap();
    assert_eq!(rows.written_in(&mut tx).await, 6);
    tx.commit().await.unwrap();
    assert_once(&rows, 6).await;
}

/// A repetition writes no event, and may bring rows of others' events with it.
pub(crate) async fn rows_that_were_rolled_back_without_an_event_are_noticed<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    let event = NewEvent::of(&Deposit::Made { cents: 5 }).unwrap();
    let twice = || {
        let stream = StreamId::new("deposit", 5).unwrap();
        Append::to(stream, ExpectedVersion::Any).event(event.clone())
    };
    store.append(deposit(1)).await.unwrap();
    store.append(twice()).await.unwrap();
    let mut tx = inline.begin().await.unwrap();
    rows.execute("SAVEPOINT mine", &mut tx).await;
    assert!(tx.append(twice()).await.unwrap().replayed);
    assert_eq!(rows.written_in(&mut tx).await, 2);
    rows.execute("ROLLBACK TO mine", &mut tx).await;
    assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_once(&rows, 0).await;

    // Without statements of one's own before it there is nothing to roll back to.
    let mut tx = inline.begin().await.unwrap();
    assert!(tx.append(twice()).await.unwrap().replayed);
    assert_eq!(rows.written_in(&mut tx).await, 2);
    tx.commit().await.unwrap();
    assert_once(&rows, 2).await;
}

pub(crate) async fn an_append_past_it_in_its_own_transaction_is_noticed<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    inline.append(deposit(1)).await.unwrap();
    let log = rows.log();
    let mut tx = inline.begin().await.unwrap();
    log.append_in_tx(&mut tx, &deposit(2).build().unwrap()).await.unwrap();
    let error = tx.append(deposit(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("does not see"), "{error}");
    assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(store.head().await.unwrap().position.get(), 1, "nothing was written");

    // Behind the last append it is as one in another transaction: applied with the next.
    let mut tx = inline.begin().await.unwrap();
    tx.append(deposit(2)).await.unwrap();
    log.append_in_tx(&mut tx, &deposit(3).build().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    assert_once(&rows, 2).await;
    inline.append(deposit(4)).await.unwrap();
    assert_once(&rows, 4).await;
}

pub(crate) async fn a_store_of_another_log_is_refused_also_later<R: Rows>(rows: R) {
    let start = || {
        let other = Store::new(MemoryStore::new());
        Inline::start(other, rows.log(), rows.projection(), rows.model())
    };
    assert_eq!(start().await.unwrap_err().kind(), ErrorKind::LogDiverged);
    let inline = rows.start().await.unwrap();
    inline.append(deposit(1)).await.unwrap();
    assert_eq!(start().await.unwrap_err().kind(), ErrorKind::LogDiverged);
    rows.start().await.unwrap().append(deposit(2)).await.unwrap();
    assert_once(&rows, 2).await;
}

pub(crate) async fn it_catches_up_when_it_is_started_however_far_behind<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    inline.append(deposit(1)).await.unwrap();
    for _ in 0..11 {
        store.append(many(1_000)).await.unwrap();
    }
    let error = inline.append(deposit(2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("start it inline anew"), "{error}");
    // Both at once: what one applies the other does not.
    let (one, other) = tokio::join!(rows.start(), rows.start());
    one.unwrap().append(deposit(2)).await.unwrap();
    other.unwrap().append(deposit(3)).await.unwrap();
    inline.append(deposit(4)).await.unwrap();
    assert_once(&rows, 11_004).await;
}

pub(crate) async fn conditions_hold_for_what_layers_make_of_old_events<R: Rows>(rows: R) {
    let old = NewEvent::raw(Schema::from_static("deposit.paid", 1), Payload::json(&"x").unwrap());
    let stream = StreamId::new("deposit", 1).unwrap();
    rows.store().append(Append::to(stream, ExpectedVersion::Any).event(old)).await.unwrap();
    let upcasters = Upcasters::builder()
        .current::<Deposit>()
        .replace(("deposit.paid", 1), ("deposit.made", 1), |_: Payload| {
            Ok(NewEvent::of(&Deposit::Made { cents: 1 })?.payload)
        })
        .build()
        .unwrap();
    let store = rows.store().layer(&upcasters);
    let inline = Inline::start(store.clone(), rows.log(), rows.projection(), rows.model());
    let inline = inline.await.unwrap();
    let made = || Query::any().of_types([EventType::from_static("deposit.made")]);
    let append = |after: u64| deposit(2).unless(made(), Position::new(after));
    for refused in [store.append(append(0)).await, inline.append(append(0)).await] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConditionFailed);
    }
    assert_eq!(store.head().await.unwrap().position.get(), 1);
    inline.append(append(1)).await.unwrap();
    assert_once(&rows, 2).await;

    // A repetition is one before any condition is looked at.
    let event = NewEvent::of(&Deposit::Made { cents: 5 }).unwrap();
    let twice = |after: u64| {
        let stream = StreamId::new("deposit", 5).unwrap();
        let append = Append::to(stream, ExpectedVersion::Any).event(event.clone());
        append.unless(made(), Position::new(after))
    };
    assert!(!inline.append(twice(2)).await.unwrap().replayed);
    assert!(inline.append(twice(2)).await.unwrap().replayed);
    assert_once(&rows, 3).await;
}
