//! The domain alone.

use eventsource::given;

use super::{Cancel, Line, Order, OrderEvent, Pay, Place, Refused};

fn line(quantity: u32, cents: u64) -> Line {
    Line { sku: "book".to_owned(), quantity, cents }
}

fn place(customer: &str, lines: Vec<Line>) -> Place {
    Place { customer: customer.to_owned(), lines }
}

fn placed() -> OrderEvent {
    OrderEvent::Placed { customer: "Ada".to_owned(), lines: vec![line(2, 1_200)] }
}

fn paid() -> OrderEvent {
    OrderEvent::Paid { reference: "r1".to_owned() }
}

#[test]
fn an_order_is_placed_once() {
    let command = place("Ada", vec![line(2, 1_200)]);
    given::<Order>([]).when(&command).then([placed()]);
    given::<Order>([placed()]).when(&command).then_rejected(Refused::Not("placed"));
}

#[test]
fn an_order_has_a_customer_and_something_in_it_that_can_be_counted() {
    let refused = |command: Place, why| drop(given::<Order>([]).when(&command).then_rejected(why));
    refused(place(" ", vec![line(1, 1)]), Refused::NoCustomer);
    refused(place("Ada", vec![]), Refused::Empty);
    refused(place("Ada", vec![line(0, 1)]), Refused::Empty);
    refused(place("Ada", vec![line(2, u64::MAX)]), Refused::TooMuch);
    refused(place("Ada", vec![line(1, u64::MAX)]), Refused::TooMuch);
}

#[test]
fn what_is_paid_is_not_cancelled_and_not_paid_again() {
    let (pay, cancel) = (Pay { reference: "r1".into() }, Cancel { reason: "late".into() });
    given::<Order>([placed()]).when(&pay).then([paid()]);
    given::<Order>([placed(), paid()]).when(&pay).then_rejected(Refused::Not("paid"));
    given::<Order>([placed(), paid()]).when(&cancel).then_rejected(Refused::Not("paid"));
}
