//! One command as a trace through store, projection, relay and bus, with the metrics and the
//! health beside it.
//!
//! Spans and metrics are kept in memory and printed. With
//! `OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317` they go to a collector instead.

mod bank;
mod show;

use std::time::Duration;

use anyhow::{Context, ensure};
use bank::{Account, AccountEvent, BALANCES, Balances, Deposit};
use eventsource::{
    Payload, Schema, Telemetry, Tenant,
    bus::{Interest, LocalBus, Relay, Subscription},
    memory::MemoryReadModel,
    prelude::*,
    telemetry::{self, Capture},
};
use tracing::Instrument;

const SOON: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
        let guard = telemetry::init("observed")?;
        run(guard.telemetry()).await?;
        println!("The trace is at the collector.");
        return Ok(()); // the guard sends what is left
    }
    let capture = Capture::new();
    tracing::dispatcher::set_global_default(capture.dispatch())?;
    run(capture.telemetry()).await?;
    let spans = capture.spans();
    println!("\nThe trace of the request:\n{}", show::trace(&spans, "request"));
    println!("Some metrics:\n{}", show::metrics(&capture));
    ensure!(spans.iter().any(|span| span.name == "es.append letter"), "the bus was reached");
    Ok(())
}

async fn run(telemetry: &Telemetry) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("bank.db").display());
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1).unwrap_or(file);
    let store = eventsource::open_observed(&url, telemetry.observer()).await?;
    // A tenant of its own, so that the example sees no other run in a store that keeps.
    let tenant = Tenant::new(format!("bank-{}", EventId::new()))?;
    let store = telemetry.observe(store).for_tenant(tenant.clone());

    let model = MemoryReadModel::new();
    let running = Runner::new(store.clone()).project(Balances, model.clone()).start()?;
    let bus = LocalBus::new().observed_by(telemetry.observer());
    bus.subscribe(letters(store.clone(), tenant.clone()))?;
    let relay = Relay::new("bank", store.clone(), MemoryReadModel::new())
        .publish(Interest::events::<AccountEvent>().tenant(tenant), bus.clone())
        .start()?;
    let accounts = Repository::<Account>::new(store);
    // What is there when a subscriber first starts is history, which is not linked.
    let first = accounts.execute("bob", &Deposit(100)).await?.receipt.context("written")?;
    running.wait_for("balances", &first, SOON).await?;
    relay.published(first.last).await?;

    let command = Deposit(500);
    let command = accounts.execute("alice", &command).into_future();
    let saved = command.instrument(tracing::info_span!("request")).await?;
    println!("Deposited: {} event.", saved.events.len());

    let receipt = saved.receipt.context("written")?;
    running.wait_for("balances", &receipt, SOON).await?;
    relay.published(receipt.last).await?;
    ensure!(model.get(&BALANCES, &"alice".to_owned())? == Some(500));
    let health = running.health(SOON).await;
    println!(
        "As an endpoint would answer: {} {}",
        health.status(),
        serde_json::to_string(&health)?
    );
    relay.stop(SOON).await;
    bus.shutdown(SOON).await;
    running.stop(SOON).await;
    Ok(())
}

/// Writes a letter for each deposit, in a stream of its own.
fn letters(store: Store, tenant: Tenant) -> Subscription {
    Subscription::to::<AccountEvent>("letters").of_tenant(tenant).run(move |event| {
        let store = store.clone();
        async move {
            let stream = StreamId::new("letter", event.stream.key())?;
            let letter = NewEvent::raw(Schema::from_static("letter.sent", 1), Payload::json("ok")?)
                .with_id(EventId::derived(event.id.as_uuid(), ["letter"]));
            store.append(Append::to(stream, ExpectedVersion::Any).event(letter)).await?;
            Ok(())
        }
    })
}
