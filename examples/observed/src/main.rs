//! One command as a trace through store, projection and reactor, with the metrics and the
//! health beside it.
//!
//! Spans and metrics are kept in memory and printed as a tree. With
//! `OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317` they go to a collector instead.

mod bank;
mod show;

use std::time::Duration;

use anyhow::{Context, ensure};
use bank::{Account, BALANCES, Balances, Deposit, Letters};
use eventsource::{
    State, Telemetry, Tenant,
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
    println!("\nThe trace of the request:\n{}", show::trace(&capture.spans(), "request"));
    println!("Some metrics:\n{}", show::metrics(&capture));
    let letters = capture.spans().iter().filter(|s| s.name == "es.append letter").count();
    ensure!(letters == 1, "the reaction is part of what is seen");
    Ok(())
}

async fn run(telemetry: &Telemetry) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("bank.db").display());
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    // A tenant of its own, so that the example sees no other run in a store that keeps.
    let tenant = Tenant::new(format!("bank-{}", EventId::new()))?;
    let url = url.unwrap_or(file);
    let store = eventsource::open_observed(&url, telemetry.observer()).await?;
    let store = telemetry.observe(store);
    let store = store.for_tenant(tenant);

    let model = MemoryReadModel::new();
    let running = Runner::new(store.clone())
        .project(Balances, model.clone())
        .react(Letters(store.clone()), MemoryReadModel::new())
        .start()?;
    for name in ["balances", "letters"] {
        while running.status(name).await?.state != State::Live {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    let accounts = Repository::<Account>::new(store);
    let command = Deposit(500);
    let command = accounts.execute("alice", &command).into_future();
    let saved = command.instrument(tracing::info_span!("request")).await?;
    println!("Deposited: {} event.", saved.events.len());

    // Until the balances have it, and the letter is written.
    let receipt = saved.receipt.context("an event was written")?;
    for name in ["balances", "letters"] {
        running.wait_for(name, &receipt, SOON).await?;
    }
    ensure!(model.get(&BALANCES, &"alice".to_owned())? == Some(500));
    let health = running.health(SOON).await;
    println!(
        "As an endpoint would answer: {} {}",
        health.status(),
        serde_json::to_string(&health)?
    );
    running.stop(SOON).await;
    Ok(())
}
