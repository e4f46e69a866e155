//! A hash of the shape of a type, as serde sees it.
//!
//! *Hazard.* A snapshot that was written by an older program may decode into the state of
//! a newer one and mean something else.
//! *Mechanism.* The type's own `Deserialize` is run against a deserializer that has no
//! data: it writes down what it is asked for (structs with their fields, enums with their
//! variants, numbers, options) and answers with dummies. The hash of that is part of the
//! key, so a snapshot of another shape is not found. Enums are walked once per variant.
//! *Limits.* Where a type refuses the dummies the walk ends, with all that was seen so far
//! in the hash; what lies behind is guarded by decoding alone. A change of meaning without
//! a change of shape is for `STATE_VERSION`.
//! The idea is that of the crate serde-reflection; it is done again here because a walk
//! that is refused half-way must still give an answer.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

/// How deep and how far a walk goes; both are far beyond any state that one would store.
const MAX_DEPTH: usize = 64;
const MAX_STEPS: usize = 20_000;

/// A text that parses as the commonest kind of string that is not free text, a UUID.
const DUMMY_TEXT: &str = "00000000-0000-0000-0000-000000000000";

/// Hashes the shape of `T` together with a name and a version of the caller's.
pub(super) fn fingerprint<T: DeserializeOwned>(name: &str, version: u32) -> u64 {
    let mut walk = Walk::default();
    walk.note(name);
    walk.note(&version.to_string());
    loop {
        walk.again = false;
        // A refused dummy ends this walk and not the hash, which has all notes so far.
        let _ = T::deserialize(Step { walk: &mut walk, depth: 0 });
        if !walk.again || walk.steps > MAX_STEPS {
            return walk.hash.0;
        }
    }
}

/// FNV-1a with 64 bits: stable between compilers and releases, unlike std's hasher.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

#[derive(Default)]
struct Walk {
    hash: Fnv,
    steps: usize,
    /// How many variants of each enum have been walked.
    enums: BTreeMap<&'static str, usize>,
    /// Whether some enum has variants left.
    again: bool,
    /// The structs and enums that the walk is inside of.
    inside: Vec<&'static str>,
}

impl Walk {
    fn note(&mut self, what: &str) {
        for byte in what.bytes().chain([0xff]) {
            self.hash.0 = (self.hash.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.steps += 1;
    }

    fn notes(&mut self, what: &str, name: &str, parts: &[&str]) {
        self.note(what);
        self.note(name);
        parts.iter().for_each(|part| self.note(part));
    }

    /// Whether the walk came back to a type that it is inside of.
    fn recurses(&self) -> bool {
        self.inside.split_last().is_some_and(|(last, others)| others.contains(last))
    }
}

struct Step<'w> {
    walk: &'w mut Walk,
    depth: usize,
}

impl Step<'_> {
    fn deeper(&mut self) -> Step<'_> {
        Step { walk: self.walk, depth: self.depth + 1 }
    }

    fn within(&self) -> Result<(), Refused> {
        if self.depth > MAX_DEPTH || self.walk.steps > MAX_STEPS { Err(Refused) } else { Ok(()) }
    }
}

/// The walk was refused, by the type or by a bound.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the walk over the type was refused")
    }
}

impl std::error::Error for Refused {}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! primitives {
    ($($method:ident => $visit:ident($dummy:expr)),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.walk.note(stringify!($visit));
            visitor.$visit($dummy)
        }
    )*};
}

impl<'de> Deserializer<'de> for Step<'_> {
    type Error = Refused;

    primitives! {
        deserialize_bool => visit_bool(false), deserialize_char => visit_char('a'),
        deserialize_i8 => visit_i8(1), deserialize_i16 => visit_i16(1),
        deserialize_i32 => visit_i32(1), deserialize_i64 => visit_i64(1),
        deserialize_i128 => visit_i128(1), deserialize_u8 => visit_u8(1),
        deserialize_u16 => visit_u16(1), deserialize_u32 => visit_u32(1),
        deserialize_u64 => visit_u64(1), deserialize_u128 => visit_u128(1),
        deserialize_f32 => visit_f32(1.0), deserialize_f64 => visit_f64(1.0),
        deserialize_str => visit_str(DUMMY_TEXT), deserialize_string => visit_str(DUMMY_TEXT),
        deserialize_bytes => visit_bytes(&[]), deserialize_byte_buf => visit_bytes(&[]),
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.walk.note("any");
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.walk.note("unit");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.walk.notes("unit struct", name, &[]);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.walk.note("option");
        self.within()?;
        if self.walk.recurses() { visitor.visit_none() } else { visitor.visit_some(self.deeper()) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.walk.notes("newtype", name, &[]);
        self.within()?;
        visitor.visit_newtype_struct(self.deeper())
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.walk.note("seq");
        self.within()?;
        let left = usize::from(!self.walk.recurses());
        visitor.visit_seq(Parts { step: self.deeper(), left, fields: &[] })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.walk.notes("tuple", &len.to_string(), &[]);
        self.within()?;
        visitor.visit_seq(Parts { step: self.deeper(), left: len, fields: &[] })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.walk.notes("tuple struct", name, &[&len.to_string()]);
        self.within()?;
        visitor.visit_seq(Parts { step: self.deeper(), left: len, fields: &[] })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.walk.note("map");
        self.within()?;
        let left = usize::from(!self.walk.recurses());
        visitor.visit_map(Parts { step: self.deeper(), left, fields: &[] })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.walk.notes("struct", name, fields);
        self.within()?;
        self.walk.inside.push(name);
        let depth = self.walk.inside.len();
        let value = visitor.visit_map(Parts { step: self.deeper(), left: fields.len(), fields });
        self.walk.inside.truncate(depth - 1);
        value
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.within()?;
        let walked = self.walk.enums.entry(name).or_default();
        let at = if *walked < variants.len() { *walked } else { 0 };
        *walked += 1;
        let left = *walked < variants.len();
        self.walk.again |= left;
        let Some(variant) = variants.get(at).copied() else {
            return Err(Refused); // an enum without variants has no value
        };
        self.walk.notes("enum", name, variants);
        self.walk.note(variant);
        self.walk.inside.push(name);
        let depth = self.walk.inside.len();
        let value = visitor.visit_enum(Variant { step: self.deeper(), variant });
        self.walk.inside.truncate(depth - 1);
        value
    }

    forward_to_deserialize_any! { identifier ignored_any }
}

/// The elements of a sequence or a map, the fields of a struct.
struct Parts<'w> {
    step: Step<'w>,
    left: usize,
    fields: &'static [&'static str],
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(self.step.deeper()).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        let at = self.fields.len().checked_sub(self.left);
        self.left -= 1;
        match at.and_then(|at| self.fields.get(at)) {
            Some(field) => {
                let name: StrDeserializer<'_, Refused> = (*field).into_deserializer();
                seed.deserialize(name).map(Some)
            }
            None => seed.deserialize(self.step.deeper()).map(Some),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.step.deeper())
    }
}

struct Variant<'w> {
    step: Step<'w>,
    variant: &'static str,
}

impl<'de, 'w> EnumAccess<'de> for Variant<'w> {
    type Error = Refused;
    type Variant = Step<'w>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Step<'w>), Refused> {
        let name: StrDeserializer<'_, Refused> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self.step))
    }
}

impl<'de> VariantAccess<'de> for Step<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.walk.note("unit");
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, Refused> {
        self.walk.note("newtype");
        seed.deserialize(self.deeper())
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.walk.notes("fields", "", fields);
        visitor.visit_map(Parts { step: self.deeper(), left: fields.len(), fields })
    }
}
