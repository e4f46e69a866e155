//! Several at once: appends that race, waits beside an append, a read beside a writer.
//!
//! They take turns on one thread. That cannot find every race, but it finds a store that
//! looks first and acts later, and always in the same history.

use es_core::{Direction, Position, Read, Receipt, Result, Store};
use futures_util::future::{join_all, try_join};

use super::Play;
use crate::{
    machine::{
        compare::{Mismatch, compare_read},
        draft::Draft,
        model::{Answer, Model, Outcome, shown},
        operation::{Contender, NotePlan, ReadPlan},
    },
    tasks::turns,
};

impl Play<'_> {
    /// Appends that begin at once. Their answers must be those of some order.
    pub(super) async fn together(&mut self, contenders: &[Contender]) -> Result<(), Mismatch> {
        let drafts = self.contenders(contenders);
        self.told.say(|| {
            let drafts: Vec<String> = drafts.iter().map(|draft| format!("\n  + {draft}")).collect();
            format!("at the same time:{}", drafts.concat())
        });
        let appends = drafts.iter().map(|draft| {
            let (handle, append) = (draft.handle(self.store), draft.append());
            async move { handle.append(append).await }
        });
        let answers = join_all(appends).await;
        for answer in &answers {
            self.told.came(|| shown(answer));
        }
        let mut made = Vec::new();
        for (draft, answer) in drafts.into_iter().zip(answers) {
            let positions = self.positions(&draft, &answer).await?;
            made.push(Contended { draft, answer, positions });
        }
        let Some((model, outcomes)) = some_order(&self.model, &mut made) else {
            let answers: Vec<String> = made.iter().map(|one| shown(&one.answer)).collect();
            let expected = "the answers that come of them in one order or another";
            return Err(Mismatch::new(expected, answers.join("\n              ")));
        };
        self.model = model;
        outcomes.iter().for_each(|outcome| self.count(outcome));
        self.tally.contentions += 1;
        Ok(())
    }

    fn contenders(&self, plans: &[Contender]) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = Vec::new();
        for plan in plans {
            let draft = match plan {
                Contender::Append(plan) => Some(self.resolver().append(plan)),
                Contender::Retry(plan) => self.resolver().retry(plan),
                Contender::Twin => drafts.last().cloned(),
            };
            drafts.extend(draft);
        }
        drafts
    }

    /// Some wait for the log to grow while one appends. All of them must see it grow.
    pub(super) async fn wake(
        &mut self,
        waiters: &[u8],
        writer: u8,
        write: &NotePlan,
    ) -> Result<(), Mismatch> {
        let draft = self.resolver().note(write);
        self.told
            .say(|| format!("{} wait for the log to grow; beside them, {draft}", waiters.len()));
        let before = self.model.head();
        let waiting = waiters.iter().map(|late| until_grown(self.store, before, *late));
        let writing = async {
            turns(usize::from(writer)).await;
            draft.handle(self.store).append(draft.append()).await
        };
        // An append that fails wakes nobody, so then nobody is waited for.
        let waiting = async { Ok(join_all(waiting).await) };
        let (heads, answer) = match try_join(waiting, writing).await {
            Ok((heads, receipt)) => (heads, Ok(receipt)),
            Err(error) => (Vec::new(), Err(error)),
        };
        self.told.came(|| shown(&answer));
        let positions = self.positions(&draft, &answer).await?;
        let outcome = self.model.take(&draft, &answer, &positions)?;
        self.count(&outcome);
        for head in heads {
            self.equal(es_core::Head::new(self.model.log(), self.model.head()), head)?;
        }
        self.tally.wakes += 1;
        Ok(())
    }

    /// A read, and an append for each event that it yields. It must be as of some moment,
    /// and end; backward that moment is the first event's.
    pub(super) async fn read_while_writing(
        &mut self,
        plan: &ReadPlan,
        write: &NotePlan,
    ) -> Result<(), Mismatch> {
        let wanted = self.resolver().read(plan);
        let meaning = wanted.meaning();
        self.told.say(|| format!("{wanted}; for each event of it, an append"));
        let before = self.model.events().len();
        let mut reading = wanted.handle(self.store).read(wanted.read);
        let mut came = Ok(Vec::new());
        while let (Some(next), Ok(seen)) = (reading.next().await, &mut came) {
            match next {
                Ok(event) => seen.push(event),
                Err(error) => {
                    came = Err(error);
                    break;
                }
            }
            if seen.len() > 3 * before + 9 {
                let text = format!("{} events and more", seen.len());
                return Err(Mismatch::new("a read that ends", text));
            }
            let draft = self.resolver().note(write);
            self.append(&draft).await?;
        }
        drop(reading);
        let moments = match meaning.direction {
            Direction::Backward => before..=before,
            Direction::Forward => before..=self.model.events().len(),
        };
        self.as_of(&meaning, moments, &came)
    }

    /// Compares what came with what the read yields at any of these lengths of the log.
    fn as_of(
        &mut self,
        meaning: &Read,
        mut moments: std::ops::RangeInclusive<usize>,
        came: &Result<Vec<es_core::Recorded>>,
    ) -> Result<(), Mismatch> {
        let first: Answer = self.model.answer_at(meaning, *moments.start());
        self.count_read(&first);
        let at_first = compare_read(&first, came);
        let at_any = moments
            .any(|moment| compare_read(&self.model.answer_at(meaning, moment), came).is_ok());
        if at_any { Ok(()) } else { at_first }
    }
}

/// An append that was made while others were.
struct Contended {
    draft: Draft,
    answer: Result<Receipt>,
    positions: Vec<Position>,
}

/// The model after some order of the appends in which these answers come of them.
fn some_order(model: &Model, left: &mut Vec<Contended>) -> Option<(Model, Vec<Outcome>)> {
    if left.is_empty() {
        return Some((model.clone(), Vec::new()));
    }
    for at in 0..left.len() {
        let next = left.remove(at);
        let mut after = model.clone();
        let outcome = after.take(&next.draft, &next.answer, &next.positions);
        let rest = outcome.ok().and_then(|outcome| {
            let (model, mut outcomes) = some_order(&after, left)?;
            outcomes.push(outcome);
            Some((model, outcomes))
        });
        left.insert(at, next);
        if rest.is_some() {
            return rest;
        }
    }
    None
}

/// Waits as callers do: again, as long as it wakes early.
async fn until_grown(store: &Store, after: Position, late: u8) -> Result<es_core::Head> {
    turns(usize::from(late)).await;
    loop {
        let head = store.wait(after).await?;
        if head.position > after {
            return Ok(head);
        }
        turns(1).await; // one that wakes early must not starve the writer
    }
}
