//! The declarative style: each event struct comes to its own handler, in the order of the log, with
//! its envelope, and a handler that fails parks the event as the `match` style does.

use es_core::{
    Append, BoxError, Envelope, Event, ExpectedVersion, Position, Receipt, Recorded, Store,
    StreamId,
};
use es_projection::{Handle, Projection, Runner, handle};
use es_store_memory::{MemoryReadModel, MemoryTx, Table};

use crate::ledger::store;

#[derive(Clone, Debug, Event)]
struct ItemAdded {
    sku: String,
    count: u64,
}

#[derive(Clone, Debug, Event)]
struct ItemRemoved {
    sku: String,
}

#[derive(Clone, Debug, Event)]
struct CheckedOut;

#[derive(Clone, Debug, Event)]
#[event(transparent)]
enum CartEvent {
    ItemAdded(ItemAdded),
    ItemRemoved(ItemRemoved),
    CheckedOut(CheckedOut),
}

/// By cart and article.
const ITEMS: Table<(String, String), u64> = Table::new("items");
/// The carts that are checked out, and at which version of their stream.
const DONE: Table<String, u64> = Table::new("done");

#[derive(Clone)]
struct Carts;

impl Projection for Carts {
    const NAME: &'static str = "carts";
    type Event = CartEvent;
    type Tx = MemoryTx;

    async fn apply(&self, event: &Recorded<CartEvent>, tx: &mut MemoryTx) -> Result<(), BoxError> {
        handle(self, event, tx).await
    }
}

impl Handle<ItemAdded> for Carts {
    async fn handle(
        &self,
        event: &ItemAdded,
        envelope: &Envelope,
        tx: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        let row = (envelope.stream.key().to_string(), event.sku.clone());
        tx.update(&ITEMS, row, |count| Some(count.unwrap_or(0) + event.count))?;
        Ok(())
    }
}

impl Handle<ItemRemoved> for Carts {
    async fn handle(
        &self,
        event: &ItemRemoved,
        envelope: &Envelope,
        tx: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        let row = (envelope.stream.key().to_string(), event.sku.clone());
        if tx.get(&ITEMS, &row)?.is_none() {
            return Err(format!("no {} in the cart", event.sku).into());
        }
        tx.delete(&ITEMS, &row)?;
        Ok(())
    }
}

impl Handle<CheckedOut> for Carts {
    async fn handle(
        &self,
        _: &CheckedOut,
        envelope: &Envelope,
        tx: &mut MemoryTx,
    ) -> Result<(), BoxError> {
        tx.put(&DONE, envelope.stream.key().to_string(), envelope.version.get())?;
        Ok(())
    }
}

async fn write<const N: usize>(store: &Store, cart: &str, events: [CartEvent; N]) -> Receipt {
    let stream = StreamId::new("cart", cart).unwrap();
    store.append(Append::to(stream, ExpectedVersion::Any).events(events)).await.unwrap()
}

fn added(sku: &str, count: u64) -> CartEvent {
    CartEvent::ItemAdded(ItemAdded { sku: sku.to_owned(), count })
}

fn removed(sku: &str) -> CartEvent {
    CartEvent::ItemRemoved(ItemRemoved { sku: sku.to_owned() })
}

#[tokio::test]
async fn each_event_comes_to_its_own_handler() {
    let (store, model) = (store(), MemoryReadModel::new());
    write(&store, "a", [added("tea", 2), added("pot", 1), added("tea", 3)]).await;
    write(&store, "b", [added("tea", 1), removed("tea"), CartEvent::CheckedOut(CheckedOut)]).await;
    write(&store, "a", [removed("pot"), CartEvent::CheckedOut(CheckedOut)]).await;
    Runner::new(store).project(Carts, model.clone()).catch_up().await.unwrap();

    let items = model.rows(&ITEMS).unwrap();
    assert_eq!(items, [(("a".to_owned(), "tea".to_owned()), 5)]);
    let done = model.rows(&DONE).unwrap();
    assert_eq!(done, [("a".to_owned(), 5), ("b".to_owned(), 3)]);
}

#[tokio::test]
async fn a_handler_that_fails_parks_its_event_and_nothing_of_it_is_there() {
    let (store, model) = (store(), MemoryReadModel::new());
    write(&store, "a", [added("tea", 1), removed("pot"), added("cup", 1)]).await;
    write(&store, "b", [added("tea", 1)]).await;
    let running = Runner::new(store.clone()).project(Carts, model.clone()).start().unwrap();
    let last = write(&store, "b", [CartEvent::CheckedOut(CheckedOut)]).await;
    let patience = std::time::Duration::from_secs(20);
    running.wait_for("carts", &last, patience).await.unwrap();

    let letters = running.dead_letters("carts", Position::START, 9).await.unwrap();
    let parked: Vec<_> =
        letters.iter().map(|letter| (letter.position.get(), letter.cause.as_deref())).collect();
    assert_eq!(parked, [(2, Some("no pot in the cart")), (3, None)]);
    let items: Vec<_> = model.rows(&ITEMS).unwrap().into_iter().map(|(row, _)| row.0).collect();
    assert_eq!(items, ["a", "b"]);
    assert_eq!(model.rows(&DONE).unwrap(), [("b".to_owned(), 2)]);
    running.stop(patience).await;
}
