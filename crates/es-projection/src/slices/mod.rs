//! A projection in slices: each takes the streams that fall to it, with a checkpoint and an
//! owner of its own.
//!
//! Here: which streams fall to which slice. That all processes agree on the number of slices
//! is up to `layout`, how slices are spread over processes up to `share`, and who is alive up to
//! `signs`.

mod layout;
mod share;
mod signs;

use std::fmt;

use es_core::{Result, StreamId, SubscriberName};

pub(crate) use layout::{Layout, Phase, Settled, misfit};
pub(crate) use share::{Member, Share};
pub(crate) use signs::{Signs, nobody};

/// More slices than this are refused: each costs a checkpoint that is saved and looked at.
pub(crate) const MOST: u16 = 256;

/// One of the slices of a projection: the streams whose hash falls into it. All events of a
/// stream are in one slice, so their order holds; events of different slices have none.
///
/// Written as `2of8`; the progress of a slice is kept under `orders-v1.2of8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slice {
    /// From zero.
    index: u16,
    count: u16,
}

impl Slice {
    /// All slices where there are `count`.
    pub(crate) fn all(count: u16) -> impl Iterator<Item = Self> {
        (0..count).map(move |index| Self { index, count })
    }

    /// Which one it is, from 1.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.index + 1
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.count
    }

    pub(crate) const fn index(self) -> u16 {
        self.index
    }

    /// Whether the events of `stream` are in this slice.
    ///
    /// It is the same in every release and on every machine: were it not, two processes
    /// would both take a stream, or neither.
    #[must_use]
    pub fn covers(self, stream: &StreamId) -> bool {
        // The upper half of a product spreads over `count` evenly, and needs no division.
        let at = (u64::from(self.count) * (hash(stream) >> 32)) >> 32;
        at == u64::from(self.index)
    }

    /// The name that the progress of this slice of `whole` is kept under.
    pub(crate) fn subscriber(self, whole: &SubscriberName) -> Result<SubscriberName> {
        SubscriberName::new(format!("{whole}.{self}"))
    }
}

/// The name of the place number `number` of those who work on slices of `whole`.
pub(crate) fn member(whole: &SubscriberName, number: u16) -> Result<SubscriberName> {
    SubscriberName::new(format!("{whole}.member-{number}"))
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}of{}", self.number(), self.count)
    }
}

/// FNV-1a (Fowler, Noll, Vo) over the name as it is written, and behind it the last step of
/// MurmurHash3 (Appleby): names that differ in their last letter only differ in the upper
/// bits of the first hash too little.
fn hash(stream: &StreamId) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    if let Some(tenant) = stream.tenant() {
        add(tenant.as_str());
        add("@");
    }
    add(stream.category().as_str());
    add("/");
    add(stream.key().as_str());
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests;
