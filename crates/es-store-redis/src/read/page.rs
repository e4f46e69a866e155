//! A read as a stream of pages.

use std::sync::Arc;

use es_core::{
    BareEvent, Diverged, FoldStream, Head, PageStream, Position, Read, Recorded, Result, Selection,
    StreamId, TenantScope,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::{
    ahead::Ahead,
    budget::Budget,
    cursor::Walk,
    item::Item,
    lists::Lists,
    long::Beginning,
    moment,
    plan::{Plan, Planned, judged},
    source::Source,
    stream::InStream,
};
use crate::error::damaged;

/// Events in the first page: enough for most streams, and at most 128 MiB where each is as
/// large as an event may be.
const FIRST_PAGE: u64 = 128;
/// Events that may have come since a long stream was read.
const MORE: u64 = FIRST_PAGE / 2;

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

/// The pages of a read. While one is worked on, the next ones are fetched.
fn steps<T: Item>(source: Arc<Source>, read: Read) -> impl Stream<Item = Result<Vec<T>>> + Send {
    let first = Some(Reading::Begin(Box::new(read)));
    stream::unfold((source, first), |(source, reading)| async move {
        let taken = match reading? {
            Reading::Begin(read) => begin(&source, *read).await,
            Reading::Ahead(ahead) => ahead.next(&source).await,
        };
        Some(match taken {
            Ok((page, rest)) => (Ok(page), (source, rest.map(Reading::Ahead))),
            Err(error) => (Err(error), (source, None)),
        })
    })
}

type Begun<T> = Result<(Vec<T>, Option<Ahead<T>>)>;

/// Where a read has got to.
enum Reading<T> {
    Begin(Box<Read>),
    Ahead(Ahead<T>),
}

/// What one page has of what is meant.
pub(super) struct Page<T> {
    pub(super) events: Vec<T>,
    /// Whether it turned out to be the last one.
    pub(super) is_over: bool,
}

/// A read that has begun, for whoever plans its pages.
pub(super) struct Going {
    fetching: Fetching,
    places: Places,
    /// Events that may still be planned, where all that are found are meant.
    unplanned: u64,
}

/// What it takes to fetch a page once it is planned.
#[derive(Clone)]
pub(super) struct Fetching {
    read: Arc<Read>,
    budget: Arc<Budget>,
    /// The first page, where that was the beginning of a stream.
    beginning: Option<Beginning>,
}

/// Where the next candidates are found.
enum Places {
    Stream(InStream),
    Log(Walk),
    Lists(Lists),
    Event(Option<Position>),
}

impl Going {
    fn new(read: Read, places: Places, left: u64, first: u64) -> Self {
        // A limit tells how much to fetch only where everything that is found is meant.
        let unplanned = if is_exact(&read) { left } else { u64::MAX };
        let budget = Arc::new(Budget::of(first));
        let fetching = Fetching { read: Arc::new(read), budget, beginning: None };
        Self { fetching, places, unplanned }
    }

    /// Where the next page lies. It may have no events, and then none is behind it.
    pub(super) async fn plan(&mut self, source: &Arc<Source>) -> Result<Planned> {
        let most = self.fetching.budget.events().min(self.unplanned);
        let planned = match &mut self.places {
            Places::Stream(stream) => Ok(stream.plan(most)),
            Places::Log(walk) => walk.plan(source, &self.fetching.read, most).await,
            Places::Lists(lists) => lists.plan(source, most).await,
            Places::Event(position) => {
                let plan = position.take().map_or_else(Plan::nothing, Plan::Event);
                Ok(Planned { plan, events: 1, is_more: false })
            }
        };
        Ok(self.counted(judged(source, planned).await?))
    }

    /// The same where nothing has to be asked for that: in a stream.
    pub(super) fn plan_at_once(&mut self) -> Option<Planned> {
        let most = self.fetching.budget.events().min(self.unplanned);
        let Places::Stream(stream) = &mut self.places else { return None };
        let planned = stream.plan(most);
        Some(self.counted(planned))
    }

    fn counted(&mut self, mut planned: Planned) -> Planned {
        self.unplanned = self.unplanned.saturating_sub(planned.events);
        planned.is_more &= self.unplanned > 0;
        planned
    }

    pub(super) fn fetching(&self) -> Fetching {
        self.fetching.clone()
    }
}

impl Fetching {
    /// A page of what is meant.
    pub(super) async fn fetch<T: Item>(&self, source: &Source, plan: Plan) -> Result<Page<T>> {
        let begun = self.beginning.filter(|begun| plan.is_behind(begun.events));
        let (events, is_over) = judged(source, plan.fetch(source).await).await?;
        let found = events.len() as u64;
        let (events, bytes) = self.meant(events);
        if let (Some(begun), Selection::Stream(stream)) = (begun, &self.read.selection) {
            source.long.note(stream, begun, found, bytes);
        }
        Ok(Page { events, is_over })
    }

    /// What is meant of the events that were found, and the bytes of all that were.
    fn meant<T: Item>(&self, mut page: Vec<T>) -> (Vec<T>, u64) {
        let bytes = self.budget.learn(&page);
        page.retain(|event| event.is_meant(&self.read));
        (page, bytes)
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
    source.runs(&[run]).await
}

/// Looks where the log ends, finds the way through it, and fetches the first page.
async fn begin<T: Item>(source: &Arc<Source>, mut read: Read) -> Begun<T> {
    let left = read.limit.unwrap_or(u64::MAX);
    if let Selection::Stream(stream) = &read.selection
        && let Some(mut first) = InStream::from_the_start(stream, &read)
    {
        // The head is asked behind the list, so it is not before what the list has.
        let most = if read.query.is_any() { left } else { u64::MAX };
        let is_whole = read.from_version.is_none_or(|version| version.get() == 1);
        let known = if is_whole { source.long.known(stream) } else { None };
        let events = first_page(source, Some(stream)).max(known.map_or(0, |known| known + MORE));
        let (page, head, is_more) = first.first(source, events.min(most)).await?;
        bounded(source, &mut read, head)?;
        let mut going = Going::new(read, Places::Stream(first), left, events);
        let found = page.len() as u64;
        let (page, bytes) = going.fetching.meant(page);
        going.fetching.beginning = is_whole.then_some(Beginning { events: found, bytes });
        going.unplanned = going.unplanned.saturating_sub(found);
        return Ok(rest(source, going, page, left, is_more));
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
            Places::Event(match reply.is_nil() {
                true => None,
                false => Some(Position::new(reply.count("an id").map_err(damaged)?)),
            })
        }
        _ => match Lists::of(source, &read).await? {
            Some(lists) => Places::Lists(lists),
            None => Places::Log(Walk::new(source, &read).await?),
        },
    };
    let stream = if let Selection::Stream(stream) = &read.selection { Some(stream) } else { None };
    let events = first_page(source, stream);
    let mut going = Going::new(read, places, left, events);
    let planned = going.plan(source).await?;
    let page = going.fetching.fetch(source, planned.plan).await?;
    let is_more = planned.is_more && !page.is_over;
    Ok(rest(source, going, page.events, left, is_more))
}

/// How many events the first page has.
fn first_page(source: &Source, stream: Option<&StreamId>) -> u64 {
    if source.narrow.begins_small(stream) { 1 } else { FIRST_PAGE }
}

/// A first page up to the limit of the read, and the rest if there is any.
fn rest<T: Item>(
    source: &Arc<Source>,
    going: Going,
    mut page: Vec<T>,
    left: u64,
    is_more: bool,
) -> (Vec<T>, Option<Ahead<T>>) {
    page.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    let left = left - page.len() as u64;
    (page, (is_more && left > 0).then(|| Ahead::of(source, going, left)))
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
