//! The two programs that hear of orders.

use std::{io::Write as _, path::PathBuf, sync::Mutex, time::Duration};

use anyhow::Context;
use eventsource::{BoxError, Recorded, SqliteInbox, prelude::*, sqlite::rusqlite::Connection};

use crate::{IN_STOCK, OrderEvent, topic};

/// How long a consumer that fell silent is waited for. Longer where handlers take long.
const LEASE: Duration = Duration::from_secs(1);

fn file(name: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::var("NOTIFICATIONS_FOLDER").context("NOTIFICATIONS_FOLDER")?;
    Ok(PathBuf::from(folder).join(name))
}

/// Mails need no order, so whoever is free takes the next: the competing mode.
pub(crate) async fn email(namespace: &str) -> anyhow::Result<()> {
    let file = file("mails.txt")?;
    let subscription =
        Subscription::to::<OrderEvent>("email").run(move |event: Recorded<OrderEvent>| {
            let file = file.clone();
            async move {
                let OrderEvent::Placed { email, pieces } = &event.event;
                let mut mails = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
                // A mail cannot be unsent: the id lets whoever takes it tell a repetition.
                writeln!(mails, "to {email}: {pieces} pieces are on their way [{}]", event.id)?;
                Ok(())
            }
        });
    let consumer =
        topic(namespace).await?.competing(subscription).with_lease(LEASE).start().await?;
    consumer.when(|_| false).await?;
    Ok(())
}

/// The stock is kept in the order of events, each of which counts exactly once: the ordered
/// mode, and an inbox in the transaction of the effect.
pub(crate) async fn stock(namespace: &str) -> anyhow::Result<()> {
    let db = Connection::open(file("stock.db")?)?;
    db.execute_batch("CREATE TABLE IF NOT EXISTS stock (pieces INTEGER NOT NULL)")?;
    db.execute("INSERT INTO stock SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM stock)", [IN_STOCK])?;
    SqliteInbox::create(&db)?;
    let (db, count) = (Mutex::new(db), Mutex::new(0_u32));
    let dies_at = std::env::var("NOTIFICATIONS_DIES_AT").ok().and_then(|text| text.parse().ok());
    let subscription = Subscription::to::<OrderEvent>("stock").call(move |event| {
        let mut db = db.lock().map_err(|_| "another handler panicked")?;
        book(&mut db, event)?;
        let mut count = count.lock().map_err(|_| "another handler panicked")?;
        *count += 1;
        if Some(*count) == dies_at {
            // The effect is committed, and the topic has not been told: it comes again.
            std::process::abort();
        }
        Ok(())
    });
    let consumer = topic(namespace).await?.ordered(subscription).with_lease(LEASE).start().await?;
    consumer.when(|_| false).await?;
    Ok(())
}

fn book(db: &mut Connection, event: &Recorded<OrderEvent>) -> Result<(), BoxError> {
    let OrderEvent::Placed { pieces, .. } = &event.event;
    let week = Duration::from_secs(7 * 86_400);
    let inbox = SqliteInbox::new(eventsource::SubscriberName::from_static("stock"), week);
    let tx = db.transaction()?;
    if inbox.accept(&tx, event)?.is_first() {
        tx.execute("UPDATE stock SET pieces = pieces - ?1", [pieces])?;
    } else {
        println!("The stock program has had {} before.", event.stream.key());
    }
    tx.commit()?;
    Ok(())
}
