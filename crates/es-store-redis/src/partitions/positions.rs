//! Where a reader of all partitions is: a position in each.

use es_core::{Head, LogId, Position};
use serde::{Deserialize, Serialize};

/// Where a reader of all partitions is: a position in each of them, and which log that is.
///
/// There is no order between positions of two partitions, so there is none between two of
/// these either: one may be ahead in one partition and behind in another. It is kept as
/// text by serde, as a checkpoint to go on from.
///
/// ```
/// # fn resume(kept: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use es_store_redis::RedisPositions;
///
/// let positions: RedisPositions = serde_json::from_str(kept)?;
/// assert_eq!(serde_json::to_string(&positions)?, kept);
/// # Ok(())
/// # }
/// # resume(r#"[{"log":"67e55044-10b1-426f-9247-bb680e5fe0c8","position":7}]"#).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedisPositions(Vec<Place>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    log: LogId,
    position: Position,
}

impl RedisPositions {
    pub(super) fn of(heads: impl IntoIterator<Item = Head>) -> Self {
        let places = heads.into_iter().map(|Head { log, position, .. }| Place { log, position });
        Self(places.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The log of a partition, counted from 0, and the position in it; `None` behind the last.
    #[must_use]
    pub fn get(&self, partition: usize) -> Option<Head> {
        self.0.get(partition).map(|place| Head::new(place.log, place.position))
    }

    /// The log and the position of each partition, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Head> {
        self.0.iter().map(|place| Head::new(place.log, place.position))
    }

    pub(super) fn advance(&mut self, partition: usize, position: Position) {
        if let Some(place) = self.0.get_mut(partition) {
            place.position = place.position.max(position);
        }
    }
}
