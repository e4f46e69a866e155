//! Variants that take everything from the event that they hold.

use es_core::{Event, Registry};

use super::{decode, json, round_trip, schemas};

#[derive(Debug, PartialEq, Event)]
#[event(prefix = "cart", version = 2)]
struct ItemAdded {
    #[event(tag)]
    sku: String,
}

#[derive(Debug, PartialEq, Event)]
#[event(name = "cart.cleared")]
struct Cleared;

#[derive(Debug, PartialEq, Event)]
enum CartEvent {
    #[event(transparent)]
    ItemAdded(ItemAdded),
    Noted {
        text: String,
    },
    #[event(transparent)]
    Emptied(Cleared),
    Named(String),
}

#[derive(Debug, PartialEq, Event)]
#[event(transparent)]
enum Whole {
    Added(ItemAdded),
    Cleared(Cleared),
    Closed,
}

fn added() -> ItemAdded {
    let sku = "pear".to_owned();
    ItemAdded { sku }
}

#[test]
fn the_schema_is_that_of_the_event() {
    assert_eq!(
        schemas::<CartEvent>(),
        [("cart.item_added", 2), ("cart.noted", 1), ("cart.cleared", 1), ("cart.named", 1)]
    );
    assert_eq!(
        schemas::<Whole>(),
        [("cart.item_added", 2), ("cart.cleared", 1), ("whole.closed", 1)]
    );
    let event = CartEvent::ItemAdded(added());
    assert_eq!(event.schema(), &ItemAdded::SCHEMAS[0]);
    assert_eq!(CartEvent::Emptied(Cleared).schema(), Cleared.schema());
}

#[test]
fn the_payload_is_that_of_the_event() {
    round_trip(CartEvent::ItemAdded(added()), r#"{"sku":"pear"}"#);
    round_trip(CartEvent::Emptied(Cleared), "{}");
    round_trip(CartEvent::Noted { text: "t".to_owned() }, r#"{"text":"t"}"#);
    round_trip(CartEvent::Named("n".to_owned()), r#""n""#);
    round_trip(Whole::Added(added()), &json(&added()));
    round_trip(Whole::Cleared(Cleared), "{}");
    round_trip(Whole::Closed, "{}");
}

#[test]
fn the_tags_are_those_of_the_event() {
    let event = CartEvent::ItemAdded(added());
    assert_eq!(event.tags().unwrap(), added().tags().unwrap());
    assert_eq!(event.tags().unwrap().len(), 1);
    assert!(CartEvent::Emptied(Cleared).tags().unwrap().is_empty());
    assert!(CartEvent::Named(String::new()).tags().unwrap().is_empty());
}

#[test]
fn the_event_and_the_enum_read_what_the_other_wrote() {
    let payload = added().encode().unwrap();
    let read = CartEvent::decode(added().schema(), &payload).unwrap();
    assert_eq!(read, CartEvent::ItemAdded(added()));
    let payload = read.encode().unwrap();
    assert_eq!(ItemAdded::decode(read.schema(), &payload).unwrap(), added());
}

#[test]
fn another_version_of_the_event_is_not_known_to_the_enum() {
    let error = decode::<CartEvent>("cart.item_added", 1, r#"{"sku":"pear"}"#).unwrap_err();
    let known = &error.unknown_event_details().unwrap().known;
    assert_eq!(known, CartEvent::SCHEMAS);
}

#[test]
fn an_event_written_by_hand_is_as_good() {
    #[derive(Debug, PartialEq)]
    struct ByHand(u8);
    impl Event for ByHand {
        const SCHEMAS: &'static [es_core::Schema] = &[es_core::Schema::from_static("by.hand", 1)];
        fn schema(&self) -> &'static es_core::Schema {
            &Self::SCHEMAS[0]
        }
        fn encode(&self) -> es_core::Result<es_core::Payload> {
            es_core::Payload::json(&self.0)
        }
        fn decode(schema: &es_core::Schema, payload: &es_core::Payload) -> es_core::Result<Self> {
            let read = payload.to_json();
            read.map(Self).map_err(|e| es_core::Error::undecodable(schema, e))
        }
    }
    #[derive(Debug, PartialEq, Event)]
    enum Mixed {
        #[event(transparent)]
        Hand(ByHand),
    }
    assert_eq!(schemas::<Mixed>(), [("by.hand", 1)]);
    round_trip(Mixed::Hand(ByHand(9)), "9");
}

#[test]
fn a_registry_knows_the_names_at_run_time() {
    let registry = Registry::new().with::<CartEvent>().unwrap();
    assert_eq!(registry.schemas().count(), 4);
    assert!(registry.with::<ItemAdded>().is_err());
}
