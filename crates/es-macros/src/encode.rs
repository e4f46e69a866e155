//! `fn encode`: writing the fields with serde's derive on a local type.
//!
//! The local type declares the fields with their `#[serde(..)]` attributes, and serde takes
//! the values out of the user's type, which is its `remote`. So nothing is cloned, the
//! user's type needs no derive but ours, and a function that an attribute names is given
//! the very reference that it would be given by `derive(Serialize)`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use crate::{
    fields,
    model::{Case, Form, Model, Own, output_at},
};

/// The method.
pub(crate) fn encode(model: &Model) -> TokenStream {
    let base = &model.base;
    let arms = model.cases.iter().map(|case| arm(model, case));
    let local_types = local_types(model);
    quote! {
        fn encode(&self) -> #base::Result<#base::Payload> {
            #local_types
            match self {
                #(#arms,)*
            }
        }
    }
}

fn arm(model: &Model, Case { path, form, .. }: &Case) -> TokenStream {
    let base = &model.base;
    match form {
        Form::Inner(ty) => {
            let encode = quote_spanned!(output_at(ty.span())=> <#ty as #base::Event>::encode);
            quote!(#path { 0: __event } => #encode(__event))
        }
        Form::Own(own) => match fields::as_it_is(own) {
            Some(field) => {
                let span = output_at(field.ty.span());
                let json = quote_spanned!(span=> #base::Payload::json(__value));
                quote!(#path { 0: __value } => #json)
            }
            None => quote!(#path { .. } => #base::Payload::json(&__EventPayload(self))),
        },
    }
}

/// `__EventFields`, which serde derives on, and `__EventPayload`, which hands the user's
/// value to it. None, if every value writes itself.
fn local_types(model: &Model) -> Option<TokenStream> {
    if !model.cases.iter().any(|case| written_here(case).is_some()) {
        return None;
    }
    let ident = &model.ident;
    let (serde, remote) = (model.base.serde(), ident.to_string());
    let crate_path = serde.to_string();
    let fields = if model.is_enum {
        let variants = model.cases.iter().map(|case| variant(case, ident));
        quote! {
            #[serde(crate = #crate_path, remote = #remote, untagged)]
            enum __EventFields { #(#variants,)* }
        }
    } else {
        let own = model.cases.iter().find_map(written_here)?;
        let (declared, carried) = (fields::declared(own, ident), own.container.for_writing());
        quote! {
            #[serde(crate = #crate_path, remote = #remote #(, #carried)*)]
            struct __EventFields #declared
        }
    };
    Some(quote! {
        #[derive(#serde::Serialize)]
        #fields

        struct __EventPayload<'__event>(&'__event #ident);

        #[automatically_derived]
        impl #serde::Serialize for __EventPayload<'_> {
            fn serialize<__S: #serde::Serializer>(
                &self,
                serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                __EventFields::serialize(self.0, serializer)
            }
        }
    })
}

/// A variant of `__EventFields`. Those that write themselves are named for completeness.
fn variant(case: &Case, user_type: &Ident) -> TokenStream {
    let ident = &case.ident;
    match written_here(case) {
        Some(own) => {
            let declared = fields::declared(own, user_type);
            let carried = own.container.for_writing();
            quote!(#[serde(#(#carried),*)] #ident #declared)
        }
        None => quote!(#[serde(skip)] #ident(())),
    }
}

fn written_here(case: &Case) -> Option<&Own> {
    match &case.form {
        Form::Own(own) if fields::as_it_is(own).is_none() => Some(own),
        Form::Own(_) | Form::Inner(_) => None,
    }
}
