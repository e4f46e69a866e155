//! A bank account, from its opening to two tellers who serve it at once.

mod account;
#[cfg(test)]
mod tests;

use account::{Account, AccountEvent, Deposit, Open, Refused, Withdraw};
use anyhow::{Context, ensure};
use eventsource::{ErrorKind, prelude::*};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = format!("sqlite:{}", folder.path().join("log.db").display());
    let url = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    let store = eventsource::open(&url.unwrap_or(file)).await?;
    println!("The log is kept in: {store}; it {}.\n", store.durability().await?);
    let accounts = Repository::<Account>::new(store.clone());
    let id = format!("alice-{}", EventId::new());

    accounts.execute(&id, &Open { owner: "Alice".into() }).await?;
    accounts.execute(&id, &Deposit { cents: 10_000 }).await?;
    let saved = accounts.execute(&id, &Withdraw { cents: 3_000 }).await?;
    let version = saved.version.context("three events were written")?;
    println!("Opened, paid in 100.00, took out 30.00: version {version}.");

    let refused = accounts.execute(&id, &Withdraw { cents: 50_000 }).await;
    let refused = refused.err().context("an overdraft must be refused")?;
    println!("Taking out 500.00 was refused: {}.", refused.rejected().context("by the domain")?);
    ensure!(refused.rejected() == Some(&Refused::Overdrawn { wanted: 50_000, available: 7000 }));
    ensure!(accounts.version(&id).await? == Some(version), "a refusal must write nothing");

    two_tellers(&accounts, &id).await?;

    let alice = accounts.load(&id).await?;
    println!("\nLoaded again: {} has {}.", alice.owner().unwrap_or("?"), euros(alice.cents()));
    ensure!(alice.cents() == 8_200);

    println!("Her history, as the log has it:");
    let mut history = store.read_as::<AccountEvent>(Read::stream(alice.stream().clone()));
    while let Some(event) = history.next().await {
        let event = event?;
        println!("  version {}, position {}: {:?}", event.version, event.position, event.event);
    }
    Ok(())
}

/// Two tellers load the account and both change it: the second is told, and tries again.
async fn two_tellers(accounts: &Repository<Account>, id: &str) -> anyhow::Result<()> {
    let (mut one, mut two) = (accounts.load(id).await?, accounts.load(id).await?);

    one.record(AccountEvent::Deposited { cents: 500 });
    accounts.save(&mut one).await?;

    two.record(AccountEvent::Deposited { cents: 700 });
    let error = accounts.save(&mut two).await.err().context("the second save must conflict")?;
    ensure!(error.kind() == ErrorKind::Conflict);
    println!("\nTwo tellers at once. The second is told: {error}.");

    // `update` loads again and runs the closure again when somebody else was faster;
    // `execute` does the same for commands.
    let saved = accounts
        .update(id, |account| {
            account.record(AccountEvent::Deposited { cents: 700 });
            Ok::<(), Refused>(())
        })
        .await?;
    println!("Tried again on fresh state: version {}.", saved.version.context("it was written")?);
    Ok(())
}

fn euros(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
