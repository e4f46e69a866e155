//! From the parsed type to its cases: which forms are taken, and what is said about the
//! others.

use quote::quote;
use syn::{
    DataEnum, DataStruct, DeriveInput, Fields, Ident, Member, Type, Variant, ext::IdentExt,
    spanned::Spanned,
};

use super::{Case, Field, Form, Own, Shape, located, output_at};
use crate::{
    attributes::{Keys, Place, Written},
    faults::Faults,
    names,
    serde_attributes::{Container, Level},
};

/// The one case of a struct.
pub(super) fn a_struct(
    input: &DeriveInput,
    data: &DataStruct,
    keys: &Keys,
    faults: &mut Faults,
) -> Vec<Case> {
    let ident = &input.ident;
    if let Fields::Unnamed(unnamed) = &data.fields {
        let message = format!(
            "give the fields names, as in `struct {ident} {{ .. }}`: the payload is then an \
             object, which can grow"
        );
        faults.add(unnamed.span(), message);
        return Vec::new();
    }
    if let (Some(_), Some(prefix)) = (&keys.name, &keys.prefix) {
        faults.add(prefix.span, "`name` is the whole name: leave `prefix` out, or `name`");
    }
    let prefix = prefix(keys, faults);
    let form = Form::Own(Own {
        name: wire_name(ident, keys, prefix.as_deref(), faults),
        version: version(keys),
        shape: Shape::Object,
        fields: fields(&data.fields, faults),
        container: Container::read(&input.attrs, Level::Struct, keys, faults),
    });
    let (ident, path) = (located(ident), quote!(Self));
    vec![Case { ident, path, form }]
}

/// The cases of an enum, one for each variant.
pub(super) fn an_enum(
    input: &DeriveInput,
    data: &DataEnum,
    keys: &Keys,
    faults: &mut Faults,
) -> Vec<Case> {
    if data.variants.is_empty() {
        let message = "an enum of events needs a variant: there would be nothing to write";
        faults.add(input.ident.span(), message);
    }
    if let Some(transparent) = &keys.transparent
        && !data.variants.iter().any(|v| one_value(v).is_some())
    {
        let message = "no variant holds one event, as `Opened(Opened)` would: leave this out";
        faults.add(transparent.span, message);
    }
    let prefix = prefix(keys, faults).unwrap_or_else(|| names::default_prefix(&input.ident));
    let has_fields = data
        .variants
        .iter()
        .any(|variant| matches!(&variant.fields, Fields::Named(f) if !f.named.is_empty()));
    let all = ForAll {
        prefix,
        transparent: keys.transparent.is_some(),
        container: Container::read(&input.attrs, Level::Enum { has_fields }, keys, faults),
    };
    let mut cases = Vec::new();
    let mut taken: Vec<(String, &Ident)> = Vec::new();
    for variant in &data.variants {
        let Some(case) = a_variant(variant, &all, faults) else {
            continue;
        };
        if let Form::Own(own) = &case.form {
            let Written { value, span } = &own.name;
            match taken.iter().find(|(name, _)| name == value) {
                Some((name, first)) => {
                    let message = format!(
                        "`{name}` is the name of `{first}` already, and a reader knows events \
                         by their names: choose another with `#[event(name = \"..\")]`"
                    );
                    faults.add(*span, message);
                }
                None => taken.push((value.clone(), &variant.ident)),
            }
        }
        cases.push(case);
    }
    cases
}

/// What an enum says for all its variants.
struct ForAll {
    prefix: String,
    transparent: bool,
    container: Container,
}

fn a_variant(variant: &Variant, all: &ForAll, faults: &mut Faults) -> Option<Case> {
    let keys = Keys::read(&variant.attrs, Place::Variant, faults);
    let ident = &variant.ident;
    let one = one_value(variant);
    if let (None, Some(transparent)) = (one, &keys.transparent) {
        let message =
            format!("only a variant that holds one event can be transparent: `{ident}({ident})`");
        faults.add(transparent.span, message);
    }
    if let (None, Fields::Unnamed(unnamed)) = (one, &variant.fields) {
        let message = if unnamed.unnamed.is_empty() {
            format!("leave the parentheses out: `{ident}`")
        } else {
            format!(
                "give the fields names, as in `{ident} {{ .. }}`: the payload is then an \
                 object, which can grow"
            )
        };
        faults.add(unnamed.span(), message);
        return None;
    }
    if let Some(ty) = one
        && (all.transparent || keys.transparent.is_some())
    {
        refuse_beside_transparent(variant, &keys, faults);
        let form = Form::Inner(ty.clone());
        return Some(Case::of_variant(ident, form));
    }
    let mut read = |level| Container::read(&variant.attrs, level, &keys, faults);
    let (shape, container) = match one {
        Some(_) => (Shape::Value, read(Level::Newtype)),
        None => (Shape::Object, read(Level::Variant).or(&all.container)),
    };
    let form = Form::Own(Own {
        name: wire_name(ident, &keys, Some(&all.prefix), faults),
        version: version(&keys),
        shape,
        fields: fields(&variant.fields, faults),
        container,
    });
    Some(Case::of_variant(ident, form))
}

/// What a newtype variant holds.
fn one_value(variant: &Variant) -> Option<&Type> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed.first(),
        _ => None,
    }
    .map(|field| &field.ty)
}

impl Case {
    fn of_variant(ident: &Ident, form: Form) -> Self {
        let ident = located(ident);
        let path = quote!(Self::#ident);
        Self { ident, path, form }
    }
}

/// The inner event says all of this itself.
fn refuse_beside_transparent(variant: &Variant, keys: &Keys, faults: &mut Faults) {
    let name = keys.name.as_ref().map(|name| ("name", name.span));
    let version = keys.version.as_ref().map(|version| ("version", version.span));
    for (key, span) in name.into_iter().chain(version) {
        let message = format!(
            "a transparent variant has the `{key}` of the event that it holds: write it there"
        );
        faults.add(span, message);
    }
    for field in &variant.fields {
        if let Some(tag) = Keys::read(&field.attrs, Place::Field, faults).tag {
            let message = "a transparent variant has the tags of the event that it holds: \
                           write this on a field there";
            faults.add(tag.span, message);
        }
        for serde in field.attrs.iter().filter(|a| a.path().is_ident("serde")) {
            let message = "the event that a transparent variant holds writes itself: write \
                           this on a field there";
            faults.push(syn::Error::new_spanned(serde, message));
        }
    }
}

fn version(keys: &Keys) -> u32 {
    keys.version.as_ref().map_or(1, |version| version.value)
}

fn prefix(keys: &Keys, faults: &mut Faults) -> Option<String> {
    let prefix = keys.prefix.as_ref()?;
    if let Err(message) = names::check_prefix(&prefix.value) {
        faults.add(prefix.span, message);
    }
    Some(prefix.value.clone())
}

/// The name that is written, or else the one that follows from the Rust name.
fn wire_name(
    ident: &Ident,
    keys: &Keys,
    prefix: Option<&str>,
    faults: &mut Faults,
) -> Written<String> {
    let (value, span, remedy) = match &keys.name {
        Some(name) => (name.value.clone(), name.span, ""),
        None => {
            let dot = prefix.map_or("", |_| ".");
            let name = format!("{}{dot}{}", prefix.unwrap_or(""), names::snake_case(ident));
            (name, ident.span(), "; choose another with `#[event(name = \"..\")]`")
        }
    };
    // A prefix that is wrong was reported where it stands.
    let prefix_is_fine = prefix.is_none_or(|prefix| names::check_prefix(prefix).is_ok());
    if let Err(message) = names::check_event_type(&value)
        && (keys.name.is_some() || prefix_is_fine)
    {
        faults.add(span, format!("{message}{remedy}"));
    }
    Written { value, span }
}

fn fields(fields: &Fields, faults: &mut Faults) -> Vec<Field> {
    let each = fields.iter().zip(fields.members()).enumerate();
    each.map(|(at, (field, member))| {
        let keys = Keys::read(&field.attrs, Place::Field, faults);
        let is_serde = |a: &&syn::Attribute| a.path().is_ident("serde");
        Field {
            tag: tag_name(&member, &keys, faults),
            member,
            binding: Ident::new(&format!("__field_{at}"), output_at(field.ty.span())),
            ty: field.ty.clone(),
            serde: field.attrs.iter().filter(is_serde).cloned().collect(),
        }
    })
    .collect()
}

fn tag_name(member: &Member, keys: &Keys, faults: &mut Faults) -> Option<String> {
    let Written { value, span } = keys.tag.as_ref()?;
    let (name, remedy) = match (value, member) {
        (Some(name), _) => (name.clone(), ""),
        (None, Member::Named(ident)) => {
            let name = ident.unraw().to_string();
            (name, "; choose another with `#[event(tag = \"..\")]`")
        }
        (None, Member::Unnamed(_)) => {
            let message = "this field has no name that the tag could take: write \
                           `#[event(tag = \"..\")]`";
            faults.add(*span, message);
            return None;
        }
    };
    if let Err(message) = names::check_tag_name(&name) {
        faults.add(*span, format!("{message}{remedy}"));
    }
    Some(name)
}
