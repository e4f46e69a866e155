//! Payloads: JSON, and bytes of which the log knows nothing.

use es_core::{ContentType, Payload, limits};
use proptest::{
    collection::vec,
    num, prop_oneof,
    sample::select,
    strategy::{BoxedStrategy, Just, Strategy},
};

use super::text::printable;

/// JSON that a store stumbles over when it parses it and writes it anew.
const ODD: [&str; 14] = [
    "null",
    "\"\"",
    "[]",
    " { \"b\" : 1 ,\t\"a\" : 2 }\n",
    "{\"a\":1,\"a\":2}",
    "{\"\":0,\"\\u0000\":\"\\u0000\"}",
    "1.0",
    "1e400",
    "-0",
    "0.1000000000000000055511151231257827",
    "12345678901234567890123456789",
    "\"\\ud83e\\udd80 \\/ é e\u{301}\"",
    "[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]",
    "{\"$type\":\"x\",\"__proto__\":null,\"a.b\":[true,false]}",
];

/// A payload: small JSON most often, else odd JSON, bytes or something larger.
pub fn payload() -> BoxedStrategy<Payload> {
    prop_oneof![8 => json_payload(), 2 => bytes_payload(), 1 => larger_payload()].boxed()
}

/// Well-formed JSON, byte for byte as somebody may have written it.
pub fn json_payload() -> BoxedStrategy<Payload> {
    let texts = vec(printable(), 0..8).prop_map(String::from_iter);
    prop_oneof![
        6 => (0_u8..10).prop_map(|n| Payload::json(&n).unwrap()),
        2 => num::i64::ANY.prop_map(|n| Payload::json(&n).unwrap()),
        2 => texts.prop_map(|text| Payload::json(&text).unwrap()),
        2 => select(&ODD).prop_map(|text| Payload::new(ContentType::JSON, text).unwrap()),
    ]
    .boxed()
}

/// Bytes of some other content type, none at all among them.
pub fn bytes_payload() -> BoxedStrategy<Payload> {
    let types = vec![
        ContentType::BINARY,
        ContentType::new("application/cbor").unwrap(),
        ContentType::new("text/plain;charset=utf-8").unwrap(),
        ContentType::new(format!("x/{}", "y".repeat(62))).unwrap(),
    ];
    (select(types), vec(num::u8::ANY, 0..40))
        .prop_map(|(content_type, bytes)| Payload::new(content_type, bytes).unwrap())
        .boxed()
}

/// A payload of the greatest size: four fill an append.
pub fn large_payload() -> BoxedStrategy<Payload> {
    sized(Just(limits::MAX_PAYLOAD_BYTES)).boxed()
}

/// As large as a page of a database, or a bit more.
fn larger_payload() -> impl Strategy<Value = Payload> {
    sized(select(&[255_usize, 256, 2_000, 8_192, 10_000]))
}

/// JSON of exactly so many bytes.
fn sized(bytes: impl Strategy<Value = usize>) -> impl Strategy<Value = Payload> {
    bytes.prop_map(|bytes| Payload::json(&"x".repeat(bytes - 2)).unwrap()) // the quotes
}
