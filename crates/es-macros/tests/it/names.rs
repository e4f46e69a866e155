//! Names and versions on the wire.

use es_core::Event;

use super::schemas;

#[derive(Event)]
enum AccountEvent {
    MoneyDeposited {
        amount: u64,
    },
    Closed,
    #[event(name = "bank.account-frozen", version = 3)]
    Frozen,
    #[event(version = 2)]
    Renamed(String),
}

#[test]
fn a_variant_is_named_after_the_enum_and_itself() {
    let expected = [
        ("account.money_deposited", 1),
        ("account.closed", 1),
        ("bank.account-frozen", 3),
        ("account.renamed", 2),
    ];
    assert_eq!(schemas::<AccountEvent>(), expected);
}

#[test]
fn a_value_has_the_schema_of_its_variant() {
    let events = [
        AccountEvent::MoneyDeposited { amount: 1 },
        AccountEvent::Closed,
        AccountEvent::Frozen,
        AccountEvent::Renamed("b".to_owned()),
    ];
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event.schema(), &AccountEvent::SCHEMAS[at]);
    }
}

#[test]
fn a_prefix_takes_the_place_of_the_enums_name() {
    #[derive(Event)]
    #[event(prefix = "shop.cart")]
    enum Whatever {
        ItemAdded,
        #[event(name = "emptied")]
        Emptied,
    }
    assert_eq!(schemas::<Whatever>(), [("shop.cart.item_added", 1), ("emptied", 1)]);
    assert_eq!(Whatever::ItemAdded.schema().name, "shop.cart.item_added");
    assert_eq!(Whatever::Emptied.schema().name, "emptied");
}

#[test]
fn a_struct_is_named_after_itself_or_as_it_says() {
    #[derive(Event)]
    struct ItemAdded {}
    assert_eq!(schemas::<ItemAdded>(), [("item_added", 1)]);

    #[derive(Event)]
    #[event(prefix = "cart", version = 2)]
    struct ItemRemoved;
    assert_eq!(schemas::<ItemRemoved>(), [("cart.item_removed", 2)]);

    #[derive(Event)]
    #[event(name = "cart.cleared")]
    #[event(version = 4_294_967_295)]
    struct Cleared {}
    assert_eq!(schemas::<Cleared>(), [("cart.cleared", u32::MAX)]);
    let events = (ItemAdded {}, ItemRemoved, Cleared {});
    assert_eq!(events.0.schema().name, "item_added");
    assert_eq!(events.1.schema().name, "cart.item_removed");
    assert_eq!(events.2.schema().name, "cart.cleared");
}

#[test]
fn names_may_be_written_in_any_script() {
    #[derive(Event)]
    enum KontoEvent {
        GeldÜberwiesen,
        #[event(name = "口座.入金")]
        Eingezahlt,
    }
    assert_eq!(schemas::<KontoEvent>(), [("konto.geld_überwiesen", 1), ("口座.入金", 1)]);
    for schema in KontoEvent::SCHEMAS {
        es_core::EventType::new(schema.name.as_str()).unwrap();
    }
    assert_eq!(KontoEvent::GeldÜberwiesen.schema().version, 1);
    assert_eq!(KontoEvent::Eingezahlt.schema().version, 1);
}

#[test]
fn a_name_of_the_greatest_length_is_taken() {
    #[derive(Event)]
    #[event(
        name = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
    )]
    struct Long;
    assert_eq!(Long.schema().name.as_str().len(), 128);
}
