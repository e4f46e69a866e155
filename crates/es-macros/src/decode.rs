//! `fn decode`: choosing the case by its schema, and reading its fields with serde's derive
//! on a type of ours that carries their `#[serde(..)]` attributes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use crate::{
    fields,
    model::{Case, Field, Form, Model, Own, Shape, output_at},
    serde_attributes::Fallback,
};

/// The method. It reads into the types of [`helpers`].
pub(crate) fn decode(model: &Model) -> TokenStream {
    let base = &model.base;
    let arms = model.cases.iter().enumerate();
    let arms = arms.map(|(at, Case { path, form, .. })| match form {
        Form::Own(own) => {
            let (name, version) = (&own.name.value, own.version);
            let read = read(model, at, path, own);
            quote!((#name, #version) => #read)
        }
        // Its name is not known here, so it is no pattern.
        Form::Inner(ty) => {
            let decode = quote_spanned!(output_at(ty.span())=> <#ty as #base::Event>::decode);
            quote!(_ if *schema == Self::SCHEMAS[#at] => #decode(schema, payload).map(#path))
        }
    });
    quote! {
        fn decode(schema: &#base::Schema, payload: &#base::Payload) -> #base::Result<Self> {
            match (schema.name.as_str(), schema.version) {
                #(#arms,)*
                _ => ::core::result::Result::Err(
                    #base::Error::unknown_event(schema, Self::SCHEMAS)
                ),
            }
        }
    }
}

/// The types that serde reads payloads into, one for each case whose payload is made here.
pub(crate) fn helpers(model: &Model) -> TokenStream {
    let cases = model.cases.iter().enumerate();
    cases
        .map(|(at, case)| match &case.form {
            Form::Own(own) if fields::as_it_is(own).is_none() => helper(model, at, own),
            Form::Own(_) | Form::Inner(_) => quote!(),
        })
        .collect()
}

/// The name of the type that case `at` is read into.
pub(crate) fn helper_name(at: usize) -> Ident {
    format_ident!("__EventFields{at}")
}

fn helper(model: &Model, at: usize, own: &Own) -> TokenStream {
    let serde = model.base.serde();
    let crate_path = serde.to_string();
    let carried = own.container.for_reading();
    // Else serde's messages would name this type.
    let expecting = (!own.container.carries("expecting")).then(|| {
        let expecting = format!("the fields of {}", own.name.value);
        quote!(, expecting = #expecting)
    });
    let (fallback, function) = fallback(own, at, &model.ident);
    let declared = fields::declared(own, &model.ident);
    let semicolon = (own.shape == Shape::Value).then(|| quote!(;));
    let name = helper_name(at);
    quote! {
        #[derive(#serde::Deserialize)]
        #[serde(crate = #crate_path #expecting #fallback #(, #carried)*)]
        struct #name #declared #semicolon
        #function
    }
}

/// The expression, of type `Result<Self>`, that reads the case `path`.
fn read(model: &Model, at: usize, path: &TokenStream, own: &Own) -> TokenStream {
    let base = &model.base;
    let case = fields::with_fields(path, own);
    let undecodable = quote!(|source| #base::Error::undecodable(schema, source));
    if let Some(Field { binding, ty, .. }) = fields::as_it_is(own) {
        let span = output_at(ty.span());
        let to_json = quote_spanned!(span=> payload.to_json::<#ty>());
        return quote! {{
            let #binding = #to_json.map_err(#undecodable)?;
            ::core::result::Result::Ok(#case)
        }};
    }
    let helper = helper_name(at);
    let value = fields::with_fields(&quote!(#helper), own);
    quote! {{
        let #value = payload.to_json::<#helper>().map_err(#undecodable)?;
        ::core::result::Result::Ok(#case)
    }}
}

/// Where the fields come from that a payload lacks: the attribute that names a function,
/// and the function. The user's default makes the user's type, serde's needs ours.
fn fallback(own: &Own, at: usize, user_type: &Ident) -> (TokenStream, TokenStream) {
    let source = match &own.container.fallback {
        None => return (quote!(), quote!()),
        Some(Fallback::Default(span)) => {
            quote_spanned!(output_at(*span)=> <#user_type as ::core::default::Default>::default())
        }
        Some(Fallback::Function(path)) => quote!(#path()),
    };
    let whole = fields::with_fields(&quote!(#user_type), own);
    let helper = helper_name(at);
    let ours = fields::with_fields(&quote!(#helper), own);
    let name = format_ident!("__event_default{at}");
    let text = name.to_string();
    let attribute = quote!(, default = #text);
    let function = quote! {
        fn #name() -> #helper {
            let #whole = #source;
            #ours
        }
    };
    (attribute, function)
}
