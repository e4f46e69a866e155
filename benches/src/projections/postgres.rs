//! Workload `catch-up` into PostgreSQL: a runner against loops over a page, a transaction and
//! either one upsert with `unnest` or pipelined ones.

use std::time::Instant;

use eventsource::{
    BoxError, CheckpointStore, PgTx, PostgresOptions, PostgresReadModel, PostgresStore, Projection,
    Runner,
    postgres::tokio_postgres::{Client, types::ToSql},
    prelude::*,
};
use futures_util::future::try_join_all;
use serde_json::json;

use super::{BATCH, cents, fill, name, sums, sums_of};
use crate::{
    Effort,
    domain::AccountEvent,
    measure::{Row, Run, alternate},
    plain::decode,
    postgres::{Server, connect},
};

/// The upsert of many accounts, and that of one.
fn upserts(schema: &str) -> (String, String) {
    let upsert = |values: &str| {
        format!(
            "INSERT INTO {schema}.balances AS b (account, cents, bookings) {values} \
             ON CONFLICT (account) DO UPDATE SET cents = b.cents + excluded.cents, \
             bookings = b.bookings + excluded.bookings"
        )
    };
    let many = upsert("SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])");
    (many, upsert("VALUES ($1, $2, 1)"))
}

/// Through the batch handler.
struct Balances(String);

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<AccountEvent>, tx: &mut PgTx) -> Result<(), BoxError> {
        self.apply_all(std::slice::from_ref(event), tx).await
    }

    async fn apply_all(
        &self,
        events: &[Recorded<AccountEvent>],
        tx: &mut PgTx,
    ) -> Result<(), BoxError> {
        let upsert = tx.prepare_cached(&self.0).await?;
        let (accounts, cents, bookings) = columns(sums_of(events));
        tx.execute(&upsert, &[&accounts, &cents, &bookings]).await?;
        Ok(())
    }
}

/// Through the handler of one event.
struct OneByOne(String);

impl Projection for OneByOne {
    const NAME: &'static str = "one-by-one";
    type Event = AccountEvent;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<AccountEvent>, tx: &mut PgTx) -> Result<(), BoxError> {
        let upsert = tx.prepare_cached(&self.0).await?;
        let account = event.stream.key().as_str().to_owned();
        tx.send(&upsert, vec![Box::new(account), Box::new(cents(&event.event))]);
        Ok(())
    }
}

type Columns<'a> = (Vec<&'a str>, Vec<i64>, Vec<i64>);

fn columns(sums: std::collections::BTreeMap<&str, (i64, i64)>) -> Columns<'_> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (account, (cents, bookings)) in sums {
        columns.0.push(account);
        columns.1.push(cents);
        columns.2.push(bookings);
    }
    columns
}

pub(super) async fn catch_up(effort: Effort) -> anyhow::Result<Vec<Row>> {
    let server = Server::new().await?;
    let mut rows = Vec::new();
    for (handler, events) in
        [("batch", 1_000_000 / effort.thrift), ("one by one", 60_000 / effort.thrift)]
    {
        rows.push(measure(effort, &server, handler, events).await?);
    }
    Ok(rows)
}

async fn measure(
    effort: Effort,
    server: &Server,
    handler: &'static str,
    events: u64,
) -> anyhow::Result<Row> {
    let schema = server.schema();
    let options = PostgresOptions::new().with_schema(&schema)?;
    let store = Store::new(PostgresStore::open_with(server.url(), options.clone()).await?);
    fill(&store, events).await?;
    let model = PostgresReadModel::open_with(server.url(), options).await?;
    let client = connect(server.url()).await?;
    client
        .batch_execute(&format!(
            "CREATE TABLE {schema}.balances (account text PRIMARY KEY, cents bigint, bookings bigint); \
             CREATE TABLE {schema}.place (position bigint); ANALYZE {schema}.es_events"
        ))
        .await?;
    let (many, one) = upserts(&schema);
    let clear = async || {
        model.forget(&name::<Balances>()?).await?;
        model.forget(&name::<OneByOne>()?).await?;
        let sql = format!(
            "TRUNCATE {schema}.balances; TRUNCATE {schema}.place; \
             INSERT INTO {schema}.place VALUES (0)"
        );
        anyhow::Ok(client.batch_execute(&sql).await?)
    };
    let ours = || async {
        clear().await?;
        let runner = Runner::new(store.clone());
        let mut runner = match handler {
            "batch" => runner.project(Balances(many.clone()), model.clone()),
            _ => runner.project(OneByOne(one.clone()), model.clone()),
        };
        let begun = Instant::now();
        tokio::spawn(async move { runner.catch_up().await }).await??;
        Ok(Run { units: events, elapsed: begun.elapsed(), calls: Vec::new() })
    };
    let floor = || async {
        clear().await?;
        let begun = Instant::now();
        by_hand(&client, &schema, handler == "batch").await?;
        Ok(Run { units: events, elapsed: begun.elapsed(), calls: Vec::new() })
    };
    let (ours, floor) = alternate(effort.rounds, ours, floor).await?;
    let params = json!({ "model": "postgres", "handler": handler, "events": events });
    let durability = server.durability().to_owned();
    Ok(Row { area: "projections", workload: "catch-up", params, ours, floor, durability })
}

async fn by_hand(client: &Client, schema: &str, is_batch: bool) -> anyhow::Result<()> {
    let (many, one) = upserts(schema);
    let (many, one) = (client.prepare(&many).await?, client.prepare(&one).await?);
    let page = client
        .prepare(&format!(
            "SELECT e.position, e.key, f.type, e.payload FROM {schema}.es_events e \
             JOIN {schema}.es_families f ON f.id = e.family \
             WHERE e.position > $1 ORDER BY e.position LIMIT $2"
        ))
        .await?;
    let place = client.prepare(&format!("UPDATE {schema}.place SET position = $1")).await?;
    let mut after = 0_i64;
    loop {
        let rows = client.query(&page, &[&after, &i64::try_from(BATCH)?]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.get(0);
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            events.push((row.get::<_, &str>(1), decode(row.get(2), row.get(3))?));
        }
        client.batch_execute("BEGIN").await?;
        if is_batch {
            let (accounts, cents, bookings) =
                columns(sums(events.iter().map(|(account, event)| (*account, event))));
            client.execute(&many, &[&accounts, &cents, &bookings]).await?;
        } else {
            let values: Vec<_> =
                events.iter().map(|(account, event)| (*account, cents(event))).collect();
            let values: Vec<[&(dyn ToSql + Sync); 2]> =
                values.iter().map(|(account, cents)| [account as _, cents as _]).collect();
            try_join_all(values.iter().map(|values| client.execute(&one, values))).await?;
        }
        client.execute(&place, &[&after]).await?;
        client.batch_execute("COMMIT").await?;
    }
}
