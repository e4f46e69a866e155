//! Which partition a stream belongs to.

use std::{fmt, str::FromStr};

use es_core::StreamId;

/// What of a stream's name decides about its partition. Streams that agree in it are in one
/// partition, so one append may reach all of them.
///
/// The text below is hashed with FNV-1a of 64 bits, behind it comes the last step of
/// MurmurHash3, and the lower half of that, times the number of partitions, divided by 2^32,
/// is the partition. None of it will ever change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// The whole name, `tenant@category/key`: the most even, and nothing is kept together.
    ByStream,
    /// `tenant@/key`: the streams of one key are together, whatever their categories:
    /// `order/17` and `shipment/17`.
    ByKey,
    /// `tenant@category/`: all streams of a category are together.
    ByCategory,
    /// `tenant@`: all streams of a tenant are together, and all that have none.
    ByTenant,
}

impl Placement {
    /// The partition of a stream, counted from 0, where there are `count`.
    pub(crate) fn partition(self, stream: &StreamId, count: u16) -> u16 {
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
        if matches!(self, Self::ByStream | Self::ByCategory) {
            add(stream.category().as_str());
        }
        if self != Self::ByTenant {
            add("/");
        }
        if matches!(self, Self::ByStream | Self::ByKey) {
            add(stream.key().as_str());
        }
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^= hash >> 33;
        // The lower half: the slices of a projection go by the upper one, and a partition
        // whose streams agreed in that would be one slice.
        let partition = (u64::from(count) * (hash & 0xffff_ffff)) >> 32;
        u16::try_from(partition).unwrap_or(u16::MAX) // below `count`
    }

    /// The remedy for an append that reaches several partitions.
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::ByStream => {
                "place together what is appended together, by key, category or tenant (`Placement`, \
                 when the partitions are made), or use one partition"
            }
            _ => "give them what their placement goes by in common, or use one partition",
        }
    }
}

/// As it is written on the server.
impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByStream => "stream",
            Self::ByKey => "key",
            Self::ByCategory => "category",
            Self::ByTenant => "tenant",
        })
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::ByStream, Self::ByKey, Self::ByCategory, Self::ByTenant];
        let found = all.into_iter().find(|placement| placement.to_string() == text);
        found.ok_or_else(|| format!("no placement that this release knows: {text}"))
    }
}

#[cfg(test)]
mod tests;
