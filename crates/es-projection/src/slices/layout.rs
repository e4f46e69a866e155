//! What all processes agree on: into how many slices a projection is cut, where the slices
//! begin, and whether they may work now.
//!
//! *Hazard.* One process that cuts into 4 and another that cuts into 8, or not at all, would
//! each apply all events: every row twice.
//! *Mechanism.* The checkpoint of the whole (`orders-v2`, where slices have `orders-v2.1of4`)
//! belongs to no worker then. Its position is where the slices begin, and in place of the
//! event it has a mark that says how many there are. The mark is set by an `advance`, which
//! the epoch of a claim guards: of two that set it at once, one is fenced, gives way and looks
//! again.
//! Whoever claims a slice looks at the mark behind its claim, and works only if it fits.
//! *Why it is sound.* The mark changes only while nobody works: whoever changes it first
//! marks it as closed, then claims every slice. A claim from before that is fenced, and one
//! from after it finds the mark closed.
//! *What it costs.* One more look for each claim, and a name that no worker can use.

use es_core::{
    Checkpoint, Diverged, Error, ErrorKind, EventId, Invalid, LogId, Owner, Position, Progress,
    Result, SubscriberName,
};
use uuid::Uuid;

use crate::{engine::Progresses, give_way::GiveWay};

/// What marks an event id as none: the first half of a version 8 UUID ("vendor specific",
/// RFC 9562), which no store and no generator of ids makes.
const MAGIC: u64 = 0x6573_2d73_6c69_8365;

/// The layout of one version of a projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) count: u16,
    pub(crate) phase: Phase,
}

/// Whether slices may work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// They may.
    Open,
    /// They may not: a replay has begun, and has not changed any rows.
    Closed,
    /// They may not: a replay has changed the rows, and now moves the slices.
    Moving,
}

/// What is known of the slices.
pub(crate) enum Settled {
    /// They may work, and begin behind this position.
    From(Position),
    /// They may not, for this reason: a replay is under way, or has broken off. Nobody can tell
    /// which of the two.
    Replayed(Error),
}

impl Layout {
    /// The layout that a checkpoint of a whole tells, if it is in slices.
    pub(crate) fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let (upper, lower) = checkpoint.event?.as_uuid().as_u64_pair();
        if upper != MAGIC {
            return None;
        }
        let phase = match (lower >> 16) & 0xff {
            0 => Phase::Open,
            1 => Phase::Closed,
            _ => Phase::Moving,
        };
        let count = u16::try_from(lower & 0xffff).ok()?;
        Some(Self { count, phase })
    }

    /// The mark that tells it.
    pub(crate) fn mark(self) -> EventId {
        let phase: u64 = match self.phase {
            Phase::Open => 0,
            Phase::Closed => 1,
            Phase::Moving => 2,
        };
        let lower = 0x8000_0000_0000_0000 | phase << 16 | u64::from(self.count);
        EventId::from_uuid(Uuid::from_u64_pair(MAGIC, lower))
    }

    /// Makes sure that `whole` is in `count` slices, which it becomes if it was nothing or a
    /// projection without slices so far, and says where they begin.
    ///
    /// # Errors
    /// `Invalid` when it is in another number of slices; `LogDiverged`; those of the store.
    pub(crate) async fn settle(
        store: &dyn Progresses,
        whole: &SubscriberName,
        log: LogId,
        owner: &Owner,
        count: u16,
    ) -> Result<Settled> {
        let mut give_way = GiveWay::new();
        loop {
            if let Some(known) = store.checkpoint(whole).await?
                && let Some(layout) = Self::of(&known)
            {
                if known.log != log {
                    return Err(Diverged::Replaced { expected: known.log, found: log }.into());
                }
                return layout.admit(whole, count, known.position);
            }
            // Once before the claim, so that nobody is fenced for nothing, and once behind it,
            // since when nobody parks anything.
            refuse_parked(store, whole).await?;
            let claimed = store.claim(whole, log, owner).await?;
            if Self::of(&claimed).is_some() {
                continue;
            }
            refuse_parked(store, whole).await?;
            let mark = Self { count, phase: Phase::Open }.mark();
            let progress = Progress::from(&claimed, claimed.position).with_event(mark);
            match store.advance(&progress).await {
                Ok(()) => return Ok(Settled::From(claimed.position)),
                // Somebody else is at it.
                Err(error) if error.kind() == ErrorKind::Fenced => give_way.wait().await,
                Err(error) => return Err(error),
            }
        }
    }

    fn admit(self, whole: &SubscriberName, count: u16, begin: Position) -> Result<Settled> {
        if self.count != count {
            return Err(misfit(whole, self.count, count));
        }
        match self.phase {
            Phase::Open => Ok(Settled::From(begin)),
            Phase::Closed | Phase::Moving => {
                let message = format!("{whole} is being replayed: if that broke off, run it again");
                Ok(Settled::Replayed(Error::new(ErrorKind::Busy, message)))
            }
        }
    }
}

async fn refuse_parked(store: &dyn Progresses, whole: &SubscriberName) -> Result<()> {
    if store.dead_letters(whole, Position::START, 1).await?.is_empty() {
        return Ok(());
    }
    let message =
        format!("{whole} has parked events: retry or skip them before it is cut into slices");
    Err(Error::new(ErrorKind::Invalid, message))
}

/// The error of a program that cuts otherwise than the rows were made.
pub(crate) fn misfit(whole: &SubscriberName, is: u16, asked: u16) -> Error {
    Error::from(Invalid::Setting {
        setting: "the slices of a projection",
        value: format!("{asked} for {whole}, whose progress is kept in {is}"),
        remedy: "keep their number, or raise the version and rebuild",
    })
}

#[cfg(test)]
mod tests {
    //! The mark, there and back.

    use super::*;

    #[test]
    fn a_mark_tells_the_layout_and_an_event_does_not() {
        let name = SubscriberName::from_static("orders-v1");
        let mut checkpoint = Checkpoint::first(name, LogId::generate(), Owner::new("me"));
        assert_eq!(Layout::of(&checkpoint), None);
        checkpoint.event = Some(EventId::new());
        assert_eq!(Layout::of(&checkpoint), None);
        for phase in [Phase::Open, Phase::Closed, Phase::Moving] {
            for count in [2, 255, 256] {
                let layout = Layout { count, phase };
                checkpoint.event = Some(layout.mark());
                assert_eq!(Layout::of(&checkpoint), Some(layout));
            }
        }
        let uuid = Layout { count: 2, phase: Phase::Open }.mark().as_uuid();
        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (8, uuid::Variant::RFC4122));
    }
}
