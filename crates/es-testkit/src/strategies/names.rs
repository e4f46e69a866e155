//! Categories, keys, tenants, streams, and the names of types and subscribers.

use es_core::{Category, EventType, Key, StreamId, SubscriberName, Tenant, limits};
use proptest::{
    option, prop_oneof,
    sample::select,
    strategy::{BoxedStrategy, Strategy},
};

use super::text::{filled, inner, letter, printable, short, visible};

/// A category; `account` most often, and others that look like it.
pub fn category() -> BoxedStrategy<Category> {
    let stock = &["account", "order", "Account", "account-2", "acc", "a"];
    name(stock, limits::MAX_CATEGORY_BYTES).prop_map(|text| Category::new(text).unwrap()).boxed()
}

/// A tenant.
pub fn tenant() -> BoxedStrategy<Tenant> {
    let stock = &["acme", "umbrella", "Acme", "acme.2", "a"];
    name(stock, limits::MAX_TENANT_BYTES).prop_map(|text| Tenant::new(text).unwrap()).boxed()
}

/// The name of an event type.
pub fn event_type() -> BoxedStrategy<EventType> {
    let stock = &["account.opened", "account.deposited", "account.Opened", "noted", "note", "n"];
    name(stock, limits::MAX_EVENT_TYPE_BYTES).prop_map(|text| EventType::new(text).unwrap()).boxed()
}

/// The name of a subscriber.
pub fn subscriber_name() -> BoxedStrategy<SubscriberName> {
    let stock = &["orders-v2", "orders-v1", "Orders-v2", "o"];
    name(stock, limits::MAX_SUBSCRIBER_NAME_BYTES)
        .prop_map(|text| SubscriberName::new(text).unwrap())
        .boxed()
}

/// The key of a stream: any text that has no control character, and no white space at its
/// ends.
pub fn key() -> BoxedStrategy<Key> {
    // The last two look alike: one has the accent in the letter, one behind it.
    let stock = &["alice", "bob", "Alice", "a", "a/b", "a%", "a_b", "a b", "é", "e\u{301}"];
    let text = prop_oneof![
        12 => select(stock).prop_map(str::to_owned),
        4 => short(visible(), printable()),
        1 => visible().prop_map(|c| filled(&c.to_string(), limits::MAX_KEY_BYTES)),
    ];
    text.prop_map(|text| Key::new(text).unwrap()).boxed()
}

/// The name of a stream; one in four belongs to a tenant.
pub fn stream_id() -> BoxedStrategy<StreamId> {
    let tenant = option::weighted(0.25, tenant());
    (category(), key(), tenant)
        .prop_map(|(category, key, tenant)| {
            let stream = StreamId::of(category, key);
            match tenant {
                Some(tenant) => stream.with_tenant(tenant),
                None => stream,
            }
        })
        .boxed()
}

/// Mostly from the stock, else something short, seldom something of the greatest length.
fn name(stock: &'static [&'static str], max: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        12 => select(stock).prop_map(str::to_owned),
        4 => short(letter(), inner()),
        1 => letter().prop_map(move |c| filled(&c.to_string(), max)),
    ]
}
