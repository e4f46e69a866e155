//! Reads, and questions that are reads below.

use es_core::{Error, ErrorKind, Result};

use super::Play;
use crate::{
    machine::{
        compare::{Mismatch, compare_fold, compare_read, failed, list},
        draft::scoped,
        model::Answer,
        operation::{FindPlan, ReadPlan, StreamAt, Whose},
    },
    sample::folded,
};

impl Play<'_> {
    pub(super) async fn read(&mut self, plan: &ReadPlan) -> Result<(), Mismatch> {
        let wanted = self.resolver().read(plan);
        self.told.say(|| wanted.to_string());
        let answer = self.model.answer(&wanted.meaning());
        self.count_read(&answer);
        let handle = wanted.handle(self.store);
        let came = handle.read(wanted.read.clone()).into_vec().await;
        self.told.came(|| match &came {
            Ok(events) => list(events.iter().map(|event| event.envelope())),
            Err(error) => failed(error),
        });
        compare_read(&answer, &came)?;
        compare_fold(&came, &folded(&handle, wanted.read).await)
    }

    pub(super) async fn version(&mut self, whose: Whose, at: StreamAt) -> Result<(), Mismatch> {
        let stream = self.names.stream(at, whose);
        let scope = self.resolver().scope(whose);
        self.told.say(|| format!("ask for the version of {stream}"));
        let version = scoped(self.store, scope.as_ref()).version(&stream).await;
        self.tally.reads += 1;
        self.equal(self.model.version(&stream), version)
    }

    pub(super) async fn find(&mut self, plan: FindPlan) -> Result<(), Mismatch> {
        let resolver = self.resolver();
        let scope = resolver.scope(plan.whose);
        let id = match plan.is_known {
            true => resolver.event_id(plan.event),
            false => resolver.absent_id(plan.event),
        };
        self.told.say(|| match &scope {
            Some(tenant) => format!("find event {id} of tenant {tenant}"),
            None => format!("find event {id}"),
        });
        let found = scoped(self.store, scope.as_ref()).find(id).await;
        let is_seen = |tenant| scope.as_ref().is_none_or(|scope| tenant == Some(scope));
        let known = self.model.find(id).filter(|event| is_seen(event.stream.tenant())).cloned();
        self.tally.reads += 1;
        compare_read(&Answer::Events(known.into_iter().collect()), &found.map(Vec::from_iter))
    }

    pub(super) async fn head(&mut self) -> Result<(), Mismatch> {
        self.told.say(|| "ask for the head".to_owned());
        let head = self.store.head().await;
        let wanted = es_core::Head::new(self.model.log(), self.model.head());
        self.equal(wanted, head)
    }

    pub(super) fn count_read(&mut self, answer: &Answer) {
        match answer {
            Answer::Events(events) => {
                self.tally.reads += 1;
                self.tally.events += events.len() as u64;
            }
            Answer::Refused(ErrorKind::Unsupported) => self.tally.unsupported += 1,
            Answer::Refused(_) => {}
        }
    }

    /// Compares what is one value.
    pub(super) fn equal<T: PartialEq + std::fmt::Debug>(
        &mut self,
        wanted: T,
        came: Result<T, Error>,
    ) -> Result<(), Mismatch> {
        match came {
            Ok(came) if came == wanted => Ok(()),
            Ok(came) => Err(Mismatch::new(format!("{wanted:?}"), format!("{came:?}"))),
            Err(error) => Err(Mismatch::new(format!("{wanted:?}"), failed(&error))),
        }
    }
}
