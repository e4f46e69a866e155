//! `Dispatch`: handing what a case holds to the handler for its type.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;

use crate::model::Model;

/// The impl, unless some variant holds other than one value.
pub(crate) fn dispatch(model: &Model, allowed: &TokenStream) -> Option<TokenStream> {
    if !model.is_enum {
        return Some(of_struct(model, allowed));
    }
    let held: Option<Vec<&Type>> = model.cases.iter().map(|case| case.held()).collect();
    held.map(|held| of_enum(model, &held, allowed))
}

fn of_struct(model: &Model, allowed: &TokenStream) -> TokenStream {
    let (base, ident) = (&model.base, &model.ident);
    quote! {
        #[automatically_derived]
        #allowed
        impl<'__event, __V> #base::Dispatch<'__event, __V> for #ident
        where
            __V: #base::On<'__event, #ident>,
        {
            type Output = <__V as #base::On<'__event, #ident>>::Output;

            fn dispatch(&'__event self, visitor: __V) -> Self::Output {
                #base::On::on(visitor, self)
            }
        }
    }
}

fn of_enum(model: &Model, held: &[&Type], allowed: &TokenStream) -> TokenStream {
    let (base, ident) = (&model.base, &model.ident);
    // Two variants with one type have one handler.
    let mut seen = HashSet::new();
    let types = held.iter().filter(|ty| seen.insert(ty.to_token_stream().to_string()));
    let paths = model.cases.iter().map(|case| &case.path);
    quote! {
        #[automatically_derived]
        #allowed
        impl<'__event, __V, __O> #base::Dispatch<'__event, __V> for #ident
        where
            #(__V: #base::On<'__event, #types, Output = __O>,)*
        {
            type Output = __O;

            fn dispatch(&'__event self, visitor: __V) -> __O {
                match self {
                    #(#paths { 0: __event } => #base::On::on(visitor, __event),)*
                }
            }
        }
    }
}
