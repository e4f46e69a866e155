#![doc = include_str!("../README.md")]

mod attributes;
mod decode;
mod dispatch;
mod encode;
mod expand;
mod faults;
mod fields;
mod lints;
mod model;
mod names;
mod schema;
mod serde_attributes;
mod shapes;
mod tags;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Writes the impl of `es_core::Event`, and of `es_core::Dispatch` where each case holds
/// one value. Programs reach it as `es_core::Event`, with the feature `derive`.
///
/// The attributes are in the documentation of the crate.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input, syn::parse_quote!(::es_core)).into()
}

/// The same for programs that depend on the facade `eventsource` and not on `es-core`:
/// they reach it as `eventsource::Event`.
#[proc_macro_derive(EventFacade, attributes(event, serde))]
pub fn derive_event_facade(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input, syn::parse_quote!(::eventsource::__private::core)).into()
}
