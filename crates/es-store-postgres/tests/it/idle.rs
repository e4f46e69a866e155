//! A transaction elsewhere that is open for long, and does nothing.

use std::time::Duration;

use es_core::{CheckpointStore, Owner, Progress, Read, SubscriberName};

use crate::{
    checks::{Follower, LEVELS, same, to, whole},
    server::{connect, on_a_schema},
};

#[test]
fn a_long_transaction_elsewhere_delays_nobody() {
    on_a_schema(|schema| async move {
        let (store, model) = (schema.store().await, schema.read_model().await);
        store.append(to("before", 3)).await.unwrap();
        let (head, table) = (store.head().await.unwrap(), format!("{}.elsewhere", schema.name));
        let admin = schema.client().await;
        admin.batch_execute(&format!("CREATE TABLE {table} (number bigint)")).await.unwrap();
        // Each has written, so it has a transaction id below all that follow, and each has
        // read the log, so it holds a lock on its table and, but for the first, a snapshot.
        let mut idle = Vec::new();
        for level in LEVELS {
            let client = connect(&schema.url).await;
            let begin = format!(
                "BEGIN ISOLATION LEVEL {level}; INSERT INTO {table} VALUES (1); \
                 SELECT count(*) FROM {}.es_events",
                schema.name
            );
            client.batch_execute(&begin).await.unwrap();
            idle.push(client);
        }

        let (follower, fresh) = (Follower::start(&store), schema.store().await);
        for number in 0..50 {
            let (store, count) = if number % 2 == 0 { (&store, 1) } else { (&fresh, 3) };
            store.append(to(&format!("s-{}", number % 7), count)).await.unwrap();
        }
        let log = whole(&fresh).await;
        assert_eq!(log.len(), 3 + 25 + 75);
        // Whoever waits for the end of those transactions waits for ever.
        let met = tokio::time::timeout(Duration::from_secs(60), follower.has_met(log.len())).await;
        met.expect("the follower waits for a transaction that has nothing to do with it");
        same(&follower.seen(), &log).unwrap();
        let name = SubscriberName::new("idle").unwrap();
        let claimed = model.claim(&name, head.log, &Owner::new("one")).await.unwrap();
        model.advance(&Progress::from(&claimed, log[50].position)).await.unwrap();
        let tail = Read::all().after(log[50].position);
        assert_eq!(store.read(tail).into_vec().await.unwrap().len(), log.len() - 51);

        // All of that happened while they were open, and they did not notice.
        let open = format!(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE l.relation = '{table}'::regclass AND a.state = 'idle in transaction'"
        );
        let open: i64 = admin.query_one(&open, &[]).await.unwrap().get(0);
        assert_eq!(open, i64::try_from(idle.len()).unwrap());
        for client in idle {
            client.batch_execute("COMMIT").await.unwrap();
        }
        assert_eq!(whole(&store).await.len(), log.len());
    });
}
