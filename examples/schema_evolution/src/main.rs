//! A log that three old programs have written to, read by the newest one.

mod account;
mod history;
#[cfg(test)]
mod tests;

use account::{Account, AccountEvent};
use anyhow::{Context, ensure};
use eventsource::{ErrorKind, Part, Upcasters, prelude::*};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("log.db").display());
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    let plain = eventsource::open(&url.unwrap_or(file)).await?;
    let store = plain.clone().layer(&history::upcasters()?);
    println!("The log is kept in: {store}.");
    let id = format!("alice-{}", EventId::new());
    let accounts = Repository::<Account>::new(store.clone());
    let stream = accounts.stream(&id)?;

    let old = Append::to(stream.clone(), ExpectedVersion::NoStream).events(history::golden()?);
    plain.append(old).await?;
    println!("\nAs old programs have written it:");
    let mut written = plain.read(Read::stream(stream.clone()));
    while let Some(event) = written.next().await.transpose()? {
        println!("  version {}: {}", event.version, event.schema);
    }
    let error = Repository::<Account>::new(plain).load(&id).await.err();
    println!("Without upcasters: {}.", error.context("it must not be read")?);

    println!("\nAs the newest program reads it:");
    let mut read = store.read(Read::stream(stream.clone()));
    while let Some(event) = read.next().await.transpose()? {
        match event.part {
            Part::Dropped => println!("  version {}: dropped", event.version),
            _ => {
                println!("  version {}: {:?}", event.version, event.decode::<AccountEvent>()?.event)
            }
        }
    }

    let mut alice = accounts.load(&id).await?;
    let version = alice.version().context("it has events")?;
    println!("\nFolded: {} has {} cents at version {version}.", alice.owner, alice.cents);
    ensure!((alice.owner.as_str(), alice.cents, version.get()) == ("Alice", 1_000, 5));

    // The last event was dropped, and its version counts: the append expects version 5.
    alice.record(AccountEvent::Withdrawn { cents: 300 });
    let saved = accounts.save(&mut alice).await?;
    ensure!(saved.version == Some(version.next()) && accounts.load(&id).await?.cents == 700);
    println!("Took out 300: version {}.", version.next());

    let deposits = Read::stream(stream).of_types([AccountEvent::SCHEMAS[1].name.clone()]);
    let deposits = store.read_as::<AccountEvent>(deposits).into_vec().await?;
    println!("\nDeposits, whatever they were called and were a part of:");
    for event in &deposits {
        println!("  version {}: {:?}", event.version, event.event);
    }
    ensure!(deposits.len() == 2);

    let gap = Upcasters::builder()
        .current::<AccountEvent>()
        .rename(("account.created", 1), ("account.opened", 1))
        .build();
    let error = gap.err().context("a step that leads nowhere must be refused")?;
    ensure!(error.kind() == ErrorKind::Invalid);
    println!("\nA chain with a gap is refused before anything is read:\n  {error}.");
    Ok(())
}
