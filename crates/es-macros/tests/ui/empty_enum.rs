//! An enum without variants.

#[derive(es_core::Event)]
enum AccountEvent {}

fn main() {}
