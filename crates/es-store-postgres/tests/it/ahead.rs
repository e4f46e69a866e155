//! Conditions that reach far back are looked at before the append: they must say the same.

use std::time::Duration;

use es_core::{
    Append, ErrorKind, EventType, ExpectedVersion, NewEvent, Payload, Position, Query, Receipt,
    Result, Schema, Store,
};

use crate::{
    checks::{events, stream},
    server::on_a_schema,
};

const RARE: EventType = EventType::from_static("rare");

async fn write(store: &Store, event: NewEvent, is_conditional: bool) -> Result<Receipt> {
    let append = Append::to(stream("rare"), ExpectedVersion::Any).event(event);
    let query = Query::any().of_types([RARE]);
    store.append(if is_conditional { append.unless(query, Position::START) } else { append }).await
}

#[test]
fn a_condition_that_reaches_far_back_sees_all_of_the_log() {
    on_a_schema(|schema| async move {
        let (store, other) = (schema.store().await, schema.store().await);
        for number in 0..3 {
            let much = stream(&format!("much-{number}"));
            let append = Append::to(much, ExpectedVersion::NoStream).events(events(900));
            // A deadline that no clock reaches is as good as none.
            store.append(append.deadline(Duration::MAX)).await.unwrap();
        }
        let rare = || NewEvent::raw(Schema::new(RARE, 1), Payload::json(&1).unwrap());
        write(
            &store,
            NewEvent::raw(Schema::from_static("else", 1), Payload::json(&1).unwrap()),
            true,
        )
        .await
        .unwrap();

        // The other handle's append lies behind the head that this one knows of.
        let found = write(&other, rare(), false).await.unwrap().last;
        let error = write(&store, rare(), true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error}");
        assert_eq!(error.condition_failed().unwrap().found, found);

        // And now it lies far back.
        let append = Append::to(stream("more"), ExpectedVersion::Any).events(events(1_000));
        store.append(append).await.unwrap();
        let append = Append::to(stream("more"), ExpectedVersion::Any).events(events(1_000));
        store.append(append).await.unwrap();
        let error = write(&store, rare(), true).await.unwrap_err();
        assert_eq!(error.condition_failed().unwrap().found, found);
    });
}
