//! What the input says, read and checked: all that the other modules write code from.

mod read;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Error, Ident, Member, Path, Result, Type};

use crate::{
    attributes::{Keys, Place, Written},
    faults::Faults,
    serde_attributes::Container,
};

/// The path to `es_core` as the user's crate sees it.
pub(crate) struct Base(Path);

impl Base {
    /// The path to `serde`.
    pub(crate) fn serde(&self) -> TokenStream {
        quote!(#self::__private::serde)
    }
}

impl ToTokens for Base {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// A type that is to be an event.
pub(crate) struct Model {
    pub(crate) base: Base,
    pub(crate) ident: Ident,
    pub(crate) is_enum: bool,
    /// The variants of an enum, or the struct itself.
    pub(crate) cases: Vec<Case>,
}

/// A variant, or a struct.
pub(crate) struct Case {
    /// The name of the variant or struct.
    pub(crate) ident: Ident,
    /// `Self::Deposited` or `Self`, for patterns and expressions.
    pub(crate) path: TokenStream,
    pub(crate) form: Form,
}

/// Where the wire form of a case comes from.
pub(crate) enum Form {
    /// It has its own.
    Own(Own),
    /// It is `transparent`: that of the event that it holds.
    Inner(Type),
}

/// A wire form that is written here.
pub(crate) struct Own {
    pub(crate) name: Written<String>,
    pub(crate) version: u32,
    pub(crate) shape: Shape,
    pub(crate) fields: Vec<Field>,
    pub(crate) container: Container,
}

/// How the payload is made of the fields.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// An object of them; of a unit variant or struct, the empty object.
    Object,
    /// The one field of a newtype variant as it is.
    Value,
}

/// A field that is written.
pub(crate) struct Field {
    pub(crate) member: Member,
    /// The variable that it is bound to. A number keeps it apart from the names of
    /// parameters and constants, which the field's own name could hide.
    pub(crate) binding: Ident,
    pub(crate) ty: Type,
    pub(crate) serde: Vec<Attribute>,
    /// The name of its tag, if it has one.
    pub(crate) tag: Option<String>,
}

impl Case {
    /// The type of the value that the case holds, unless it has named fields or none.
    pub(crate) fn held(&self) -> Option<&Type> {
        match &self.form {
            Form::Inner(ty) => Some(ty),
            Form::Own(own) if own.shape == Shape::Value => own.fields.first().map(|f| &f.ty),
            Form::Own(_) => None,
        }
    }
}

impl Model {
    /// Reads the input. `base` is the path to `es_core` unless the input names another.
    pub(crate) fn read(input: &DeriveInput, base: Path) -> Result<Self> {
        let mut faults = Faults::default();
        if !input.generics.params.is_empty() {
            faults.push(Error::new_spanned(
                &input.generics.params,
                "an event type has no parameters: its name in the log stands for one shape, \
                 and a generic type has many; write one type for each shape, or implement \
                 `Event` by hand",
            ));
        }
        let is_enum = matches!(input.data, Data::Enum(_));
        let place = if is_enum { Place::Enum } else { Place::Struct };
        let keys = Keys::read(&input.attrs, place, &mut faults);
        let cases = match &input.data {
            Data::Struct(data) => read::a_struct(input, data, &keys, &mut faults),
            Data::Enum(data) => read::an_enum(input, data, &keys, &mut faults),
            Data::Union(data) => {
                let message = "a union cannot be an event: write a struct or an enum";
                faults.add(data.union_token.span, message);
                Vec::new()
            }
        };
        faults.finish(Self {
            base: Base(keys.base.map_or(base, |written| written.value)),
            ident: located(&input.ident),
            is_enum,
            cases,
        })
    }
}

/// The same place in the source, but named as part of the macro's output: lints do not
/// look into that.
pub(crate) fn located(ident: &Ident) -> Ident {
    let mut located = ident.clone();
    located.set_span(output_at(ident.span()));
    located
}

/// The span of output that errors shall show at `span`.
pub(crate) fn output_at(span: Span) -> Span {
    Span::call_site().located_at(span)
}
