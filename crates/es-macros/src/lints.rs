//! Lints that the output must not raise.
//!
//! The output names and declares again what the user wrote, at the user's place in the
//! source. What is allowed there, be it a name in the wrong case or the use of something
//! deprecated, is therefore allowed in the output. Nothing else is: an `allow` in the
//! output is an error in a crate that forbids the lint.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Meta};

/// The attributes for the impls: `#[allow(..)]`, as often as the input has it.
pub(crate) fn allowed(input: &DeriveInput) -> TokenStream {
    let variants: Vec<_> = match &input.data {
        Data::Enum(data) => data.variants.iter().collect(),
        Data::Struct(_) | Data::Union(_) => Vec::new(),
    };
    let fields: Vec<_> = match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|v| &v.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    let of_variants = variants.iter().flat_map(|variant| &variant.attrs);
    let of_fields = fields.iter().flat_map(|field| &field.attrs);
    let all = input.attrs.iter().chain(of_variants).chain(of_fields);
    all.filter_map(allowed_by).collect()
}

/// What one attribute allows. Something deprecated shall warn where somebody uses it, and
/// the output is not that place.
fn allowed_by(attribute: &Attribute) -> Option<TokenStream> {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("allow") || list.path.is_ident("expect") => {
            let lints = &list.tokens;
            // The reason is the user's own.
            Some(quote!(#[allow(#lints)]))
        }
        // Above it says why.
        meta => meta.path().is_ident("deprecated").then(|| quote!(#[allow(deprecated)])),
    }
}
