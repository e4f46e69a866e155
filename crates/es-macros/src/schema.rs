//! The schemas of a type: the constant, what must hold of it, and `fn schema`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::model::{Case, Form, Model, output_at};

/// `const SCHEMAS`.
pub(crate) fn constant(model: &Model) -> TokenStream {
    let base = &model.base;
    let schemas = model.cases.iter().map(|case| match &case.form {
        Form::Own(own) => {
            let (name, version) = (&own.name.value, own.version);
            quote!(#base::Schema::from_static(#name, #version))
        }
        Form::Inner(ty) => {
            let span = output_at(ty.span());
            quote_spanned!(span=> <#ty as #base::Event>::SCHEMAS[0].static_copy())
        }
    });
    quote! {
        const SCHEMAS: &'static [#base::Schema] = &[#(#schemas),*];
    }
}

/// What must hold of the events in transparent variants, whose schemas the compiler knows
/// and we do not.
pub(crate) fn assertions(model: &Model, allowed: &TokenStream) -> TokenStream {
    let (base, ident) = (&model.base, &model.ident);
    let each = model.cases.iter().filter_map(|case| match &case.form {
        Form::Own(_) => None,
        Form::Inner(ty) => Some(quote_spanned! {output_at(ty.span())=>
            #allowed
            const _: () = ::core::assert!(
                <#ty as #base::Event>::SCHEMAS.len() == 1,
                "a transparent variant holds an event with one schema: a struct, not an enum",
            );
        }),
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() {
        return quote!();
    }
    let once = quote_spanned! {output_at(ident.span())=>
        #allowed
        const _: () = ::core::assert!(
            #base::Schema::each_name_once(<#ident as #base::Event>::SCHEMAS),
            "two variants have the same event name, and a reader knows events by their names",
        );
    };
    quote!(#(#each)* #once)
}

/// `fn schema`.
pub(crate) fn schema(model: &Model) -> TokenStream {
    let base = &model.base;
    let arms = model.cases.iter().enumerate().map(|(at, Case { path, form, .. })| match form {
        Form::Own(_) => quote!(#path { .. } => &Self::SCHEMAS[#at]),
        Form::Inner(ty) => {
            let schema = quote_spanned!(output_at(ty.span())=> <#ty as #base::Event>::schema);
            quote!(#path { 0: __event } => #schema(__event))
        }
    });
    quote! {
        fn schema(&self) -> &'static #base::Schema {
            match self {
                #(#arms,)*
            }
        }
    }
}
