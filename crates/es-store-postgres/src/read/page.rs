//! One page of a read after the other.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::Object;
use es_core::{
    BareEvents, Direction, FoldPage, Position, Read, Recorded, Result, Selection, StreamId,
};
use futures_util::TryStreamExt;
use tokio_postgres::{Row, types::Type};

use super::{
    families::{Families, Family},
    lane::{Lane, Lending},
    plan::{Fails, Plan, Sql, look},
    query::Value,
    row::{Places, payload_bytes, push, recorded},
};
use crate::{
    append::signed,
    connect::Connections,
    error::{damaged, from_driver, is_lost, is_out_of_sight},
};

/// Candidates of the first page: enough for most streams.
const FIRST_PAGE: i64 = 512;
/// Candidates of a later page at most.
const PAGE: i64 = 2_048;
/// Bytes of payload behind which a page ends.
const PAGE_BYTES: usize = 2 << 20;
/// How often a page is asked for again when its connection breaks, or does not see all partitions.
const TRIES: u32 = 4;

/// What all reads of a store share.
pub(crate) struct Reader {
    pub(crate) connections: Connections,
    pub(crate) families: Families,
    pub(crate) sql: Sql,
    pub(crate) lane: Lane,
    /// The last position of the log that a caller has been told of.
    pub(crate) told: AtomicU64,
}

/// What one query has brought.
struct Fetched {
    events: FoldPage,
    is_more: bool,
    /// Whether rows of it were left behind.
    is_cut: bool,
}

impl Fetched {
    const NOTHING: Self =
        Self { events: FoldPage::Recorded(Vec::new()), is_more: false, is_cut: false };
}

/// A page that is being filled.
struct Page {
    events: Vec<Recorded>,
    /// What is filled instead for a fold.
    bare: Option<BareEvents>,
    families: Arc<HashMap<i64, Arc<Family>>>,
    /// The family of the last event, which the next one mostly has too.
    family: Option<(i64, Arc<Family>)>,
    last: Option<StreamId>,
    exact: bool,
    seen: i64,
    bytes: usize,
}

impl Page {
    fn new(cursor: &Cursor, reader: &Reader) -> Self {
        let last = match &cursor.read.selection {
            Selection::Stream(stream) => Some(stream.clone()),
            _ => None,
        };
        let exact = cursor.plan.as_ref().is_some_and(|plan| plan.exact);
        let is_fold = cursor.plan.as_ref().is_some_and(|plan| cursor.is_bare(plan));
        let bare = is_fold.then(BareEvents::default);
        let families = reader.families.known();
        Self { events: Vec::new(), bare, families, family: None, last, exact, seen: 0, bytes: 0 }
    }

    /// Takes a candidate; `false` when its family is not known, and then it was not taken.
    fn take(&mut self, cursor: &mut Cursor, row: &Row) -> Result<bool, Fails> {
        let places = Places::of(row).map_err(Fails::Driver)?;
        let family = match &self.family {
            Some((number, family)) if *number == places.family => family,
            _ => {
                let Some(family) = self.families.get(&places.family) else { return Ok(false) };
                &self.family.insert((places.family, Arc::clone(family))).1
            }
        };
        if let Some(bare) = &mut self.bare {
            let before = bare.payload_bytes();
            push(bare, row, places, family)?;
            cursor.pass(places.position, places.version);
            self.seen += 1;
            self.bytes += bare.payload_bytes() - before;
            cursor.left = cursor.left.saturating_sub(1);
            return Ok(true);
        }
        let event = recorded(row, places, family, &mut self.last)?;
        cursor.pass(places.position, places.version);
        self.seen += 1;
        self.bytes += event.payload.bytes().len();
        if cursor.left > 0 && (self.exact || cursor.read.covers(&event)) {
            self.events.push(event);
            cursor.left -= 1;
        }
        Ok(true)
    }
}

/// Where a read has got to.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(super) read: Read,
    plan: Option<Plan>,
    left: u64,
    pub(super) low_version: i64,
    pub(super) high_version: i64,
    wanted: i64,
    /// Whether envelopes are not needed.
    is_fold: bool,
    /// Whether the next page is to be asked for behind a look whether the server has the log up
    /// to where it has to be read.
    looks: bool,
}

impl Cursor {
    pub(crate) fn new(read: Read, is_fold: bool) -> Self {
        Self {
            left: read.limit.unwrap_or(u64::MAX),
            low_version: read.from_version.map_or(1, |version| signed(version.get())),
            high_version: read.to_version.map_or(i64::MAX, |version| signed(version.get())),
            read,
            plan: None,
            wanted: FIRST_PAGE,
            is_fold,
            looks: false,
        }
    }
}

impl Reader {
    /// The next page, and where to go on if there may be more.
    pub(crate) async fn page(&self, mut cursor: Cursor) -> Result<(FoldPage, Option<Cursor>)> {
        let mut tries = 0;
        loop {
            if cursor.left == 0 {
                return Ok((FoldPage::Recorded(Vec::new()), None));
            }
            let client = self.lend(&cursor).await?;
            let before = cursor.places();
            match self.fetch(&client, &mut cursor).await {
                Ok(Fetched { events, is_more, is_cut }) => {
                    match is_cut {
                        // Much is still on its way, and nobody wants it.
                        true => client.close(),
                        false => client.answered(),
                    }
                    return Ok((events, is_more.then_some(cursor)));
                }
                Err(Fails::Other(error)) => return Err(error),
                // What they are is asked elsewhere, since much is still on its way here.
                Err(Fails::Unnamed(rows)) => {
                    cursor.go_back(before);
                    client.close();
                    let other = self.connections.get().await?;
                    match self.learn(&other, &cursor.read, &rows).await {
                        Err(Fails::Other(error)) => return Err(error),
                        Err(Fails::Driver(error)) => return Err(from_driver(None, error)),
                        _ => drop(other.answered()),
                    }
                }
                // A broken connection: nothing of the page was handed out, so it begins anew.
                Err(Fails::Driver(error)) if is_lost(&error) && tries < TRIES => {
                    cursor.go_back(before);
                    client.close();
                    tokio::time::sleep(Duration::from_millis(10 << (2 * tries))).await;
                    tries += 1;
                }
                Err(Fails::Driver(error)) if is_out_of_sight(&error) && tries < TRIES => {
                    tracing::debug!(error = %error, "a session does not see all partitions");
                    cursor.go_back(before);
                    if let Some(sight) = &self.sql.sight {
                        sight.tell(&client).await;
                    }
                    client.close();
                    tries += 1;
                }
                Err(Fails::Driver(error)) => return Err(from_driver(None, error)),
            }
        }
    }

    /// A short read goes on the lane, so that many of them need no connection each; a page of
    /// a long one would hold the others up.
    async fn lend(&self, cursor: &Cursor) -> Result<Lending<'_>> {
        let is_short = cursor.plan.is_none()
            && matches!(cursor.read.selection, Selection::Stream(_) | Selection::Event(_))
            && cursor.read.recorded_since.is_none()
            && cursor.read.recorded_until.is_none();
        // What looks for partitions has a transaction of its own.
        let is_short = is_short && self.sql.sight.is_none();
        self.lane.lend(&self.connections, is_short).await
    }

    /// Takes note of where a caller was told that the log ends: a server that does not have it up
    /// to there, a standby that lags behind, is not to be taken for its end.
    pub(crate) fn told(&self, position: Position) {
        self.told.fetch_max(position.get(), Ordering::AcqRel);
    }

    async fn fetch(&self, client: &Object, cursor: &mut Cursor) -> Result<Fetched, Fails> {
        let looked = cursor.plan.is_none() || cursor.looks;
        match &cursor.plan {
            None => cursor.plan = Some(Plan::new(client, self, &cursor.read).await?),
            Some(plan) if cursor.looks => look(client, self, cursor.reach(plan)).await?,
            Some(_) => {}
        }
        let Some(plan) = &cursor.plan else { return Ok(Fetched::NOTHING) };
        let wanted =
            if plan.exact { cursor.wanted.min(signed(cursor.left)) } else { cursor.wanted };
        let Some((sql, values)) = cursor.query(plan, wanted, &self.sql) else {
            return Ok(Fetched::NOTHING);
        };
        let values: Vec<_> = values.iter().map(Value::as_sql).collect();
        let (rows, begun) = match &self.sql.sight {
            Some(sight) => {
                let (rows, begun) =
                    sight.rows(client, &sql, &values).await.map_err(Fails::Driver)?;
                (rows, Some(begun))
            }
            None => {
                let sent = self.connections.sent();
                (sent.rows(client, &sql, &values).await.map_err(Fails::Driver)?, None)
            }
        };
        let mut rows = pin!(rows);
        let mut page = Page::new(cursor, self);
        // Rows behind one whose family is not known yet; what that is can be asked when all
        // have come.
        let mut rest: Vec<Row> = Vec::new();
        let (mut bytes_aside, mut passed_over) = (0, 0);
        let mut is_over = false;
        while !is_over && page.bytes + bytes_aside <= PAGE_BYTES {
            let Some(row) = rows.try_next().await.map_err(Fails::Driver)? else {
                is_over = true;
                continue;
            };
            if cursor.left == 0 {
                // Taken from the connection nevertheless, so that it can be kept, if it is little.
                bytes_aside += payload_bytes(&row)?;
                passed_over += 1;
            } else if !rest.is_empty() || !page.take(cursor, &row)? {
                bytes_aside += payload_bytes(&row)?;
                rest.push(row);
            }
        }
        let come = page.seen + passed_over + signed(rest.len() as u64);
        let is_cut = !is_over && come < wanted;
        if !is_over && !is_cut {
            // No more than the end of it.
            while rows.try_next().await.map_err(Fails::Driver)?.is_some() {}
        }
        if !rest.is_empty() {
            if is_cut {
                return Err(Fails::Unnamed(rest));
            }
            self.learn(client, &cursor.read, &rest).await?;
            page.families = self.families.known();
            for row in &rest {
                if !page.take(cursor, row)? {
                    // The read does not cover it.
                    let Places { position, version, .. } =
                        Places::of(row).map_err(Fails::Driver)?;
                    cursor.pass(position, version);
                    page.seen += 1;
                }
            }
        }
        if let Some(begun) = begun.filter(|_| !is_cut) {
            begun.end().await.map_err(Fails::Driver)?;
        }
        // Pages of large payloads have fewer rows, so that all have about the same size.
        let mean = page.bytes / usize::try_from(page.seen).unwrap_or(1).max(1);
        let fitting = signed((PAGE_BYTES / mean.max(1)) as u64).clamp(1, PAGE);
        let is_more = cursor.goes_on(is_cut || page.seen == wanted, looked);
        cursor.wanted = fitting.min(cursor.wanted.saturating_mul(8));
        let events = match page.bare {
            Some(bare) => FoldPage::Bare(bare.into_vec()),
            None => FoldPage::Recorded(page.events),
        };
        Ok(Fetched { events, is_more, is_cut })
    }

    /// Makes sure that the family of each row is known, if `read` covers it.
    async fn learn(&self, client: &Object, read: &Read, rows: &[Row]) -> Result<(), Fails> {
        let known = self.families.known();
        let mut unknown: Vec<i64> = Vec::new();
        for row in rows {
            let Places { family, .. } = Places::of(row).map_err(Fails::Driver)?;
            if !known.contains_key(&family) && !unknown.contains(&family) {
                unknown.push(family);
            }
        }
        if !unknown.is_empty() {
            let rows =
                client.query_typed(&self.sql.families_of, &[(&unknown, Type::INT8_ARRAY)]).await;
            self.families.learn(&rows.map_err(Fails::Driver)?)?;
        }
        let known = self.families.known();
        for row in rows {
            let Places { family, position, .. } = Places::of(row).map_err(Fails::Driver)?;
            if !known.contains_key(&family) && self.families.is_odd_one_selected(family, read)? {
                let what = format!(
                    "the event at position {position} has names that this crate does not give"
                );
                return Err(Fails::Other(damaged(what)));
            }
        }
        Ok(())
    }
}

impl Cursor {
    /// Where it is, to come back to: low, high, low version, high version, left.
    fn places(&self) -> Option<(i64, i64, i64, i64, u64)> {
        let plan = self.plan.as_ref()?;
        Some((plan.low, plan.high, self.low_version, self.high_version, self.left))
    }

    /// Goes back there; without a plan, to where it began.
    fn go_back(&mut self, places: Option<(i64, i64, i64, i64, u64)>) {
        match (places, &mut self.plan) {
            (Some((low, high, low_version, high_version, left)), Some(plan)) => {
                (plan.low, plan.high, self.left) = (low, high, left);
                (self.low_version, self.high_version) = (low_version, high_version);
            }
            _ => *self = Self::new(self.read.clone(), self.is_fold),
        }
    }

    /// Up to where the server has to have the log for the next page not to lack anything: of a
    /// page that goes backward, from its first event on.
    const fn reach(&self, plan: &Plan) -> i64 {
        match self.read.direction {
            Direction::Forward => plan.reach,
            Direction::Backward => plan.high,
        }
    }

    /// Whether there may be more behind a page, and whether that is to be looked for behind a look
    /// of its own. The page may have come from another server than the plan, one that lags behind:
    /// going forward it then ends too early, and going backward it begins too late.
    fn goes_on(&mut self, is_full: bool, looked: bool) -> bool {
        let Some(plan) = &self.plan else { return false };
        let is_backward = self.read.direction == Direction::Backward;
        let may_lack = !is_full && !looked && plan.low <= plan.reach;
        self.looks = is_backward || may_lack;
        (is_full || (may_lack && !is_backward)) && self.left > 0
    }

    /// Whether a fold is read, and every candidate is wanted: otherwise the event itself tells.
    pub(super) const fn is_bare(&self, plan: &Plan) -> bool {
        self.is_fold && plan.exact
    }

    /// Moves the bounds behind a candidate.
    fn pass(&mut self, position: i64, version: i64) {
        let Some(plan) = &mut self.plan else { return };
        match self.read.direction {
            Direction::Forward => {
                plan.low = position + 1;
                self.low_version = version + 1;
            }
            Direction::Backward => {
                plan.high = position - 1;
                self.high_version = version - 1;
            }
        }
    }
}
