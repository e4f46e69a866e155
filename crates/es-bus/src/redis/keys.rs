//! The names of a topic's keys. All have one hash tag, so one script can change them together
//! and a cluster keeps them on one node; topics spread over the nodes.

use es_core::{Invalid, Result, SubscriberName};

#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(namespace: &str, topic: &str) -> Result<Self> {
        // The rule for names keeps braces out, which would move the hash tag.
        SubscriberName::new(namespace)?;
        let topic = SubscriberName::new(topic)?;
        if topic.as_str().len() > 64 {
            return Err(Invalid::NameTooLong {
                what: "topic",
                name: topic.to_string(),
                len: topic.as_str().len(),
                max: 64,
            }
            .into());
        }
        Ok(Self { prefix: format!("{{{namespace}:{topic}}}:") })
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn of(&self, kind: &str) -> String {
        format!("{}{kind}", self.prefix)
    }

    pub(super) fn meta(&self) -> String {
        self.of("meta")
    }

    /// An entry is added whenever there is something new, for whoever waits.
    pub(super) fn bell(&self) -> String {
        self.of("bell")
    }

    pub(super) fn groups(&self) -> String {
        self.of("groups")
    }

    pub(super) fn partition(&self, number: usize) -> String {
        format!("{}p:{number}", self.prefix)
    }

    pub(super) fn partitions(&self, count: usize) -> impl Iterator<Item = String> + '_ {
        (0..count).map(|number| self.partition(number))
    }

    pub(super) fn group(&self, name: &SubscriberName) -> GroupKeys {
        let of = |kind: &str| format!("{}{kind}:{name}", self.prefix);
        GroupKeys {
            ordered: of("o"),
            members: of("m"),
            letters: of("d"),
            parked: of("k"),
            again: of("x"),
            saved: of("s"),
            retry: of("q"),
            waiting: of("w"),
            bodies: of("b"),
            held: of("h"),
        }
    }
}

/// The keys of one group.
#[derive(Clone, Debug)]
pub(super) struct GroupKeys {
    /// Owners, epochs and places of the partitions (ordered).
    pub(super) ordered: String,
    /// Consumers that show that they live (ordered).
    pub(super) members: String,
    /// Dead letters.
    pub(super) letters: String,
    /// Streams that wait, with the number of their letters (ordered).
    pub(super) parked: String,
    /// What became of letters that were tried again (ordered).
    pub(super) again: String,
    /// The places of the consumer groups, should they get lost (competing).
    pub(super) saved: String,
    /// What is to be tried again now (competing).
    pub(super) retry: String,
    /// What is to be tried again later, by time, and its contents (competing).
    pub(super) waiting: String,
    pub(super) bodies: String,
    /// The positions of what is to be tried again, now or later (competing).
    pub(super) held: String,
}

impl GroupKeys {
    pub(super) fn all(self) -> [String; 10] {
        let Self { ordered, members, letters, parked, again, saved, retry, waiting, bodies, held } =
            self;
        [ordered, members, letters, parked, again, saved, retry, waiting, bodies, held]
    }
}

/// Which partition keeps the events of a stream: the same on every machine, for ever.
pub(super) fn partition_of(stream: &[u8], partitions: usize) -> usize {
    // FNV-1a with 64 bits.
    let hash = stream.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let count = u64::try_from(partitions.max(1)).unwrap_or(1);
    // The low bits of the product are the weaker ones.
    usize::try_from((hash ^ (hash >> 32)) % count).unwrap_or(0)
}
