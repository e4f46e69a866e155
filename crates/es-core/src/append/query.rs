//! Which events are meant: by type and by tag.

use std::{borrow::Cow, fmt};

use super::request::at_most;
use crate::{Event, EventType, Invalid, Schema, Tag, Tags, limits};

/// Which events are meant: any of several alternatives, each naming types (any of them)
/// and tags (all of them).
///
/// ```
/// use es_core::{EventType, Query, Tag};
///
/// let seats_taken = Query::tagged(Tag::new("course", "c1")?)
///     .of_types([EventType::from_static("student.subscribed")])
///     .or(Query::tagged(Tag::new("student", "s7")?));
/// assert_eq!(seats_taken.items().len(), 2);
/// # Ok::<(), es_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    /// Borrowed where every event is meant, as it is in most reads.
    items: Cow<'static, [QueryItem]>,
}

/// One alternative of a [`Query`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct QueryItem {
    /// Any of these types; none named means any type.
    pub types: Vec<EventType>,
    /// All of these tags.
    pub tags: Vec<Tag>,
}

impl Query {
    /// Every event.
    #[must_use]
    pub const fn any() -> Self {
        const ANY: &[QueryItem] = &[QueryItem { types: Vec::new(), tags: Vec::new() }];
        Self { items: Cow::Borrowed(ANY) }
    }

    /// The events that `E` can decode, by their names.
    #[must_use]
    pub fn events<E: Event>() -> Self {
        Self::any().of_types(E::SCHEMAS.iter().map(|schema| schema.name.clone()))
    }

    /// The events with this tag.
    #[must_use]
    pub fn tagged(tag: Tag) -> Self {
        Self::any().and_tagged(tag)
    }

    /// Of these, the ones of the named types. Named again, only types in both lists stay.
    #[must_use]
    pub fn of_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        let types: Vec<EventType> = types.into_iter().collect();
        self.items.to_mut().retain_mut(|item| {
            if item.types.is_empty() {
                item.types.clone_from(&types);
            } else {
                item.types.retain(|name| types.contains(name));
            }
            !item.types.is_empty()
        });
        self
    }

    /// Of these, the ones that also have this tag.
    #[must_use]
    pub fn and_tagged(mut self, tag: Tag) -> Self {
        for item in self.items.to_mut() {
            if !item.tags.contains(&tag) {
                item.tags.push(tag.clone());
            }
        }
        self
    }

    /// These and those.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.items.to_mut().extend(other.items.into_owned());
        self
    }

    /// The alternatives. None at all means that no event is meant.
    #[must_use]
    pub fn items(&self) -> &[QueryItem] {
        &self.items
    }

    /// Whether every event is meant.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.items.iter().any(|item| item.types.is_empty() && item.tags.is_empty())
    }

    /// Whether an event with this schema and these tags is meant.
    #[must_use]
    pub fn matches(&self, schema: &Schema, tags: &Tags) -> bool {
        self.items.iter().any(|item| item.matches(schema, tags))
    }

    /// Whether an event with these tags is meant, whatever its type.
    pub(crate) fn matches_of_any_type(&self, tags: &Tags) -> bool {
        self.items.iter().any(|item| item.types.is_empty() && item.has_tags(tags))
    }

    /// This query with `change` done to the types of each alternative that names some.
    pub(crate) fn with_each_types(mut self, change: impl Fn(&mut Vec<EventType>)) -> Self {
        self.items
            .to_mut()
            .iter_mut()
            .filter(|i| !i.types.is_empty())
            .for_each(|i| change(&mut i.types));
        self
    }

    /// How many names and tags there are.
    pub(crate) fn terms(&self) -> usize {
        self.items.iter().map(|item| item.types.len() + item.tags.len()).sum()
    }

    pub(crate) fn check(&self) -> Result<(), Invalid> {
        at_most("names and tags in one query", self.terms(), limits::MAX_QUERY_TERMS)?;
        self.items.iter().flat_map(|item| &item.types).try_for_each(EventType::check)
    }
}

impl QueryItem {
    fn matches(&self, schema: &Schema, tags: &Tags) -> bool {
        (self.types.is_empty() || self.types.contains(&schema.name)) && self.has_tags(tags)
    }

    fn has_tags(&self, tags: &Tags) -> bool {
        self.tags.iter().all(|tag| tags.contains(tag))
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return f.write_str("no event");
        }
        for (at, item) in self.items.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " or " })?;
            match (item.types.is_empty(), item.tags.is_empty()) {
                (true, true) => f.write_str("any event")?,
                (false, true) => write!(f, "types {:?}", item.types)?,
                (true, false) => write!(f, "tags {:?}", item.tags)?,
                (false, false) => write!(f, "types {:?} with tags {:?}", item.types, item.tags)?,
            }
        }
        Ok(())
    }
}
