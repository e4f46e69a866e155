//! How Rust names become wire names, in the corners that no example shows.

use proc_macro2::Span;
use syn::Ident;

use super::*;

fn ident(text: &str) -> Ident {
    Ident::new(text, Span::call_site())
}

#[test]
fn words_are_split_where_a_reader_would_split_them() {
    for (rust, wire) in [
        ("Deposited", "deposited"),
        ("MoneyDeposited", "money_deposited"),
        ("SKUAdded", "sku_added"),
        ("AddedSKU", "added_sku"),
        ("HTTPRequestSent", "http_request_sent"),
        ("V2Created", "v2_created"),
        ("Step2aDone", "step2a_done"),
        ("Already_Split", "already_split"),
        ("already_snake", "already_snake"),
        ("ÜberwiesenNachÖsterreich", "überwiesen_nach_österreich"),
        ("X", "x"),
    ] {
        assert_eq!(snake_case(&ident(rust)), wire);
    }
    let raw = Ident::new_raw("Type", Span::call_site());
    assert_eq!(snake_case(&raw), "type");
}

#[test]
fn the_prefix_leaves_the_word_event_out_unless_nothing_else_is_there() {
    for (rust, prefix) in [
        ("AccountEvent", "account"),
        ("AccountEvents", "account"),
        ("ShoppingCartEvent", "shopping_cart"),
        ("Account", "account"),
        ("Prevent", "prevent"),
        ("Event", "event"),
        ("Events", "events"),
    ] {
        assert_eq!(default_prefix(&ident(rust)), prefix);
    }
}

#[test]
fn the_rule_for_names_is_the_rule_of_es_core() {
    assert_eq!(MAX_EVENT_TYPE_BYTES, es_core::limits::MAX_EVENT_TYPE_BYTES);
    assert_eq!(MAX_TAG_NAME_BYTES, es_core::limits::MAX_TAG_BYTES - 2);
    let longest = "n".repeat(MAX_EVENT_TYPE_BYTES);
    for name in [
        "a",
        "1",
        "_",
        "-",
        ".",
        "a-b",
        "a.b",
        "a b",
        "a:b",
        "a@b",
        "a/b",
        "ä",
        "",
        "a\n",
        &longest,
        &format!("{longest}n"),
    ] {
        let core = es_core::EventType::new(name).is_ok();
        assert_eq!(check_event_type(name).is_ok(), core, "{name:?}");
    }
    for name in ["a", "-", "a.b", "a b", "ä", "", "a@b"] {
        let core = es_core::Tag::new(name, "value").is_ok();
        assert_eq!(check_tag_name(name).is_ok(), core, "{name:?}");
    }
}
