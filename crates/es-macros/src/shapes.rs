//! `fn wire_shapes`: tracing what the payload of each case is read into.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    decode::helper_name,
    fields,
    model::{Case, Form, Model, output_at},
};

/// The method. Most programs never call it, so it is left to those that do to compile it.
pub(crate) fn shapes(model: &Model) -> TokenStream {
    let base = &model.base;
    let cases = model.cases.iter().enumerate();
    let each = cases.map(|(at, case)| one(model, at, case));
    quote! {
        #[inline]
        fn wire_shapes() -> ::std::vec::Vec<(#base::Schema, #base::Shape)> {
            let mut __shapes = ::std::vec::Vec::new();
            #(#each)*
            __shapes
        }
    }
}

/// The statement that adds the shape of one case.
fn one(model: &Model, at: usize, case: &Case) -> TokenStream {
    let base = &model.base;
    let shape = match &case.form {
        Form::Inner(ty) => {
            let span = output_at(ty.span());
            let shapes = quote_spanned!(span=> <#ty as #base::Event>::wire_shapes());
            return quote!(::core::iter::Extend::extend(&mut __shapes, #shapes););
        }
        Form::Own(own) => match fields::as_it_is(own) {
            Some(field) => {
                let ty = &field.ty;
                quote_spanned!(output_at(ty.span())=> #base::Shape::of::<#ty>())
            }
            None => {
                let helper = helper_name(at);
                quote!(#base::Shape::of::<#helper>())
            }
        },
    };
    quote!(__shapes.push((::core::clone::Clone::clone(&Self::SCHEMAS[#at]), #shape));)
}
