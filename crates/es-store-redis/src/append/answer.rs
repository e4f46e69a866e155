//! What the script answers, as receipts and refusals.

use es_core::{
    AppendRequest, ConditionFailed, Conflict, Error, EventId, LogId, Position, Receipt, Result,
    Timestamp, Version,
};
use es_redis::Reply;

use super::call::demand;
use crate::error::{damaged, replaced};

/// What the script decided.
pub(super) enum Answer {
    Written(Receipt),
    Refused(Error),
    /// The log ends here, before what was seen of it.
    Back(Position),
    /// The anchor is not where it was.
    Other,
    /// This event is there already, at this position: a repetition or a clash.
    Known(EventId, Position),
    /// The conditions reach too far back to be looked at in the script; the log ends here.
    Look(Position),
}

impl Answer {
    /// An answer that makes no sense comes after a script that may have written.
    pub(super) fn of(reply: Reply, request: &AppendRequest, log: LogId) -> Result<Self> {
        let mut parts = Parts(reply.array("an append").map_err(damaged)?.into_iter());
        let word = parts.text()?;
        Ok(match word.as_str() {
            "OK" => Self::Written(parts.receipt(request, log)?),
            "LOG" => Self::Refused(replaced(log, &parts.text()?)),
            "BACK" => Self::Back(Position::new(parts.count()?)),
            "OTHER" => Self::Other,
            "KNOWN" => {
                let (at, position) = (parts.index()?, Position::new(parts.count()?));
                let (_, event) = request.events().nth(at).ok_or_else(nonsense)?;
                Self::Known(event.id, position)
            }
            "CONFLICT" => {
                let (at, actual) = (parts.index()?, Version::after(None, parts.count()?));
                let (stream, expected) = demand(request, at).ok_or_else(nonsense)?;
                Self::Refused(Conflict::new(stream.clone(), expected, actual).into())
            }
            "UNLESS" => {
                let (at, found) = (parts.index()?, Position::new(parts.count()?));
                let unless = request.unless().get(at).ok_or_else(nonsense)?;
                let failed = ConditionFailed::new(unless.query.clone(), unless.after, found);
                Self::Refused(failed.into())
            }
            "LOOK" => Self::Look(Position::new(parts.count()?)),
            _ => return Err(nonsense()),
        })
    }
}

struct Parts(std::vec::IntoIter<Reply>);

impl Parts {
    fn next(&mut self) -> Result<Reply> {
        self.0.next().ok_or_else(nonsense)
    }

    fn text(&mut self) -> Result<String> {
        self.next()?.text("an append").map_err(damaged)
    }

    fn count(&mut self) -> Result<u64> {
        self.next()?.count("an append").map_err(damaged)
    }

    fn index(&mut self) -> Result<usize> {
        usize::try_from(self.count()?).map_err(damaged)
    }

    fn receipt(&mut self, request: &AppendRequest, log: LogId) -> Result<Receipt> {
        let (first, last) = (Position::new(self.count()?), Position::new(self.count()?));
        let at = Timestamp::from_micros(i64::try_from(self.count()?).map_err(damaged)?);
        let bases = self.next()?.array("an append").map_err(damaged)?;
        let mut versions = Vec::with_capacity(bases.len());
        for (write, base) in request.streams().iter().zip(bases) {
            let base = base.count("an append").map_err(damaged)?;
            let version = Version::new(base.saturating_add(write.events.len() as u64))?;
            versions.push((write.stream.clone(), version));
        }
        Ok(Receipt::new(log, first, last, at, versions))
    }
}

fn nonsense() -> Error {
    damaged("the answer to an append makes no sense")
}
