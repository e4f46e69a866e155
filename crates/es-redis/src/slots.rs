//! Which node of a cluster has which slots, as far as it is known.

use std::collections::{BTreeSet, HashMap};

use crate::{Error, Reply, Result};

/// The address of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Node {
    /// From `host:port`, as a redirection has it; the host may be missing, and is then that of
    /// the node which said so.
    pub(crate) fn parse(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { &asked.host } else { host };
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

/// Who has which slots.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// First and last slot of each range, and its primary.
    ranges: Vec<(u16, u16, Node)>,
    /// What was learnt since by redirections.
    moved: HashMap<u16, Node>,
    /// All nodes, replicas as well.
    nodes: BTreeSet<Node>,
}

impl Slots {
    /// From the reply to `CLUSTER SLOTS` of the node `asked`.
    pub(crate) fn of(reply: Reply, asked: &Node) -> Result<Self> {
        let wrong = || Error::unexpected("CLUSTER SLOTS");
        let mut slots = Self::default();
        for range in reply.array("CLUSTER SLOTS")? {
            let mut range = range.array("CLUSTER SLOTS")?.into_iter();
            let mut number = || range.next().ok_or_else(wrong)?.count("CLUSTER SLOTS");
            let mut bound = || u16::try_from(number()?).map_err(|_| wrong());
            let (first, last) = (bound()?, bound()?);
            let mut primary = None;
            for node in range {
                let mut parts = node.array("CLUSTER SLOTS")?.into_iter();
                let (Some(host), Some(port)) = (parts.next(), parts.next()) else {
                    return Err(wrong());
                };
                // A node that does not know its own address leaves it out.
                let host = if host.is_nil() { String::new() } else { host.text("CLUSTER SLOTS")? };
                let host = if host.is_empty() { asked.host.clone() } else { host };
                let port = u16::try_from(port.count("CLUSTER SLOTS")?).map_err(|_| wrong())?;
                let node = Node { host, port };
                primary.get_or_insert_with(|| node.clone());
                slots.nodes.insert(node);
            }
            slots.ranges.push((first, last, primary.ok_or_else(wrong)?));
        }
        Ok(slots)
    }

    /// Who has a slot; any primary for a command without keys.
    pub(crate) fn node(&self, slot: Option<u16>) -> Option<&Node> {
        let Some(slot) = slot else { return self.ranges.first().map(|range| &range.2) };
        let of = |(first, last, _): &&(u16, u16, Node)| (*first..=*last).contains(&slot);
        self.moved.get(&slot).or_else(|| Some(&self.ranges.iter().find(of)?.2))
    }

    /// Notes where a slot has gone.
    pub(crate) fn moved(&mut self, slot: u16, node: Node) {
        self.nodes.insert(node.clone());
        self.moved.insert(slot, node);
    }

    /// All nodes that are known.
    pub(crate) const fn nodes(&self) -> &BTreeSet<Node> {
        &self.nodes
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests;
