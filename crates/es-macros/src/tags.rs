//! Tags from fields: one from a value, one from each element of a `Vec`, one from an
//! `Option` that holds something.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{GenericArgument, PathArguments, Type, spanned::Spanned};

use crate::{
    fields,
    model::{Base, Case, Field, Form, Model, Own, output_at},
};

/// `fn tags`, unless no case has any: then the trait's own says so.
pub(crate) fn tags(model: &Model) -> Option<TokenStream> {
    let base = &model.base;
    if !model.cases.iter().any(may_have_tags) {
        return None;
    }
    let arms = model.cases.iter().map(|case| {
        let Case { path, form, .. } = case;
        match form {
            Form::Inner(ty) => {
                let tags = quote_spanned!(output_at(ty.span())=> <#ty as #base::Event>::tags);
                quote!(#path { 0: __event } => #tags(__event))
            }
            Form::Own(own) if may_have_tags(case) => own_tags(base, path, own),
            Form::Own(_) => {
                quote!(#path { .. } => ::core::result::Result::Ok(#base::Tags::NONE))
            }
        }
    });
    Some(quote! {
        fn tags(&self) -> #base::Result<#base::Tags> {
            match self {
                #(#arms,)*
            }
        }
    })
}

fn may_have_tags(case: &Case) -> bool {
    match &case.form {
        Form::Inner(_) => true,
        Form::Own(own) => own.fields.iter().any(|field| field.tag.is_some()),
    }
}

fn own_tags(base: &Base, path: &TokenStream, own: &Own) -> TokenStream {
    let tagged = || own.fields.iter().filter(|field| field.tag.is_some());
    let pattern = fields::pattern(tagged());
    let each = tagged().map(|Field { tag, ty, binding, .. }| {
        let binding = quote!(#binding);
        tag.as_deref().map(|name| gather(base, name, ty, &binding))
    });
    quote! {
        #path { #pattern .. } => {
            let mut __tags = ::std::vec::Vec::new();
            #(#each)*
            ::core::result::Result::Ok(
                <#base::Tags as ::core::iter::FromIterator<#base::Tag>>::from_iter(__tags)
            )
        }
    }
}

/// The statement that adds the tags of `value`, a reference to a `ty`.
fn gather(base: &Base, name: &str, ty: &Type, value: &TokenStream) -> TokenStream {
    // At the type of the element, so that what is wrong with it is shown there.
    let element = |ty: &Type| quote_spanned!(output_at(ty.span())=> __value);
    match many(ty) {
        Many::Option(inner) => {
            let element = element(inner);
            let inner = gather(base, name, inner, &element);
            quote! {
                if let ::core::option::Option::Some(#element) = #value { #inner }
            }
        }
        Many::Vec(inner) => {
            let element = element(inner);
            let inner = gather(base, name, inner, &element);
            quote!(for #element in #value { #inner })
        }
        Many::No => quote_spanned! {output_at(ty.span())=>
            __tags.push(#base::Tag::new(#name, #value)?);
        },
    }
}

/// How many values a type has room for.
enum Many<'a> {
    No,
    Option(&'a Type),
    Vec(&'a Type),
}

/// A macro sees names and not types: what is called `Option` or `Vec` is taken for it.
fn many(ty: &Type) -> Many<'_> {
    let path = match ty {
        // A type that came through a `macro_rules` variable is in an invisible group.
        Type::Group(group) => return many(&group.elem),
        Type::Paren(paren) => return many(&paren.elem),
        Type::Path(path) => &path.path,
        _ => return Many::No,
    };
    let Some(last) = path.segments.last() else {
        return Many::No;
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Many::No;
    };
    let Some(GenericArgument::Type(inner)) = arguments.args.first() else {
        return Many::No;
    };
    if last.ident == "Option" {
        Many::Option(inner)
    } else if last.ident == "Vec" {
        Many::Vec(inner)
    } else {
        Many::No
    }
}
