//! A read as a stream of pages.

use std::{collections::VecDeque, sync::Arc};

use es_core::{Diverged, ErrorKind, Head, PageStream, Position, Read, Recorded, Result, Selection};
use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;

use super::{cursor::Walk, lists::Lists, moment, source::Source, stream::InStream};
use crate::error::damaged;

/// Events in the first page: enough for most streams, and at most 128 MiB where each is as
/// large as an event may be.
const FIRST_PAGE: u64 = 128;
/// Events in a later page at most.
const PAGE: u64 = 2_048;
/// Bytes of payload that a page is meant to have.
const PAGE_BYTES: u64 = 1 << 20;

/// The pages of a read. While one is worked on, the next one is fetched.
pub(crate) fn pages(source: Arc<Source>, read: Read) -> PageStream {
    let first = Step::Begin(read);
    let steps = stream::unfold(
        (source, Some(Fetch::Later(Box::new(first)))),
        |(source, next)| async move {
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
        },
    );
    steps.boxed()
}

type Stepped = Result<(Vec<Recorded>, Option<Step>)>;

enum Fetch {
    Later(Box<Step>),
    Now(Task),
}

/// A page that is being fetched; it is given up with the read.
struct Task(JoinHandle<Stepped>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Fetch {
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
    async fn page(
        &mut self,
        source: &Source,
        read: &Read,
        most: u64,
    ) -> Result<(Vec<Recorded>, bool)> {
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
    fn learn(&mut self, page: &[Recorded]) {
        if page.is_empty() {
            return;
        }
        let bytes: u64 = page.iter().map(|event| event.payload.bytes().len() as u64 + 64).sum();
        let each = (bytes / page.len() as u64).max(1);
        let most = (self.events * 4).min(PAGE);
        self.events = (PAGE_BYTES / each).clamp(1, most);
    }
}

impl Step {
    async fn take(self, source: &Source) -> Stepped {
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
    async fn page(&mut self, source: &Source) -> Result<(Vec<Recorded>, bool)> {
        // A limit tells how much to fetch only where everything that is found is meant.
        let is_exact = match &self.places {
            Places::Lists(lists) => lists.is_exact,
            _ => self.read.query.is_any(),
        };
        let most = self.budget.events.min(if is_exact { self.left } else { u64::MAX });
        let (mut page, is_more) = match self.places.page(source, &self.read, most).await {
            // What makes no sense in this log makes some if another one is there, or none.
            Err(error) if error.kind() == ErrorKind::Fault => {
                source.check().await?;
                return Err(error);
            }
            found => found?,
        };
        self.budget.learn(&page);
        page.retain(|event| self.read.covers(event));
        page.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= page.len() as u64;
        Ok((page, is_more && self.left > 0))
    }
}

pub(super) async fn event(source: &Source, position: Position) -> Result<Vec<Recorded>> {
    let entry = source.entry_with(position).await?;
    let (stream, version) = entry.place(position).ok_or_else(|| damaged("a place is missing"))?;
    let run = super::runs::Run { stream: stream.clone(), version, count: 1 };
    Ok(source.runs(&[run], None).await?.0)
}

/// Looks where the log ends, and finds the way through it.
async fn begin(source: &Source, mut read: Read) -> Stepped {
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
        going.budget.learn(&page);
        let mut page = page;
        page.retain(|event| going.read.covers(event));
        page.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        going.left -= page.len() as u64;
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
