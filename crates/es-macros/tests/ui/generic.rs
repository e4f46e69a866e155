//! Types with parameters.

use es_core::Event;

#[derive(Event)]
struct Changed<T> {
    value: T,
}

#[derive(Event)]
enum NameEvent<'a> {
    Renamed { name: &'a str },
}

#[derive(Event)]
struct Sized<const N: usize>;

fn main() {}
