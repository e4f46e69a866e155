//! Followers: they catch up, and again after each append, without a seam.

use std::sync::Arc;

use es_core::{Envelope, ErrorKind, Follow, FollowStream, Head, Position, Read, Recorded, Result};

use super::Play;
use crate::machine::{
    compare::{Mismatch, compare_events, failed},
    model::Answer,
    operation::{AppendPlan, ReadPlan},
};

/// How a follower came to rest.
#[derive(Debug, PartialEq)]
enum Rest {
    CaughtUp(Head),
    Ended,
    Failed(ErrorKind, String),
    /// It yields more than there is.
    TooMuch,
}

impl Play<'_> {
    pub(super) async fn follow(
        &mut self,
        plan: &ReadPlan,
        appends: &[AppendPlan],
    ) -> Result<(), Mismatch> {
        let mut wanted = self.resolver().read(plan);
        // One of no events at all would be over before it began.
        wanted.read.limit = wanted.read.limit.map(|limit| limit.max(1));
        self.told.say(|| format!("follow: {wanted}"));
        let mut meaning = wanted.meaning();
        let mut following = wanted.handle(self.store).follow(wanted.read);
        if let Some(kind) = self.refusal(&meaning) {
            let (seen, rest) = run(&mut following, 0).await;
            compare_events(&[], &seen)?;
            return match rest {
                Rest::Failed(found, _) if found == kind => Ok(()),
                rest => Err(Mismatch::new(format!("refused: {kind}"), format!("{rest:?}"))),
            };
        }
        let mut left = meaning.limit.take();
        for append in std::iter::once(None).chain(appends.iter().map(Some)) {
            if let Some(append) = append {
                let draft = self.resolver().append(append);
                self.append(&draft).await?;
                self.told.say(|| "follow on".to_owned());
            }
            if append.is_some() && !self.moved(&meaning) {
                continue; // nothing was written, so there is nothing to wait for
            }
            let mut new = self.new_events(&meaning);
            new.truncate(left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or_default()));
            left = left.map(|left| left.saturating_sub(new.len() as u64));
            let head = Head::new(self.model.log(), self.model.head());
            let is_at_its_end = left == Some(0);
            let (seen, rest) = run(&mut following, new.len()).await;
            compare_events(&new, &seen)?;
            let wanted = if is_at_its_end { Rest::Ended } else { Rest::CaughtUp(head) };
            if rest != wanted {
                return Err(Mismatch::new(format!("{wanted:?}"), format!("{rest:?}")));
            }
            self.tally.follows += 1;
            if is_at_its_end {
                break;
            }
            meaning.after = Some(self.model.head());
        }
        Ok(())
    }

    /// Why the follower cannot begin, if so.
    fn refusal(&self, meaning: &Read) -> Option<ErrorKind> {
        if let Answer::Refused(kind) = self.model.answer(meaning) {
            return Some(kind);
        }
        // A follower starts where it has been, so the log must have come that far.
        let is_beyond = meaning.after.is_some_and(|after| after > self.model.head());
        is_beyond.then_some(ErrorKind::LogDiverged)
    }

    fn new_events(&self, meaning: &Read) -> Vec<Arc<Envelope>> {
        match self.model.answer(meaning) {
            Answer::Events(events) => events,
            Answer::Refused(_) => Vec::new(),
        }
    }

    fn moved(&self, meaning: &Read) -> bool {
        self.model.head() > meaning.after.unwrap_or(Position::START)
    }
}

/// Polls until it rests. A follower that has yielded the last event of its limit ends.
async fn run(following: &mut FollowStream, most: usize) -> (Vec<Recorded>, Rest) {
    let mut seen = Vec::new();
    let rest = loop {
        match following.next().await {
            Some(Ok(Follow::Event(event))) => {
                seen.push(event);
                if seen.len() > most {
                    break Rest::TooMuch;
                }
            }
            Some(Ok(Follow::CaughtUp(head))) => break Rest::CaughtUp(head),
            Some(Err(error)) => break Rest::Failed(error.kind(), failed(&error)),
            None => break Rest::Ended,
        }
    };
    (seen, rest)
}
