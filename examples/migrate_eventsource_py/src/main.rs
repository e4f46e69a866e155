//! Imports the events of eventsource-py, and reads them with types of our own.

use std::env;

use anyhow::{Context, Result, bail, ensure};
use eventsource::{EventType, postgres::tokio_postgres, prelude::*};
use importer::{EventsourcePy, Options, Scratch, import};

const USAGE: &str =
    "migrate_eventsource_py [--source URL] [--table NAME] [--store URL] [--keep-going]";

/// What Python called `OrderPlaced`, `ItemAdded` and `OrderPaid`.
#[derive(Debug, Event)]
enum OrderEvent {
    #[event(name = "OrderPlaced")]
    Placed { customer: String },
    #[event(name = "ItemAdded")]
    ItemAdded { sku: String, cents: u64 },
    #[event(name = "OrderPaid")]
    Paid,
}

#[derive(Debug, Default)]
struct Order {
    customer: String,
    cents: u64,
    is_paid: bool,
}

impl Aggregate for Order {
    const CATEGORY: &'static str = "Order";
    type Event = OrderEvent;

    fn evolve(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Placed { customer } => self.customer.clone_from(customer),
            OrderEvent::ItemAdded { cents, .. } => self.cents += cents,
            OrderEvent::Paid => self.is_paid = true,
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let (mut source, mut url, mut table) = (None, None, "events".to_owned());
    let mut options = Options::default();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().context(USAGE);
        match word.as_str() {
            "--source" => source = Some(value()?),
            "--store" => url = Some(value()?),
            "--table" => table = value()?,
            "--keep-going" => options.keep_going = true,
            other => bail!("{USAGE}, without {other}"),
        }
    }

    let Some(source) = source else {
        let server = env::var("ES_TEST_POSTGRES_URL");
        let server = server.context("name a database by --source, or a server to try it on")?;
        demonstrate(&server, include_str!("../sql/v0_1_0.sql"), url.clone(), file("0.1.0")).await?;
        return demonstrate(&server, include_str!("../sql/v0_14_0.sql"), None, file("0.14.0"))
            .await;
    };
    let (mut client, connection) = tokio_postgres::connect(&source, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let store = eventsource::open(&url.context("name the log to import into by --store")?).await?;
    let source = EventsourcePy::look_at(&client, &table).await?;
    let report = import(&store, &mut client, &source, options).await?;
    println!("ordered by {}: {report}", source.order());
    ensure!(report.bad.is_empty(), "{} rows are bad", report.bad.len());
    Ok(())
}

/// Fills a database as Python would have, imports it, and looks at the result.
async fn demonstrate(server: &str, schema: &str, url: Option<String>, file: String) -> Result<()> {
    let scratch = Scratch::make(server).await?;
    let mut client = scratch.connect(&[schema, include_str!("../sql/fill.sql")]).await?;
    let store = eventsource::open(&url.unwrap_or(file)).await?;
    let source = EventsourcePy::look_at(&client, "events").await?;

    let first = import(&store, &mut client, &source, Options::default()).await?;
    println!("ordered by {}: {first}", source.order());
    let head = store.head().await?;
    let again = import(&store, &mut client, &source, Options::default()).await?;
    println!("again: {again}");
    ensure!(again.imported == 0 && store.head().await? == head, "a second run changes nothing");

    let placed = Read::all().all_tenants().of_types([EventType::new("OrderPlaced")?]);
    let placed = store.read(placed).next().await.transpose()?.context("there are orders")?;
    let at = placed.metadata.occurred_at().context("it has the time of the old store")?;
    println!("\nthe first order: {} at {at}", placed.stream);
    let tenant = placed.tenant().context("it belongs to a tenant")?.clone();
    let orders = Repository::<Order>::new(store.for_tenant(tenant));
    let order = orders.load(placed.stream.key()).await?;
    println!("{:?}\n", order.state());
    ensure!(order.cents == 6_250 && !order.is_paid && order.customer == "customer 1");

    // A row that cannot be imported stops its stream and no other.
    let broken = "UPDATE events SET event_type = 'Order Placed!', event_id = gen_random_uuid()
        WHERE version = 1 AND payload ->> 'customer' = 'customer 7'";
    client.batch_execute(broken).await?;
    let other = eventsource::open("memory:").await?;
    let stopped = import(&other, &mut client, &source, Options::default()).await?;
    println!("with a bad row: {stopped}");
    let going = import(&other, &mut client, &source, Options { keep_going: true }).await?;
    println!("going on: {going}\n");
    ensure!((going.imported + going.known, going.held, going.bad.len()) == (347, 2, 1));
    drop(client);
    scratch.remove().await
}
