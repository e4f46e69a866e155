//! From the input to the output: the two impls, or what is wrong.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Path};

use crate::{decode, dispatch, encode, lints, model::Model, schema, shapes, tags};

/// Writes the impls for `input`. `base` is the path to `es_core` unless it names another.
pub(crate) fn expand(input: &DeriveInput, base: Path) -> TokenStream {
    match Model::read(input, base) {
        Ok(model) => write(&model, &lints::allowed(input)),
        Err(error) => error.into_compile_error(),
    }
}

fn write(model: &Model, allowed: &TokenStream) -> TokenStream {
    let (base, ident) = (&model.base, &model.ident);
    let constant = schema::constant(model);
    let schema = schema::schema(model);
    let encode = encode::encode(model);
    let helpers = decode::helpers(model);
    let decode = decode::decode(model);
    let shapes = shapes::shapes(model);
    let tags = tags::tags(model);
    let assertions = schema::assertions(model, allowed);
    let dispatch = dispatch::dispatch(model, allowed);
    quote! {
        #allowed
        const _: () = {
            #[automatically_derived]
            #allowed
            impl #base::Event for #ident {
                #constant
                #schema
                #encode
                #decode
                #tags
                #shapes
            }

            #helpers
        };

        #assertions
        #dispatch
    }
}
