//! Shapes as JSON: compact, and made to be compared line by line.
//!
//! Field names are keys beside the markers, so what means something in a key is escaped in
//! a name.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};

use super::form::{Field, Form, Object, Variant};

const NULLABLE: &str = "?";
const TUPLE: &str = "()";
const MAP: &str = "*";
const ENUM: &str = "|";
const CLOSED: &str = "!";

/// What a name may not hold as it is; an empty name is written as a lone backslash and `e`.
const ESCAPED: [char; 6] = ['\\', '?', '|', '(', '*', '!'];
const EMPTY_NAME: &str = "\\e";

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(name) => serializer.serialize_str(name),
            Self::Nullable(inner) => match inner.as_question() {
                Some(text) => serializer.serialize_str(&text),
                None => marked(serializer, NULLABLE, inner),
            },
            Self::List(element) => [element].serialize(serializer),
            Self::Tuple(parts) => marked(serializer, TUPLE, parts),
            Self::Map(key, value) if **key == Self::plain("string") => {
                marked(serializer, MAP, value)
            }
            Self::Map(key, value) => marked(serializer, MAP, &[key, value]),
            Self::Object(object) => object.serialize(serializer),
            Self::Enum(variants) => marked(serializer, ENUM, &Variants(variants)),
        }
    }
}

impl Form {
    /// `u64?`, if it can be written that way.
    fn as_question(&self) -> Option<String> {
        match self {
            Self::Plain(name) => Some(format!("{name}?")),
            Self::Nullable(inner) => Some(format!("{}?", inner.as_question()?)),
            _ => None,
        }
    }
}

fn marked<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    marker: &str,
    value: &T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(marker, value)?;
    map.end()
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.is_closed {
            map.serialize_entry(CLOSED, &true)?;
        }
        for field in &self.fields {
            map.serialize_entry(&key(field), &field.form)?;
        }
        map.end()
    }
}

struct Variants<'a>(&'a [Variant]);

impl Serialize for Variants<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|variant| (&variant.name, &variant.form)))
    }
}

/// `cents|amount?`
fn key(field: &Field) -> String {
    let names = [&field.name].into_iter().chain(&field.aliases);
    let names: Vec<String> = names.map(|name| escape(name)).collect();
    let question = if field.is_required { "" } else { "?" };
    names.join("|") + question
}

fn escape(name: &str) -> String {
    if name.is_empty() {
        return EMPTY_NAME.to_owned();
    }
    let each =
        name.chars().flat_map(|c| ESCAPED.contains(&c).then_some('\\').into_iter().chain([c]));
    each.collect()
}

/// The field of a key, without its form.
fn field(key: &str) -> Field {
    let (mut names, mut is_required) = (vec![String::new()], true);
    let mut characters = key.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('e') | None => {} // the empty name
                Some(escaped) => push(&mut names, escaped),
            },
            '|' => names.push(String::new()),
            '?' => is_required = false,
            other => push(&mut names, other),
        }
    }
    let mut names = names.into_iter();
    let name = names.next().unwrap_or_default();
    Field { name, aliases: names.collect(), is_required, form: Form::plain(Form::UNKNOWN) }
}

fn push(names: &mut [String], character: char) {
    if let Some(name) = names.last_mut() {
        name.push(character);
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a shape: a name, a list of one, or an object")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Form, E> {
        Ok(match text.strip_suffix('?') {
            Some(inner) => Form::Nullable(Box::new(self.visit_str(inner)?)),
            None => Form::Plain(text.to_owned().into()),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Form, A::Error> {
        let one = || A::Error::custom("a list has one shape, that of its elements");
        let element = parts.next_element()?.ok_or_else(one)?;
        match parts.next_element::<Form>()? {
            None => Ok(Form::List(Box::new(element))),
            Some(_) => Err(one()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Form, A::Error> {
        let mut object = Object::default();
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                NULLABLE => return Ok(Form::Nullable(entries.next_value()?)),
                TUPLE => return Ok(Form::Tuple(entries.next_value()?)),
                MAP => return Ok(entries.next_value::<MapForm>()?.into()),
                ENUM => return Ok(Form::Enum(entries.next_value::<VariantsForm>()?.0)),
                CLOSED => object.is_closed = entries.next_value()?,
                _ => object.fields.push(Field { form: entries.next_value()?, ..field(&key) }),
            }
        }
        Ok(Form::Object(object))
    }
}

/// What stands behind `*`.
#[derive(Deserialize)]
#[serde(untagged)]
enum MapForm {
    By(Form, Form),
    ByString(Form),
}

impl From<MapForm> for Form {
    fn from(map: MapForm) -> Self {
        match map {
            MapForm::By(key, value) => Self::Map(Box::new(key), Box::new(value)),
            MapForm::ByString(value) => Self::Map(Box::new(Self::plain("string")), Box::new(value)),
        }
    }
}

/// What stands behind `|`, in order.
struct VariantsForm(Vec<Variant>);

impl<'de> Deserialize<'de> for VariantsForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = VariantsForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the variants of an enum")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<VariantsForm, A::Error> {
                let mut variants = Vec::new();
                while let Some((name, form)) = entries.next_entry()? {
                    variants.push(Variant { name, form });
                }
                Ok(VariantsForm(variants))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
