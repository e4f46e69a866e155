//! A read as a stream of pages.

use std::{collections::VecDeque, sync::Arc};

use es_core::{
    BareEvent, Diverged, ErrorKind, FoldStream, Head, PageStream, Position, Read, Recorded, Result,
    Selection, TenantScope,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;

use super::{cursor::Walk, item::Item, lists::Lists, moment, source::Source, stream::InStream};
use crate::error::damaged;

/// Events in the first page: enough for most streams, and at most 128 MiB where each is as
/// large as an event may be.
const FIRST_PAGE: u64 = 128;
/// Events in a later page at most.
const PAGE: u64 = 2_048;
/// Bytes of payload that a page is meant to have.
const PAGE_BYTES: u64 = 1 << 20;

/// The pages of a read.
pub(crate) fn pages(source: Arc<Source>, read: Read) -> PageStream {
    steps::<Recorded>(source, read).boxed()
}

/// The same events for a fold: without envelopes, where nothing has to be left out by them.
pub(crate) fn fold_pages(source: Arc<Source>, read: Read) -> FoldStream {
    match is_bare(&read) {
        true => steps(source, read).map_ok(<BareEvent as Item>::to_fold).boxed(),
        false => steps(source, read).map_ok(<Recorded as Item>::to_fold).boxed(),
    }
}

/// The pages of a read. While one is worked on, the next one is fetched.
fn steps<T: Item>(source: Arc<Source>, read: Read) -> impl Stream<Item = Result<Vec<T>>> + Send {
    let first = Step::Begin(read);
    stream::unfold((source, Some(Fetch::Later(Box::new(first)))), |(source, next)| async move {
        let step = match next? {
            Fetch::Later(step) => step.take(&source).await,
            Fetch::Now(mut task) => match (&mut task.0).await {
                Ok(step) => step,
                Err(error) => Err(damaged(error)),
            },
        };
        match step {
            Ok((page, next)) => {
                let next = next.map(|next| Fetch::begin(next, &source));
                Some((Ok(page), (source, next)))
            }
            Err(error) => Some((Err(error), (source, None))),
        }
    })
}

type Stepped<T> = Result<(Vec<T>, Option<Step>)>;

enum Fetch<T> {
    Later(Box<Step>),
    Now(Task<T>),
}

/// A page that is being fetched; it is given up with the read.
struct Task<T>(JoinHandle<Stepped<T>>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T: Item> Fetch<T> {
    fn begin(step: Step, source: &Arc<Source>) -> Self {
        let source = Arc::clone(source);
        Self::Now(Task(tokio::spawn(async move { step.take(&source).await })))
    }
}

/// Where a read has got to.
enum Step {
    Begin(Read),
    Going(Box<Going>),
}

struct Going {
    read: Read,
    places: Places,
    /// Events that were found and not fetched yet: places are cheap, records are not.
    budget: Budget,
    left: u64,
}

/// Where the next candidates are found.
pub(super) enum Places {
    Stream(InStream),
    Log(Walk),
    Lists(Lists),
    Event(VecDeque<Position>),
}

impl Places {
    async fn page<T: Item>(
        &mut self,
        source: &Source,
        read: &Read,
        most: u64,
    ) -> Result<(Vec<T>, bool)> {
        match self {
            Self::Stream(stream) => stream.page(source, most).await,
            Self::Log(walk) => walk.page(source, read, most).await,
            Self::Lists(lists) => lists.page(source, most).await,
            Self::Event(positions) => match positions.pop_front() {
                Some(position) => Ok((event(source, position).await?, false)),
                None => Ok((Vec::new(), false)),
            },
        }
    }
}

/// How many events a page may have, learnt from how large they are.
struct Budget {
    events: u64,
}

impl Budget {
    fn learn(&mut self, page: &[impl Item]) {
        if page.is_empty() {
            return;
        }
        let bytes: u64 =
            page.iter().map(|event| event.seen().payload.bytes().len() as u64 + 64).sum();
        let each = (bytes / page.len() as u64).max(1);
        let most = (self.events * 8).min(PAGE);
        self.events = (PAGE_BYTES / each).clamp(1, most);
    }
}

impl Step {
    async fn take<T: Item>(self, source: &Source) -> Stepped<T> {
        match self {
            Self::Begin(read) => begin(source, read).await,
            Self::Going(mut going) => {
                let (page, is_more) = going.page(source).await?;
                Ok((page, is_more.then_some(Self::Going(going))))
            }
        }
    }
}

impl Going {
    async fn page<T: Item>(&mut self, source: &Source) -> Result<(Vec<T>, bool)> {
        // A limit tells how much to fetch only where everything that is found is meant.
        let most = self.budget.events.min(if is_exact(&self.read) { self.left } else { u64::MAX });
        let (page, is_more) = match self.places.page(source, &self.read, most).await {
            // What makes no sense in this log makes some if another one is there, or none.
            Err(error) if error.kind() == ErrorKind::Fault => {
                source.check().await?;
                return Err(error);
            }
            found => found?,
        };
        let page = self.of(page);
        Ok((page, is_more && self.left > 0))
    }

    /// What is meant of the events that were found.
    fn of<T: Item>(&mut self, mut page: Vec<T>) -> Vec<T> {
        self.budget.learn(&page);
        page.retain(|event| event.is_meant(&self.read));
        page.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= page.len() as u64;
        page
    }
}

/// Whether all that is found where a read looks is meant, within its bounds.
fn is_exact(read: &Read) -> bool {
    let mut items = read.query.items().iter();
    // A list has one tag or one type of one tenant; without a tenant the log is gone through.
    read.query.is_any()
        || matches!(read.selection, Selection::All)
            && read.tenants != TenantScope::All
            && items.all(|item| item.tags.len() + usize::from(!item.types.is_empty()) == 1)
}

/// Whether no envelopes are needed to read it. A single event is not worth the question.
fn is_bare(read: &Read) -> bool {
    is_exact(read) && !matches!(read.selection, Selection::Event(_))
}

pub(super) async fn event<T: Item>(source: &Source, position: Position) -> Result<Vec<T>> {
    let entry = source.entry_with(position).await?;
    let (stream, version) = entry.place(position).ok_or_else(|| damaged("a place is missing"))?;
    let run = super::runs::Run { stream: stream.clone(), version, count: 1 };
    Ok(source.runs(&[run], None).await?.0)
}

/// Looks where the log ends, and finds the way through it.
async fn begin<T: Item>(source: &Source, mut read: Read) -> Stepped<T> {
    let budget = Budget { events: FIRST_PAGE };
    let left = read.limit.unwrap_or(u64::MAX);
    if let Selection::Stream(stream) = &read.selection
        && let Some(mut first) = InStream::from_the_start(stream, &read)
    {
        // The head is asked behind the list, so it is not before what the list has.
        let most = if read.query.is_any() { left } else { u64::MAX };
        let (page, head, is_more) = first.first(source, budget.events.min(most)).await?;
        bounded(source, &mut read, head)?;
        let mut going = Going { read, places: Places::Stream(first), budget, left };
        let page = going.of(page);
        let is_more = is_more && going.left > 0;
        return Ok((page, is_more.then(|| Step::Going(Box::new(going)))));
    }
    let head = source.head().await?;
    bounded(source, &mut read, head)?;
    let is_empty = read.query.items().is_empty() || left == 0;
    if is_empty || !moment::to_positions(source, &mut read).await? {
        return Ok((Vec::new(), None));
    }
    let places = match &read.selection {
        Selection::Stream(stream) => Places::Stream(InStream::at(source, stream, &read).await?),
        Selection::Event(id) => {
            let asked = es_redis::Command::new("HGET").key(source.keys.ids(*id));
            let asked = asked.arg(id.as_uuid().as_bytes().to_vec());
            let reply = source.ask(&[asked]).await?.swap_remove(0);
            let position = match reply.is_nil() {
                true => None,
                false => Some(Position::new(reply.count("an id").map_err(damaged)?)),
            };
            Places::Event(position.into_iter().collect())
        }
        _ => match Lists::of(source, &read).await? {
            Some(lists) => Places::Lists(lists),
            None => Places::Log(Walk::new(source, &read).await?),
        },
    };
    Ok((Vec::new(), Some(Step::Going(Box::new(Going { read, places, budget, left })))))
}

/// The read with its end at the head, if it may read this log at all.
fn bounded(source: &Source, read: &mut Read, head: Head) -> Result<()> {
    let expected = read.log.unwrap_or(source.log);
    for known in [source.log, expected] {
        if known != head.log {
            return Err(Diverged::Replaced { expected: known, found: head.log }.into());
        }
    }
    if read.log.is_some()
        && let Some(after) = read.after.filter(|after| *after > head.position)
    {
        return Err(Diverged::RolledBack { reader: after, head }.into());
    }
    read.until = Some(read.until.map_or(head.position, |until| until.min(head.position)));
    Ok(())
}
