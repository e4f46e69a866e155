//! The bus in process as a transport: what it has answered for has been handled.

use async_trait::async_trait;
use es_core::{Error, ErrorKind, Position, Recorded, Result};

use super::{Publisher, Refused, Transport};
use crate::LocalBus;

/// A relay on a bus in process waits until each handler has handled an event or given it up,
/// because what is only queued would be lost with the program. It waits for room, too, whatever
/// [`WhenFull`](crate::WhenFull) says: a batch of it may be more than a queue holds.
///
/// What a handler gives up is a dead letter of its subscription, so that no other handler is
/// held up by it; it is in memory, as all of the bus is. A handler whose dead letters must
/// outlive the program is better a reactor, or a consumer of a topic.
#[async_trait]
impl Transport for LocalBus {
    fn may_refuse(&self) -> bool {
        false
    }

    async fn open(&self, publisher: &Publisher) -> Result<Position> {
        Ok(publisher.published)
    }

    async fn publish(
        &self,
        _publisher: &Publisher,
        events: &[Recorded],
        _through: Position,
    ) -> Result<Vec<Refused>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let delivered = self.wait_for_all(events).await?;
        if delivered.undelivered > 0 && self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the bus was shut down meanwhile"));
        }
        Ok(Vec::new())
    }

    async fn consumed(&self, _publisher: &Publisher) -> Result<Option<Position>> {
        Ok(None)
    }
}
