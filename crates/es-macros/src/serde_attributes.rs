//! `#[serde(..)]` on types and variants: what of it goes to the types that write and read
//! the payload.
//!
//! Attributes of fields go there whole. Those of a type or a variant may be meant for
//! another derive on the same type, and may speak of things that a payload has not, such
//! as the variant's name. So each key is carried, passed over or refused.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Attribute, Error, Expr, ExprLit, Lit, Meta, MetaNameValue, Path, Result, Token,
    punctuated::Punctuated, spanned::Spanned,
};

use crate::{attributes::Keys, faults::Faults};

/// What the attributes stand on.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Struct,
    /// An enum, and whether any variant has fields with names.
    Enum {
        has_fields: bool,
    },
    Variant,
    Newtype,
}

/// The attributes of a type or a variant, as far as they concern the payload.
#[derive(Default)]
pub(crate) struct Container {
    carried: Vec<(String, TokenStream)>,
    /// Where a struct takes the fields from that a payload lacks.
    pub(crate) fallback: Option<Fallback>,
}

/// `#[serde(default)]` on a struct.
pub(crate) enum Fallback {
    /// From its `Default`, as the attribute there asks.
    Default(Span),
    /// From a function.
    Function(Path),
}

/// What becomes of one key.
enum Fate {
    /// It says how the fields are written.
    Carry,
    /// The same, under the name that it has on a struct.
    CarryAs(&'static str),
    /// It says where missing fields come from.
    Fallback,
    /// It does not concern the payload.
    Pass,
    /// It names something, and only with `#[event(name)]` is it plain what.
    PassIfNamed,
    /// It names the variants, and only with `rename_all_fields` is that plain.
    PassIfFieldsNamed,
    /// It cannot be kept, and why.
    Refuse(&'static str),
}

impl Container {
    /// Reads what stands on a type or a variant.
    pub(crate) fn read(
        attributes: &[Attribute],
        level: Level,
        keys: &Keys,
        faults: &mut Faults,
    ) -> Self {
        let list = Punctuated::<Meta, Token![,]>::parse_terminated;
        let metas: Vec<Meta> = attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("serde"))
            .filter_map(|attribute| faults.ok(attribute.parse_args_with(list)))
            .flatten()
            .collect();
        let fields_named = metas.iter().any(|m| m.path().is_ident("rename_all_fields"));
        let mut container = Self::default();
        for meta in &metas {
            let key = meta.path().get_ident().map(ToString::to_string);
            let key = key.unwrap_or_default();
            match fate(level, &key) {
                Fate::Carry => container.carried.push((key, quote!(#meta))),
                Fate::CarryAs(name) => container.carry_as(name, meta),
                Fate::Fallback => container.fallback = faults.ok(fallback(meta)),
                Fate::PassIfNamed if keys.name.is_none() => faults.push(Error::new_spanned(
                    meta,
                    "this does not name the event: write `#[event(name = \"..\")]`, with or \
                     without this beside it",
                )),
                Fate::PassIfFieldsNamed if !fields_named => faults.push(Error::new_spanned(
                    meta,
                    "this names the variants, which the payload does not hold: write \
                     `rename_all_fields` for the fields, with or without this beside it",
                )),
                Fate::Pass | Fate::PassIfNamed | Fate::PassIfFieldsNamed => {}
                Fate::Refuse(why) => faults.push(Error::new_spanned(meta, why)),
            }
        }
        container
    }

    /// These, and of the others those whose key is not among them.
    pub(crate) fn or(mut self, others: &Self) -> Self {
        let own: Vec<String> = self.carried.iter().map(|(key, _)| key.clone()).collect();
        let more = others.carried.iter().filter(|(key, _)| !own.contains(key));
        self.carried.extend(more.cloned());
        self
    }

    /// Whether `key` is among them.
    pub(crate) fn carries(&self, key: &str) -> bool {
        self.carried.iter().any(|(carried, _)| carried == key)
    }

    /// What goes into the `#[serde(..)]` of the type that reads.
    pub(crate) fn for_reading(&self) -> impl Iterator<Item = &TokenStream> {
        self.carried.iter().map(|(_, meta)| meta)
    }

    /// What goes into the `#[serde(..)]` of the type that writes: on a variant, serde takes
    /// no more than this.
    pub(crate) fn for_writing(&self) -> impl Iterator<Item = &TokenStream> {
        let written = |key: &str| matches!(key, "rename_all" | "transparent");
        let carried = self.carried.iter();
        carried.filter_map(move |(key, meta)| written(key).then_some(meta))
    }

    fn carry_as(&mut self, name: &str, meta: &Meta) {
        let mut meta = meta.clone();
        let path = match &mut meta {
            Meta::Path(path) => path,
            Meta::List(list) => &mut list.path,
            Meta::NameValue(pair) => &mut pair.path,
        };
        if let Some(segment) = path.segments.first_mut() {
            segment.ident = syn::Ident::new(name, segment.ident.span());
        }
        self.carried.push((name.to_owned(), quote!(#meta)));
    }
}

fn fate(level: Level, key: &str) -> Fate {
    match (level, key) {
        (Level::Struct, "rename_all" | "deny_unknown_fields" | "expecting" | "transparent")
        | (Level::Enum { .. } | Level::Variant, "deny_unknown_fields" | "expecting")
        | (Level::Variant, "rename_all") => Fate::Carry,
        (Level::Enum { .. }, "rename_all_fields") => Fate::CarryAs("rename_all"),
        (Level::Struct, "default") => Fate::Fallback,
        (Level::Struct | Level::Variant | Level::Newtype, "rename") => Fate::PassIfNamed,
        (Level::Enum { has_fields: true }, "rename_all") => Fate::PassIfFieldsNamed,
        (Level::Struct | Level::Enum { .. }, "tag" | "crate" | "bound")
        | (Level::Enum { .. }, "content" | "untagged" | "rename" | "rename_all")
        | (
            Level::Variant | Level::Newtype,
            "alias" | "skip" | "skip_serializing" | "skip_deserializing" | "other" | "untagged"
            | "borrow" | "bound",
        ) => Fate::Pass,
        (Level::Newtype, "rename_all" | "deny_unknown_fields") => {
            Fate::Refuse("write this on the type that the variant holds: it makes the payload")
        }
        (Level::Variant | Level::Newtype, "with" | "serialize_with" | "deserialize_with") => {
            Fate::Refuse("write this on the fields: each is written on its own")
        }
        (Level::Enum { .. } | Level::Variant, "default") => {
            Fate::Refuse("write `default` on the fields that a payload may lack")
        }
        (_, "from" | "try_from" | "into" | "remote") => Fate::Refuse(
            "an event is written as its own fields; to write another type, hold it in a \
             newtype variant: `Opened(OtherType)`",
        ),
        (Level::Struct, _) => Fate::Refuse(
            "derive(Event) does not carry this; on a struct it carries `rename_all`, \
             `deny_unknown_fields`, `default`, `transparent` and `expecting`",
        ),
        (Level::Enum { .. }, _) => Fate::Refuse(
            "derive(Event) does not carry this; on an enum it carries `rename_all_fields`, \
             `deny_unknown_fields` and `expecting`",
        ),
        (Level::Variant, _) => Fate::Refuse(
            "derive(Event) does not carry this; on a variant it carries `rename_all`, \
             `deny_unknown_fields` and `expecting`",
        ),
        (Level::Newtype, _) => Fate::Refuse(
            "derive(Event) does not carry this: a variant that holds one value is written as \
             that value",
        ),
    }
}

fn fallback(meta: &Meta) -> Result<Fallback> {
    match meta {
        Meta::Path(path) => Ok(Fallback::Default(path.span())),
        Meta::NameValue(MetaNameValue {
            value: Expr::Lit(ExprLit { lit: Lit::Str(function), .. }),
            ..
        }) => function.parse().map(Fallback::Function),
        _ => {
            Err(Error::new_spanned(meta, "write `default`, or `default = \"path::to::function\"`"))
        }
    }
}
