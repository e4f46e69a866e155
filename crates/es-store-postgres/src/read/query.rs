//! The query for one page.

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    page::Cursor,
    plan::{Plan, Source, Sql, order},
    row::{COLUMNS, FOLD_COLUMNS},
};
use crate::ask::Typed;

impl Cursor {
    /// The query for so many candidates, with its values; none where there is nothing to find.
    pub(super) fn query(
        &self,
        plan: &Plan,
        wanted: i64,
        sql: &Sql,
    ) -> Option<(String, Vec<Value>)> {
        let (events, tagged, order) = (&sql.events, &sql.tags, order(self.read.direction));
        let columns = if self.is_bare(plan) { FOLD_COLUMNS } else { COLUMNS };
        let mut values = vec![Value::Number(plan.low), Value::Number(plan.high)];
        let sql = match &plan.source {
            Source::Nothing => return None,
            Source::Event(id) => {
                values.push(Value::Uuid(id.as_uuid()));
                // With partitions there is no index by id, and its place is known by now.
                format!(
                    "SELECT {columns} FROM {events} e WHERE e.id = $3 \
                     AND e.position BETWEEN $1 AND $2"
                )
            }
            Source::Stream(stream) => {
                values.extend([
                    Value::Uuid(*stream),
                    Value::Number(self.low_version),
                    Value::Number(self.high_version),
                    Value::Number(wanted),
                ]);
                // The sum keeps the range of positions from being taken for the index; with
                // partitions it has to tell which of them are looked at.
                let sum = if sql.sight.is_some() { "" } else { " + 0" };
                format!(
                    "SELECT {columns} FROM {events} e WHERE e.stream = $3 \
                     AND e.version BETWEEN $4 AND $5 AND e.position{sum} BETWEEN $1 AND $2 \
                     ORDER BY e.version {order} LIMIT $6"
                )
            }
            Source::Log(families) => {
                values.push(Value::Number(wanted));
                let filter = families.as_ref().map_or("", |families| {
                    values.push(Value::Numbers(families.clone()));
                    "AND e.family = ANY ($4)"
                });
                format!(
                    "SELECT {columns} FROM {events} e WHERE e.position BETWEEN $1 AND $2 \
                     {filter} ORDER BY e.position {order} LIMIT $3"
                )
            }
            Source::Family(family) => {
                values.extend([Value::Number(wanted), Value::Number(*family)]);
                let (range, order) = of_family("e.", 4, order, sql);
                format!("SELECT {columns} FROM {events} e WHERE {range} ORDER BY {order} LIMIT $3")
            }
            Source::Lists { families, tags } => {
                values.push(Value::Number(wanted));
                let mut lists = Vec::new();
                for family in families {
                    values.push(Value::Number(*family));
                    let (range, order) = of_family("", values.len(), order, sql);
                    lists.push(format!("{events} WHERE {range} ORDER BY {order}"));
                }
                for tag in tags {
                    values.push(Value::Text(tag.clone()));
                    lists.push(format!(
                        "{tagged} WHERE tag = ${} AND position BETWEEN $1 AND $2 \
                         ORDER BY position {order}",
                        values.len()
                    ));
                }
                // Two families have no event in common.
                let union = if tags.is_empty() { " UNION ALL " } else { " UNION " };
                merged(columns, &lists, union, order, sql)
            }
        };
        Some((sql, values))
    }
}

/// Which events are of the family at `place` and within the bounds, and their order. As one
/// range of pairs, and not as a family and a range of positions: for that the server may go
/// through the whole log by its positions, and leave out what is of other families.
///
/// With partitions the range is said as well: it tells which of them are looked at.
fn of_family(of: &str, place: usize, order: &str, sql: &Sql) -> (String, String) {
    let pair = format!("({of}family, {of}position)");
    let mut range = format!("{pair} >= (${place}, $1) AND {pair} <= (${place}, $2)");
    if sql.sight.is_some() {
        range.push_str(&format!(" AND {of}position BETWEEN $1 AND $2"));
    }
    (range, format!("{of}family {order}, {of}position {order}"))
}

/// The events at the positions of several lists, in order. Each list gives as many as a page
/// has, so that the work of a page is bounded whatever the lists hold: left to itself, the
/// server may sort them whole.
fn merged(columns: &str, lists: &[String], union: &str, order: &str, sql: &Sql) -> String {
    let events = &sql.events;
    let lists: Vec<String> =
        lists.iter().map(|list| format!("(SELECT position FROM {list} LIMIT $3)")).collect();
    let lists = lists.join(union);
    format!(
        "SELECT {columns} FROM (SELECT l.position FROM ({lists}) l \
         ORDER BY l.position {order} LIMIT $3) l \
         JOIN {events} e ON e.position = l.position ORDER BY e.position {order}"
    )
}

/// An argument of a query.
pub(super) enum Value {
    Number(i64),
    Numbers(Vec<i64>),
    Uuid(Uuid),
    Text(String),
}

impl Value {
    pub(super) fn as_sql(&self) -> Typed<'_> {
        match self {
            Self::Number(number) => (number, Type::INT8),
            Self::Numbers(numbers) => (numbers, Type::INT8_ARRAY),
            Self::Uuid(uuid) => (uuid, Type::UUID),
            Self::Text(text) => (text, Type::TEXT),
        }
    }
}
