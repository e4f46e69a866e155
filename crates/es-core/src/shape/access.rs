//! The parts of a value during a walk: elements, entries, fields, and what a variant holds.

use std::{slice, vec};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor,
        value::{StrDeserializer, UnitDeserializer},
    },
};

use super::{
    node::{Case, Node, Struct},
    step::Step,
    struct_plan::Probe,
    trace::{Refused, Walk},
};

/// The elements of a list: all at one place.
pub(super) struct Elements<'w> {
    pub(super) node: &'w mut Node,
    pub(super) walk: &'w mut Walk,
    pub(super) depth: usize,
    pub(super) left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let depth = self.depth + 1;
        seed.deserialize(Step { node: self.node, walk: self.walk, depth }).map(Some)
    }
}

/// The parts of a tuple: each at its own place.
pub(super) struct Parts<'w> {
    pub(super) nodes: slice::IterMut<'w, Node>,
    pub(super) walk: &'w mut Walk,
    pub(super) depth: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let Some(node) = self.nodes.next() else { return Ok(None) };
        seed.deserialize(Step { node, walk: self.walk, depth: self.depth + 1 }).map(Some)
    }
}

/// The entries of a map.
pub(super) struct Entries<'w> {
    pub(super) entry: &'w mut (Node, Node),
    pub(super) walk: &'w mut Walk,
    pub(super) depth: usize,
    pub(super) left: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let depth = self.depth + 1;
        seed.deserialize(Step { node: &mut self.entry.0, walk: self.walk, depth }).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let depth = self.depth + 1;
        seed.deserialize(Step { node: &mut self.entry.1, walk: self.walk, depth })
    }
}

/// The fields of a struct, without those that a probe leaves out.
pub(super) struct Members<'w> {
    plan: &'w mut Struct,
    walk: &'w mut Walk,
    depth: usize,
    order: vec::IntoIter<usize>,
    /// Whether a field that no type has comes first.
    begins_with_other: bool,
    given: Option<usize>,
}

/// A name that no field has.
const OTHER_FIELD: &str = "__no_such_field";

impl<'w> Members<'w> {
    pub(super) fn of(
        plan: &'w mut Struct,
        probe: Option<Probe>,
        walk: &'w mut Walk,
        depth: usize,
    ) -> Self {
        let order = plan.order(probe).into_iter();
        let begins_with_other = probe == Some(Probe::OtherField);
        Self { plan, walk, depth, order, begins_with_other, given: None }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let name = if std::mem::take(&mut self.begins_with_other) {
            self.given = None;
            OTHER_FIELD
        } else {
            let Some(at) = self.order.next() else { return Ok(None) };
            self.given = Some(at);
            self.plan.given = at;
            self.plan.fields[at].name
        };
        let name: StrDeserializer<'_, Refused> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Refused> {
        let Some(at) = self.given else {
            // Of a field that no type has, nothing is to be learned.
            let nothing: UnitDeserializer<Refused> = ().into_deserializer();
            return seed.deserialize(nothing);
        };
        let node = &mut self.plan.fields[at].node;
        seed.deserialize(Step { node, walk: self.walk, depth: self.depth + 1 })
    }
}

/// The variant that the walk has chosen.
pub(super) struct Chosen<'w> {
    pub(super) case: &'w mut Case,
    pub(super) walk: &'w mut Walk,
    pub(super) depth: usize,
}

impl<'w> Chosen<'w> {
    fn content(self) -> Step<'w> {
        Step { node: &mut self.case.content, walk: self.walk, depth: self.depth + 1 }
    }
}

impl<'de> EnumAccess<'de> for Chosen<'_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.case.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        if !self.case.is_unit {
            self.case.is_unit = true;
            self.walk.learn();
        }
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.content())
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.content().deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.content().fields(fields, visitor)
    }
}
