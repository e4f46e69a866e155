//! Reading into a state: events without their envelopes, page by page.

use std::{fmt, future::poll_fn, task::ready};

use futures_util::stream;

use super::{FoldStream, Store};
use crate::{Error, Event, FoldEvent, FoldPage, Read, Result};

/// The pages of a read that goes into a fold, in bounded memory.
///
/// It ends early only with an error, which is its last item. Events that an upcaster dropped
/// are among the others in the read of one stream, as [`Part::Dropped`](crate::Part::Dropped).
#[must_use = "a read does nothing until it is polled"]
pub struct FoldPages {
    pages: Option<FoldStream>,
}

impl FoldPages {
    /// The next events, as many as the store gave at once; `None` at the end.
    ///
    /// # Errors
    /// Whatever ended the read early.
    ///
    /// # Cancel safety
    /// Safe: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<FoldPage>> {
        poll_fn(|cx| {
            let Some(pages) = &mut self.pages else { return None.into() };
            let page = ready!(pages.as_mut().poll_next(cx));
            if !matches!(page, Some(Ok(_))) {
                self.pages = None;
            }
            page.into()
        })
        .await
    }
}

impl Store {
    /// Reads what `read` describes, for a fold that needs no more of an event than a
    /// [`FoldEvent`] has.
    ///
    /// The same events as those of [`Store::read`], in the same order; a store that makes an
    /// envelope for each event of a read is spared that.
    pub fn read_to_fold(&self, read: Read) -> FoldPages {
        let pages = match self.checked(read) {
            Err(error) => Box::pin(stream::once(async { Err(error) })),
            Ok(read) if read.log.is_some() => {
                self.of_log(read, |backend, read| backend.read_to_fold(read))
            }
            Ok(read) => self.backend().read_to_fold(read),
        };
        FoldPages { pages: Some(pages) }
    }

    /// Decodes what `read` describes and takes it into `state`, event by event, in order.
    ///
    /// For a state that needs nothing of the envelopes; with them,
    /// [`Store::read_as`] yields the same events. Like that it does not filter.
    ///
    /// ```
    /// # use es_core::{Category, Event, Payload, Read, Result, Schema, Store};
    /// # #[derive(Debug)] struct Deposited { cents: u64 }
    /// # impl Event for Deposited {
    /// #     const SCHEMAS: &'static [Schema] = &[Schema::from_static("account.deposited", 1)];
    /// #     fn schema(&self) -> &'static Schema { &Self::SCHEMAS[0] }
    /// #     fn encode(&self) -> Result<Payload> { Payload::json(&self.cents) }
    /// #     fn decode(schema: &Schema, payload: &Payload) -> Result<Self> {
    /// #         let cents = payload.to_json().map_err(|e| es_core::Error::undecodable(schema, e))?;
    /// #         Ok(Self { cents })
    /// #     }
    /// # }
    /// /// What all customers together have paid in.
    /// async fn deposits(store: &Store) -> Result<u64> {
    ///     let all = Read::category(Category::from_static("account")).types::<Deposited>();
    ///     store.fold(all, 0, |sum, Deposited { cents }| *sum += cents).await
    /// }
    /// ```
    ///
    /// # Errors
    /// `UnknownEvent` or `Undecodable`, with the event's position, or whatever ended the read
    /// early; then the state is lost.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn fold<E: Event, S>(
        &self,
        read: Read,
        mut state: S,
        mut take: impl FnMut(&mut S, E),
    ) -> Result<S> {
        let mut pages = self.read_to_fold(read);
        while let Some(page) = pages.next().await.transpose()? {
            for event in page.events().filter(|event| !event.part.is_dropped()) {
                match event.decode() {
                    Ok(event) => take(&mut state, event),
                    Err(error) => return Err(self.named(error, event.id).await),
                }
            }
        }
        Ok(state)
    }

    /// The same error with the place of the event, which a page need not have.
    async fn named(&self, error: Error, id: crate::EventId) -> Error {
        match self.find(id).await {
            Ok(Some(recorded)) => error.at_event(&recorded),
            _ => error,
        }
    }
}

impl FoldEvent<'_> {
    /// Decodes the payload as `E`.
    ///
    /// # Errors
    /// Those of [`Event::decode`]. An event that an upcaster dropped is `UnknownEvent`,
    /// whatever `E` knows.
    pub fn decode<E: Event>(&self) -> Result<E> {
        if self.part.is_dropped() {
            return Err(Error::unknown_event(self.schema, E::SCHEMAS));
        }
        E::decode(self.schema, self.payload)
    }
}

impl fmt::Debug for FoldPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoldPages").field("ended", &self.pages.is_none()).finish()
    }
}
