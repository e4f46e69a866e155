//! The bus in process as a transport: what it has answered for has been handled.

use async_trait::async_trait;
use es_core::{Error, ErrorKind, Position, Recorded, Result};

use super::{Publisher, Refused, Transport};
use crate::LocalBus;

/// A relay on a bus in process waits until each handler has handled an event or given it up,
/// because what is only queued would be lost with the program. What a handler gives up is
/// parked by the relay, where it survives, and not by the bus. A subscription with
/// [`Exhausted::DeadLetter`](crate::Exhausted) lets its stream go on; its letters stay in
/// memory.
#[async_trait]
impl Transport for LocalBus {
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
        let delivered = self.publish_and_wait(events).await?;
        let mut refused: Vec<Refused> = Vec::new();
        for letter in delivered.failed {
            if !self.forget_if_parked(&letter) {
                continue;
            }
            // Several handlers may have failed on one event; the first tells why.
            let known = refused.iter_mut().find(|refused| refused.event.id == letter.event);
            match known {
                Some(known) if known.cause.is_none() => {
                    known.cause = letter.cause.map(|cause| says(&letter.subscriber, &cause));
                    known.attempts = letter.attempts;
                }
                Some(_) => {}
                None => {
                    let event = events.iter().find(|event| event.id == letter.event);
                    refused.extend(event.map(|event| Refused {
                        event: event.clone(),
                        cause: letter.cause.map(|cause| says(&letter.subscriber, &cause)),
                        attempts: letter.attempts,
                    }));
                }
            }
        }
        if delivered.undelivered > 0 && self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the bus was shut down meanwhile"));
        }
        refused.sort_by_key(|refused| refused.event.position);
        Ok(refused)
    }

    async fn consumed(&self, _publisher: &Publisher) -> Result<Option<Position>> {
        Ok(None)
    }
}

fn says(subscriber: &es_core::SubscriberName, cause: &str) -> String {
    format!("{subscriber}: {cause}")
}
