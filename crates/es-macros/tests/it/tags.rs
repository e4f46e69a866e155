//! Tags from fields.

use std::fmt;

use es_core::{Event, Invalid};
use serde::{Deserialize, Serialize};

fn tags(event: &impl Event) -> Vec<String> {
    let tags = event.tags().unwrap();
    tags.iter().map(ToString::to_string).collect()
}

#[derive(Serialize, Deserialize)]
struct CustomerId(u32);

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c-{}", self.0)
    }
}

#[derive(Event)]
enum OrderEvent {
    Placed {
        #[event(tag)]
        order: u64,
        #[event(tag = "customer")]
        placed_by: CustomerId,
        note: String,
        #[event(tag)]
        voucher: Option<String>,
        #[event(tag = "sku")]
        lines: Vec<String>,
        #[event(tag = "region")]
        regions: Option<Vec<Option<u8>>>,
    },
    Reassigned(#[event(tag = "customer")] CustomerId),
    Cancelled,
    Shipped {
        parcels: u8,
    },
}

fn placed() -> OrderEvent {
    OrderEvent::Placed {
        order: 7,
        placed_by: CustomerId(1),
        note: "n".to_owned(),
        voucher: None,
        lines: Vec::new(),
        regions: None,
    }
}

#[test]
fn a_tag_is_the_fields_name_and_its_text() {
    assert_eq!(tags(&placed()), ["customer:c-1", "order:7"]);
    assert_eq!(tags(&OrderEvent::Reassigned(CustomerId(2))), ["customer:c-2"]);
}

#[test]
fn an_option_gives_a_tag_when_it_holds_something_and_a_vec_one_for_each_element() {
    let OrderEvent::Placed { order, placed_by, note, .. } = placed() else {
        return;
    };
    let event = OrderEvent::Placed {
        order,
        placed_by,
        note,
        voucher: Some("spring".to_owned()),
        lines: vec!["pear".to_owned(), "apple".to_owned(), "pear".to_owned()],
        regions: Some(vec![Some(1), None, Some(2)]),
    };
    assert_eq!(
        tags(&event),
        [
            "customer:c-1",
            "order:7",
            "region:1",
            "region:2",
            "sku:apple",
            "sku:pear",
            "voucher:spring"
        ]
    );
}

#[test]
fn no_tags_where_none_are_asked_for() {
    assert!(OrderEvent::Cancelled.tags().unwrap().is_empty());
    assert!(OrderEvent::Shipped { parcels: 1 }.tags().unwrap().is_empty());
}

#[test]
fn a_value_that_cannot_be_a_tag_is_refused() {
    #[derive(Event)]
    struct Named {
        #[event(tag)]
        name: String,
    }
    let name = String::new();
    let error = Named { name }.tags().unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::Tag { .. })));
    let name = "a\nb".to_owned();
    assert!(Named { name }.tags().unwrap_err().invalid().is_some());
    let name = "a:b c".to_owned();
    assert_eq!(tags(&Named { name }), ["name:a:b c"]);
}

#[test]
fn a_raw_identifier_gives_its_plain_name() {
    #[derive(Event)]
    struct Set {
        #[event(tag)]
        r#type: u8,
    }
    assert_eq!(tags(&Set { r#type: 1 }), ["type:1"]);
}
