//! What the tables are called, and the statements with those names in them.

use es_core::{Error, Invalid, Result};

/// The schema and the prefix of all names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Names {
    schema: String,
    prefix: String,
    layout: Layout,
}

/// How the tables of a log were laid out. It is known once they have been looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Layout {
    /// Whether the events are in partitions, with the unique keys beside them.
    pub(crate) is_partitioned: bool,
    /// Whether the database keeps tenants apart.
    pub(crate) is_separated: bool,
}

/// The last position of a log that whoever asks sees as a whole.
const HEAD: &str =
    "coalesce((SELECT e.position FROM {keys} e ORDER BY e.position DESC LIMIT 1), 0)";

/// What a line of SQL begins with that is only for a log in partitions.
const PARTITIONED: &str = "--partitioned: ";

/// What PostgreSQL cuts names at is 63; the longest of ours behind the prefix has 24.
const LONGEST: usize = 39;

impl Names {
    pub(crate) fn new(schema: &str, prefix: &str) -> Result<Self> {
        if schema.is_empty() {
            return Err(refused("the schema of a PostgreSQL store", schema));
        }
        Ok(Self {
            schema: plain("the schema of a PostgreSQL store", schema)?,
            prefix: plain("the prefix of the tables of a PostgreSQL store", prefix)?,
            layout: Layout::default(),
        })
    }

    /// The same names, for tables that are laid out so.
    pub(crate) fn laid_out(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    pub(crate) const fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    /// What every name begins with, the schema included.
    pub(crate) fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.prefix)
    }

    /// SQL in which `{es}` stands for schema and prefix, `{es_}` for the prefix, `{keys}` for the
    /// table that knows the last versions and the ids, `{head}` for the last position, and
    /// `{append}` for what the functions that append begin with.
    pub(crate) fn sql(&self, text: &str) -> String {
        let Layout { is_partitioned, is_separated } = self.layout;
        let (keys, line) =
            if is_partitioned { ("{es}keys", "") } else { ("{es}events", PARTITIONED) };
        let (head, append) =
            if is_separated { ("{es}head()", "{es}tenant_append") } else { (HEAD, "{es}append") };
        text.replace(PARTITIONED, line)
            .replace("{head}", head)
            .replace("{append}", append)
            .replace("{keys}", keys)
            .replace("{es}", &self.qualified())
            .replace("{es_}", &self.prefix)
    }

    /// The channel on which writers say that the log has grown.
    pub(crate) fn channel(&self) -> String {
        format!("{}_{}events", self.schema, self.prefix)
    }
}

/// Names that need no quotes, so that no SQL can hide in them.
fn plain(setting: &'static str, name: &str) -> Result<String> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_none_or(|b| b.is_ascii_lowercase() || b == b'_');
    if name.len() <= LONGEST
        && begins
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with("pg_")
    {
        return Ok(name.to_owned());
    }
    Err(refused(setting, name))
}

fn refused(setting: &'static str, name: &str) -> Error {
    let remedy = "say up to 39 lower-case letters, digits and underscores, no digit first";
    Invalid::Setting { setting, value: format!("{name:?}"), remedy }.into()
}
