//! One step of a walk: a deserializer that writes down what it is asked for and answers with
//! a dummy.

use serde::{Deserializer, de::Visitor, forward_to_deserialize_any};

use super::{
    access::{Chosen, Elements, Entries, Members, Parts},
    dummies::{BYTES, NUMBERS, TEXTS},
    node::{Enum, Kind, Node, Struct},
    trace::{MAX_DEPTH, Refused, Type, Walk},
};

/// How deep a value is that is only made up.
const MADE_UP_DEPTH: usize = 8;
/// How often making one up is tried, each time with other variants and dummies.
const MADE_UP_TRIES: usize = 32;

/// The walk at one place.
pub(super) struct Step<'w> {
    pub(super) node: &'w mut Node,
    pub(super) walk: &'w mut Walk,
    pub(super) depth: usize,
}

impl Step<'_> {
    /// Enters this place, where the type asks for `kind`, and says which answer to give.
    fn ask(&mut self, is_known: impl FnOnce(&Kind) -> bool, kind: Kind) -> Result<usize, Refused> {
        self.walk.enter(self.node, self.depth)?;
        if !is_known(&self.node.kind) {
            self.node.kind = kind;
            self.node.choice = 0;
            self.walk.learn();
        }
        Ok(if self.walk.made_up > 0 { self.walk.rotation } else { self.node.choice })
    }

    fn plain(&mut self, name: &'static str) -> Result<(), Refused> {
        self.ask(|known| matches!(known, Kind::Plain(n) if *n == name), Kind::Plain(name))?;
        Ok(())
    }

    fn number<N: TryFrom<u8> + Default>(&mut self, name: &'static str) -> Result<N, Refused> {
        let is_known = |known: &Kind| matches!(known, Kind::Number(n) if *n == name);
        let choice = self.ask(is_known, Kind::Number(name))?;
        Ok(N::try_from(NUMBERS[choice % NUMBERS.len()]).unwrap_or_default())
    }

    /// Walks into a type, unless the walk is inside of it already.
    fn into_type<R>(
        self,
        of: Type,
        walk_on: impl FnOnce(Step<'_>) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        let Self { node, walk, depth } = self;
        if walk.made_up == 0
            && let Some(levels) = walk.levels_up(&of)
        {
            walk.enter(node, depth)?;
            if matches!(node.kind, Kind::Again(_)) {
                return make_up(node.id, walk, walk_on);
            }
            node.kind = Kind::Again(levels);
            walk.learn();
            return Err(Refused::Recursion { into: walk.inside.len() - levels });
        }
        walk.inside.push(of);
        let levels = walk.inside.len();
        let value = walk_on(Step { node, walk, depth });
        walk.inside.truncate(levels - 1);
        value
    }

    /// Walks into the fields of a struct, or of a variant that has fields.
    pub(super) fn fields<'de, V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let is_known = |known: &Kind| matches!(known, Kind::Struct(plan) if plan.is_of(fields));
        self.ask(is_known, Kind::Struct(Struct::of(fields)))?;
        let Self { node, walk, depth } = self;
        let Kind::Struct(plan) = &mut node.kind else { return Err(Refused::Otherwise) };
        if walk.made_up > 0 {
            return visitor.visit_map(Members::of(plan, None, walk, depth));
        }
        let (probe, before) = (plan.next_probe(), walk.learned);
        let value = visitor.visit_map(Members::of(plan, probe, walk, depth));
        let learned_below = walk.learned != before;
        plan.conclude(probe, value, learned_below, walk)
    }
}

/// A value of a type that the walk is inside of, of which nothing is noted.
fn make_up<R>(
    id: u32,
    walk: &mut Walk,
    walk_on: impl FnOnce(Step<'_>) -> Result<R, Refused>,
) -> Result<R, Refused> {
    let mut nowhere = Node::default();
    walk.made_up += 1;
    let value = walk_on(Step { node: &mut nowhere, walk, depth: MAX_DEPTH - MADE_UP_DEPTH });
    walk.made_up -= 1;
    if value.is_err() {
        walk.last = id;
        if walk.rotation < MADE_UP_TRIES {
            walk.rotation += 1;
            walk.learn();
        }
    }
    value.map_err(|_| Refused::Otherwise)
}

macro_rules! numbers {
    ($($method:ident => $visit:ident, $name:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(self.number($name)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Step<'_> {
    type Error = Refused;

    numbers! {
        deserialize_i8 => visit_i8, "i8"; deserialize_i16 => visit_i16, "i16";
        deserialize_i32 => visit_i32, "i32"; deserialize_i64 => visit_i64, "i64";
        deserialize_i128 => visit_i128, "i128"; deserialize_u8 => visit_u8, "u8";
        deserialize_u16 => visit_u16, "u16"; deserialize_u32 => visit_u32, "u32";
        deserialize_u64 => visit_u64, "u64"; deserialize_u128 => visit_u128, "u128";
        deserialize_f32 => visit_f32, "f32"; deserialize_f64 => visit_f64, "f64";
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.plain("bool")?;
        visitor.visit_bool(false)
    }

    fn deserialize_char<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.plain("char")?;
        visitor.visit_char('a')
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        let choice = self.ask(|known| matches!(known, Kind::Text), Kind::Text)?;
        visitor.visit_str(TEXTS[choice % TEXTS.len()].1)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        let choice = self.ask(|known| matches!(known, Kind::Bytes), Kind::Bytes)?;
        visitor.visit_bytes(BYTES[choice % BYTES.len()])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        let choice = self.ask(|known| matches!(known, Kind::Any), Kind::Any)?;
        let Self { walk, depth, .. } = self;
        let nowhere = &mut Node::default();
        match choice.checked_sub(TEXTS.len()) {
            None if choice == 0 => visitor.visit_unit(),
            None => visitor.visit_str(TEXTS[choice - 1].1),
            Some(0) => visitor.visit_str(TEXTS[TEXTS.len() - 1].1),
            Some(1) => visitor.visit_u64(0),
            Some(2) => visitor.visit_f64(1.0),
            Some(3) => visitor.visit_bool(false),
            Some(4) => visitor.visit_seq(Elements { node: nowhere, walk, depth, left: 0 }),
            Some(_) => {
                let entry = &mut (Node::default(), Node::default());
                visitor.visit_map(Entries { entry, walk, depth, left: 0 })
            }
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.plain("null")?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        let is_known = |known: &Kind| matches!(known, Kind::Option(_));
        let choice = self.ask(is_known, Kind::Option(Box::default()))?;
        let Self { node, walk, depth } = self;
        let Kind::Option(inner) = &mut node.kind else { return Err(Refused::Otherwise) };
        if choice > 0 || walk.made_up > 0 {
            return visitor.visit_none();
        }
        let value = visitor.visit_some(Step { node: inner, walk, depth: depth + 1 });
        leave_empty(value, &mut node.choice, walk)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.into_type((name, &[]), |Step { node, walk, depth }| {
            visitor.visit_newtype_struct(Step { node, walk, depth: depth + 1 })
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        let is_known = |known: &Kind| matches!(known, Kind::List(_));
        let choice = self.ask(is_known, Kind::List(Box::default()))?;
        let Self { node, walk, depth } = self;
        let Kind::List(element) = &mut node.kind else { return Err(Refused::Otherwise) };
        let left = if walk.made_up > 0 { 0 } else { [1, 0, 2][choice % 3] };
        let value = visitor.visit_seq(Elements { node: element, walk, depth, left });
        leave_empty(value, &mut node.choice, walk)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let is_known = |known: &Kind| matches!(known, Kind::Tuple(parts) if parts.len() == len);
        let parts = std::iter::repeat_with(Node::default).take(len.min(MAX_TUPLE)).collect();
        self.ask(is_known, Kind::Tuple(parts))?;
        let Self { node, walk, depth } = self;
        let Kind::Tuple(parts) = &mut node.kind else { return Err(Refused::Otherwise) };
        visitor.visit_seq(Parts { nodes: parts.iter_mut(), walk, depth })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.into_type((name, &[]), |step| step.deserialize_tuple(len, visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        let is_known = |known: &Kind| matches!(known, Kind::Map(_));
        let choice = self.ask(is_known, Kind::Map(Box::default()))?;
        let Self { node, walk, depth } = self;
        let Kind::Map(entry) = &mut node.kind else { return Err(Refused::Otherwise) };
        let left = usize::from(choice == 0 && walk.made_up == 0);
        let value = visitor.visit_map(Entries { entry, walk, depth, left });
        leave_empty(value, &mut node.choice, walk)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.into_type((name, fields), |step| step.fields(fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.into_type((name, variants), |mut step| {
            let is_known = |known: &Kind| matches!(known, Kind::Enum(e) if e.is_of(variants));
            step.ask(is_known, Kind::Enum(Enum::of(variants)))?;
            let Step { node, walk, depth } = step;
            let Kind::Enum(cases) = &mut node.kind else { return Err(Refused::Otherwise) };
            cases.chosen = match walk.made_up {
                0 => cases.choose(),
                _ => walk.rotation % variants.len().max(1),
            };
            let Some(case) = cases.variants.get_mut(cases.chosen) else {
                return Err(Refused::Otherwise); // an enum without variants has no value
            };
            let before = walk.learned;
            let value = visitor.visit_enum(Chosen { case, walk, depth });
            if value.is_ok() && walk.learned == before && !case.is_done {
                case.is_done = true;
                walk.learn();
            }
            value
        })
    }

    forward_to_deserialize_any! { ignored_any }
}

/// More parts than any payload would have as a tuple.
const MAX_TUPLE: usize = 4096;

/// Where a type recurses through an option, a list or a map: gives none from now on. What it
/// would hold is known by then.
fn leave_empty<R>(
    value: Result<R, Refused>,
    choice: &mut usize,
    walk: &mut Walk,
) -> Result<R, Refused> {
    match value {
        // Not if it lies outside of the type that recurses: that one is still to be seen.
        Err(Refused::Recursion { into }) if into < walk.inside.len() => {
            *choice = 1;
            walk.learn();
            Err(Refused::Learned)
        }
        value => value,
    }
}
