//! `#[event(..)]`: which keys stand where, and what they hold.

use proc_macro2::Span;
use syn::{
    Attribute, Error, LitInt, LitStr, Path, Result, Token, meta::ParseNestedMeta,
    parse::ParseStream, spanned::Spanned,
};

use crate::faults::Faults;

/// Where an attribute stands.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Struct,
    Enum,
    Variant,
    Field,
}

impl Place {
    const ALL: [Self; 4] = [Self::Enum, Self::Struct, Self::Variant, Self::Field];

    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Struct => &["name", "version", "prefix", "crate"],
            Self::Enum => &["prefix", "transparent", "crate"],
            Self::Variant => &["name", "version", "transparent"],
            Self::Field => &["tag"],
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Struct => "an event struct",
            Self::Enum => "an enum of events",
            Self::Variant => "a variant",
            Self::Field => "a field",
        }
    }
}

/// Something the user wrote, and where.
pub(crate) struct Written<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// The keys of all `#[event(..)]` attributes in one place.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) name: Option<Written<String>>,
    pub(crate) version: Option<Written<u32>>,
    pub(crate) prefix: Option<Written<String>>,
    pub(crate) base: Option<Written<Path>>,
    pub(crate) transparent: Option<Written<()>>,
    /// `tag` alone is `None`, `tag = "customer"` is the text.
    pub(crate) tag: Option<Written<Option<String>>>,
}

impl Keys {
    /// Reads the attributes that stand in `place`.
    pub(crate) fn read(attributes: &[Attribute], place: Place, faults: &mut Faults) -> Self {
        let mut keys = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("event")) {
            // A bare `#[event]` says nothing; only a list can be read on.
            let read = match attribute.meta.require_list() {
                Ok(_) => attribute.parse_nested_meta(|meta| keys.key(&meta, place)),
                Err(_) => Err(Error::new_spanned(
                    attribute,
                    format!("write `#[event(..)]`; {}", takes(place)),
                )),
            };
            faults.ok(read);
        }
        keys
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>, place: Place) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string);
        let key = key.unwrap_or_default();
        if !place.keys().contains(&key.as_str()) {
            return Err(meta.error(misplaced(&key, place)));
        }
        match key.as_str() {
            "name" => once(&mut self.name, meta, text(meta, "name = \"account.opened\"")?),
            "version" => once(&mut self.version, meta, version(meta)?),
            "prefix" => once(&mut self.prefix, meta, text(meta, "prefix = \"account\"")?),
            "crate" => once(&mut self.base, meta, path(meta)?),
            "transparent" => once(&mut self.transparent, meta, flag(meta)?),
            _ => once(&mut self.tag, meta, tag(meta)?),
        }
    }
}

fn takes(place: Place) -> String {
    let keys: Vec<_> = place.keys().iter().map(|k| format!("`{k}`")).collect();
    format!("{} takes {}", place.noun(), keys.join(", "))
}

/// Why `key` is refused in `place`: it belongs elsewhere, or it is none at all.
fn misplaced(key: &str, place: Place) -> String {
    let elsewhere: Vec<_> = Place::ALL
        .into_iter()
        .filter(|other| other.keys().contains(&key))
        .map(Place::noun)
        .collect();
    if elsewhere.is_empty() {
        return format!("there is no such key; {}", takes(place));
    }
    let elsewhere = elsewhere.join(" or ");
    format!("`{key}` belongs on {elsewhere}; {}", takes(place))
}

fn once<T>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("this key is given twice: keep one")),
    }
}

fn literal(meta: &ParseNestedMeta<'_>, example: &str) -> Result<LitStr> {
    let parse = |value: ParseStream<'_>| value.parse();
    let message = || format!("this key takes a text: `{example}`");
    meta.value().and_then(parse).map_err(|_| meta.error(message()))
}

fn text(meta: &ParseNestedMeta<'_>, example: &str) -> Result<Written<String>> {
    let literal = literal(meta, example)?;
    Ok(Written { value: literal.value(), span: literal.span() })
}

fn version(meta: &ParseNestedMeta<'_>) -> Result<Written<u32>> {
    let message = "a version is a whole number from 1 to 4294967295: `version = 2`";
    let parse = |value: ParseStream<'_>| value.parse::<LitInt>();
    let literal = meta.value().and_then(parse).map_err(|_| meta.error(message))?;
    let span = literal.span();
    match literal.base10_parse() {
        Ok(0) | Err(_) => Err(Error::new(span, message)),
        Ok(value) => Ok(Written { value, span }),
    }
}

fn path(meta: &ParseNestedMeta<'_>) -> Result<Written<Path>> {
    let example = "crate = \"my_crate::es_core\"";
    let literal = literal(meta, example)?;
    let span = literal.span();
    let message = format!("this is not a path; write it as in `{example}`");
    let value = literal.parse().map_err(|_| Error::new(span, message))?;
    Ok(Written { value, span })
}

fn flag(meta: &ParseNestedMeta<'_>) -> Result<Written<()>> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        let span = meta.path.span();
        return Ok(Written { value: (), span });
    }
    Err(meta.error("this key stands alone, without a value"))
}

fn tag(meta: &ParseNestedMeta<'_>) -> Result<Written<Option<String>>> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        let span = meta.path.span();
        return Ok(Written { value: None, span });
    }
    let Written { value, span } = text(meta, "tag = \"customer\"")?;
    Ok(Written { value: Some(value), span })
}
