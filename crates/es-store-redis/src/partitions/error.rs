//! What is refused because there are several partitions.

use std::{error::Error as StdError, fmt};

use es_core::{Error, ErrorKind, StreamId};

use super::Placement;

/// What is refused because there are several partitions: the source of an
/// [`Error`](es_core::Error) of the kind `Invalid`.
///
/// ```
/// use es_core::{Error, ErrorKind};
/// use es_store_redis::PartitionsError;
///
/// fn streams_apart(error: &Error) -> usize {
///     match PartitionsError::of(error) {
///         Some(PartitionsError::Apart { streams, .. }) => streams.len(),
///         _ => 0,
///     }
/// }
/// # assert_eq!(streams_apart(&Error::new(ErrorKind::Busy, "")), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionsError {
    /// An append reaches streams of several partitions.
    Apart {
        /// Each stream that it writes or requires, with its partition.
        streams: Vec<(StreamId, usize)>,
        /// How they were placed.
        placement: Placement,
    },
    /// A stream was asked for at the wrong partition.
    Elsewhere {
        /// The stream.
        stream: StreamId,
        /// Where it was asked for.
        asked: usize,
        /// Where it is.
        partition: usize,
    },
    /// There is no partition of this number.
    NoSuchPartition {
        /// The number.
        asked: usize,
        /// How many there are; they are counted from 0.
        count: usize,
    },
    /// The partitions were made with another number of them, or another placement.
    MadeOtherwise {
        /// How many there are, and how streams are placed.
        made: (usize, Placement),
        /// What was asked for.
        asked: (usize, Placement),
    },
    /// A vector of positions has another number of them than there are partitions.
    OtherPositions {
        /// How many it has.
        positions: usize,
        /// How many partitions there are.
        count: usize,
    },
    /// A condition is asked of all partitions.
    Condition,
}

impl PartitionsError {
    /// This error, where `error` is one.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        StdError::source(error)?.downcast_ref()
    }

    fn words(&self) -> String {
        match self {
            Self::Apart { streams, placement } => {
                let places = streams.iter().map(|(stream, at)| format!("{stream} in {at}"));
                let places = places.collect::<Vec<_>>().join(", ");
                let remedy = placement.remedy();
                format!("the streams of an append are in several partitions ({places}): {remedy}")
            }
            Self::Elsewhere { stream, asked, partition } => format!(
                "stream {stream} is in partition {partition}, not in {asked}: ask `of` for the \
                 store of a stream"
            ),
            Self::NoSuchPartition { asked, count } => {
                format!("there is no partition {asked}: there are {count}, counted from 0")
            }
            Self::MadeOtherwise { made, asked } => format!(
                "the log has {} partitions by {}, not {} by {}: open it as it was made, or copy \
                 its events into a log of another name",
                made.0, made.1, asked.0, asked.1
            ),
            Self::OtherPositions { positions, count } => format!(
                "{positions} positions do not tell where a reader of {count} partitions is: they \
                 are of another log"
            ),
            Self::Condition => "a condition over all partitions cannot be held: append to one \
                                partition, by `of` or `partition`, and it holds within that"
                .to_owned(),
        }
    }
}

/// What it is, without the details: those are in the error that it is the source of.
impl fmt::Display for PartitionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apart { .. } => "streams of several partitions in one append",
            Self::Elsewhere { .. } => "a stream of another partition",
            Self::NoSuchPartition { .. } => "no such partition",
            Self::MadeOtherwise { .. } => "another number of partitions, or another placement",
            Self::OtherPositions { .. } => "positions of other partitions",
            Self::Condition => "a condition over all partitions",
        })
    }
}

impl StdError for PartitionsError {}

impl From<PartitionsError> for Error {
    fn from(error: PartitionsError) -> Self {
        Self::new(ErrorKind::Invalid, error.words()).with_source(error)
    }
}
