//! The inbox: what makes the effect of a message exactly-once, in the transaction of the
//! effect.

use std::time::Duration;

use es_core::{Arrival, Envelope, Part, Result, SubscriberName};
use tokio_postgres::{GenericClient, types::Type};

use crate::error::from_driver;

/// A century, in seconds: longer than anything is kept.
const LONGEST: f64 = 3_155_760_000.0;

/// Remembers which messages have had their effect, in the database and the transaction of the
/// effect: what comes again after a crash, or from two relays, finds that it was here.
///
/// The table is `es_inbox`, in the first schema of the search path; messages are known by the
/// event's id (and part), per handler. Each arrival forgets a few messages that are older than
/// what is kept, so the table stays as large as the messages of that time.
///
/// ```no_run
/// use std::time::Duration;
///
/// use es_core::{Recorded, SubscriberName};
/// use es_store_postgres::{PostgresInbox, tokio_postgres::Client};
///
/// async fn book(db: &mut Client, event: &Recorded) -> Result<(), Box<dyn std::error::Error>> {
///     let inbox = PostgresInbox::new(SubscriberName::from_static("stock"), Duration::from_secs(7 * 86_400));
///     let tx = db.transaction().await?;
///     if inbox.accept(&tx, event).await?.is_first() {
///         tx.execute("UPDATE stock SET pieces = pieces - 1", &[]).await?;
///     }
///     tx.commit().await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresInbox {
    subscriber: SubscriberName,
    keep: Duration,
}

impl PostgresInbox {
    /// The inbox of a handler, which keeps messages for `keep`: longer than any message may
    /// take to come again.
    #[must_use]
    pub const fn new(subscriber: SubscriberName, keep: Duration) -> Self {
        Self { subscriber, keep }
    }

    /// Makes the table, if it is not there. Several processes may do it at once.
    ///
    /// # Errors
    /// `Busy`, `Unavailable` or `Fault`.
    ///
    /// # Cancel safety
    /// The table is there or it is not; doing it again is safe.
    pub async fn create(client: &(impl GenericClient + Sync)) -> Result<()> {
        let made = client.batch_execute(include_str!("inbox/table.sql")).await;
        made.map_err(|error| from_driver(None, error))
    }

    /// Notes that `event` is here, and says whether it was before. It counts once the
    /// transaction commits, so `transaction` must be one, or a connection that is in one:
    /// outside of a transaction the note and the effect come apart, and a crash between the
    /// two loses the effect.
    ///
    /// # Errors
    /// `Busy`, `Unavailable` or `Fault`; then the transaction can only be rolled back.
    ///
    /// # Cancel safety
    /// Whatever was noted is part of the transaction; roll it back.
    pub async fn accept(
        &self,
        transaction: &(impl GenericClient + Sync),
        event: &Envelope,
    ) -> Result<Arrival> {
        let keep = self.keep.as_secs_f64().min(LONGEST);
        let (subscriber, message) = (self.subscriber.as_str(), message(event));
        // With types, it is one round trip, and works behind a pool of transactions.
        let noted = transaction
            .execute_typed(
                include_str!("inbox/accept.sql"),
                &[(&subscriber, Type::TEXT), (&message, Type::TEXT), (&keep, Type::FLOAT8)],
            )
            .await
            .map_err(|error| from_driver(None, error))?;
        Ok(if noted == 1 { Arrival::First } else { Arrival::Again })
    }
}

/// What tells one message from another.
fn message(event: &Envelope) -> String {
    match event.part {
        Part::Split { index, .. } => format!("{}.{index}", event.id),
        _ => event.id.to_string(),
    }
}
