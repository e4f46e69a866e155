//! The fields of a case in the output: taken apart, put together, and declared again for
//! serde's derives.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Ident, Member, Type};

use crate::model::{Field, Own, Shape, located};

/// `path { amount: __field_0 }`: takes a value apart, or puts it together.
pub(crate) fn with_fields(path: &TokenStream, own: &Own) -> TokenStream {
    let pattern = pattern(own.fields.iter());
    quote!(#path { #pattern })
}

/// `amount: __field_0,` for each of the fields.
pub(crate) fn pattern<'a>(fields: impl Iterator<Item = &'a Field>) -> TokenStream {
    let each = fields.map(|Field { member, binding, .. }| match member {
        Member::Named(ident) => {
            let ident = located(ident);
            quote!(#ident: #binding,)
        }
        Member::Unnamed(index) => quote!(#index: #binding,),
    });
    each.collect()
}

/// The fields as the user wrote them, for a type of ours that carries the same
/// `#[serde(..)]` attributes: with the braces or parentheses around them.
pub(crate) fn declared(own: &Own, user_type: &Ident) -> TokenStream {
    let fields = own.fields.iter().map(|field| {
        let (serde, ty) = (&field.serde, without_self(&field.ty, user_type));
        match &field.member {
            Member::Named(ident) => {
                let ident = located(ident);
                quote!(#(#serde)* #ident: #ty)
            }
            Member::Unnamed(_) => quote!(#(#serde)* #ty),
        }
    });
    match own.shape {
        Shape::Object => quote!({ #(#fields),* }),
        Shape::Value => quote!((#(#fields),*)),
    }
}

/// The field of a newtype variant, if its type writes and reads the payload alone.
pub(crate) fn as_it_is(own: &Own) -> Option<&Field> {
    let field = own.fields.first()?;
    (own.shape == Shape::Value && field.serde.is_empty()).then_some(field)
}

/// The type with `Self` written out: in our types it would be another.
fn without_self(ty: &Type, user_type: &Ident) -> TokenStream {
    replace_self(ty.to_token_stream(), user_type)
}

fn replace_self(tokens: TokenStream, user_type: &Ident) -> TokenStream {
    let each = tokens.into_iter().map(|tree| match tree {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut replaced = user_type.clone();
            replaced.set_span(ident.span());
            TokenTree::Ident(replaced)
        }
        TokenTree::Group(group) => {
            let inner = replace_self(group.stream(), user_type);
            let mut replaced = Group::new(group.delimiter(), inner);
            replaced.set_span(group.span());
            TokenTree::Group(replaced)
        }
        other => other,
    });
    each.collect()
}
