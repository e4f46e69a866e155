//! How metadata is kept: in two words while it is no more than a correlation.
//!
//! *Hazard.* Every event in memory has metadata, and of most of them nothing is known but a
//! correlation; room for all that might be known would be most of an event. *Mechanism.* A
//! correlation alone lies inline. Whatever else there is lies behind a pointer, which takes
//! the room of the correlation's second half: that the first half is not zero tells the two
//! apart. *Cost.* A correlation that begins with eight zero bytes, which no generated UUID
//! does, lies behind the pointer too.

use std::{collections::BTreeMap, num::NonZeroU64};

use serde_json::Value;
use uuid::Uuid;

use crate::{Tenant, Timestamp};

/// Metadata in as little room as it needs. There is one form for each content, so equality
/// is that of the forms.
#[derive(Clone, PartialEq)]
pub(super) enum Held {
    /// Nothing but a correlation: the two halves of its UUID.
    Correlation(NonZeroU64, u64),
    /// All else, and nothing at all.
    Known(Option<Box<Known>>),
}

/// What may be known of an event. The nil UUID stands for none.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Known {
    pub(super) correlation: Uuid,
    pub(super) causation: Uuid,
    pub(super) more: Option<Box<More>>,
}

/// What is known of few events.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct More {
    pub(super) actor: Option<String>,
    pub(super) tenant: Option<Tenant>,
    pub(super) traceparent: Option<String>,
    pub(super) tracestate: Option<String>,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) extra: BTreeMap<String, Value>,
}

impl Held {
    pub(super) const NOTHING: Self = Self::Known(None);

    /// The correlation, or the nil UUID.
    pub(super) fn correlation(&self) -> Uuid {
        match self {
            Self::Correlation(first, second) => Uuid::from_u64_pair(first.get(), *second),
            Self::Known(known) => known.as_ref().map_or(Uuid::nil(), |known| known.correlation),
        }
    }

    /// The cause, or the nil UUID.
    pub(super) fn causation(&self) -> Uuid {
        match self {
            Self::Known(Some(known)) => known.causation,
            Self::Correlation(..) | Self::Known(None) => Uuid::nil(),
        }
    }

    pub(super) const fn more(&self) -> Option<&More> {
        match self {
            Self::Known(Some(known)) => match &known.more {
                Some(more) => Some(more),
                None => None,
            },
            Self::Correlation(..) | Self::Known(None) => None,
        }
    }

    /// The same with this correlation.
    pub(super) fn with_correlation(self, id: Uuid) -> Self {
        let (first, second) = id.as_u64_pair();
        match (&self, NonZeroU64::new(first)) {
            // What a store does for each event that it reads.
            (Self::Correlation(..) | Self::Known(None), Some(first)) => {
                Self::Correlation(first, second)
            }
            _ => self.with(|known| known.correlation = id),
        }
    }

    /// The same after `change`.
    pub(super) fn with(self, change: impl FnOnce(&mut Known)) -> Self {
        let mut known = match self {
            Self::Known(Some(known)) => known,
            bare => {
                let mut known = Known { correlation: bare.correlation(), ..Known::default() };
                change(&mut known);
                return known.bare().unwrap_or_else(|| Self::Known(Some(Box::new(known))));
            }
        };
        change(&mut known);
        known.bare().unwrap_or(Self::Known(Some(known)))
    }
}

impl Known {
    /// What is held of this if it needs no pointer.
    fn bare(&self) -> Option<Held> {
        if !self.causation.is_nil() || self.more.is_some() {
            return None;
        }
        let (first, second) = self.correlation.as_u64_pair();
        match NonZeroU64::new(first) {
            Some(first) => Some(Held::Correlation(first, second)),
            None => self.correlation.is_nil().then_some(Held::NOTHING),
        }
    }

    pub(super) fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}
