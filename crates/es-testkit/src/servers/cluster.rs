//! Clusters: one of a single process, small, and as strict about slots as a large one; and one
//! of several, between which slots move.

use super::{
    RedisConfig, RedisServer,
    process::{free_port, until},
};

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

impl RedisServer {
    /// Starts a cluster of one server that has all slots.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn cluster(config: &RedisConfig) -> Self {
        let server = Self::node(config);
        server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
        server.is_in_order();
        server
    }

    /// Starts a server that may belong to a cluster.
    fn node(config: &RedisConfig) -> Self {
        // Usually it is the port and 10,000, which need not be a port at all.
        let bus = free_port().to_string();
        let config = config.clone().with("cluster-enabled", "yes").with("cluster-port", bus);
        // A server that has met no other does not know its own address, and tells none.
        Self::start(&config.with("cluster-announce-ip", "127.0.0.1"))
    }

    fn is_in_order(&self) {
        until("the cluster is up", || {
            self.ask(&["CLUSTER", "INFO"]).text().contains("cluster_state:ok")
        });
    }
}

/// A cluster of several servers, whose slots a test may move and whose primaries it may kill.
///
/// Node 0 up to the number of primaries less one have a share of the slots each; what follows
/// is the replica of node 0, if there is one.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    ids: Vec<String>,
}

impl RedisCluster {
    /// Starts so many primaries, and a replica of the first one where that is asked for. A node
    /// that does not answer for a second is taken for dead. Without the program the test is
    /// skipped.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(config: &RedisConfig, primaries: usize, has_replica: bool) -> Self {
        let config = config.clone().with("cluster-node-timeout", "1000");
        let count = primaries + usize::from(has_replica);
        let nodes: Vec<_> = (0..count).map(|_| RedisServer::node(&config)).collect();
        let ids = nodes.iter().map(|node| node.ask(&["CLUSTER", "MYID"]).text()).collect();
        for (at, node) in nodes.iter().enumerate() {
            // Of two that have the same one, one would have to give way.
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            if at < primaries {
                let [first, end] = [at, at + 1].map(|at| at * SLOTS / primaries);
                let range = [first.to_string(), (end - 1).to_string()];
                node.ask(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
            }
            let bus = node.ask(&["CONFIG", "GET", "cluster-port"]).list()[1].text();
            let port = node.address().port().to_string();
            nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        let cluster = Self { nodes, ids };
        for node in &cluster.nodes {
            until("all nodes know each other", || {
                let known = node.ask(&["CLUSTER", "NODES"]).text();
                known.lines().count() == count && !known.contains("handshake")
            });
        }
        for replica in cluster.nodes.iter().skip(primaries) {
            replica.ask(&["CLUSTER", "REPLICATE", &cluster.ids[0]]);
            replica.follows();
        }
        cluster.nodes.iter().for_each(RedisServer::is_in_order);
        cluster
    }

    /// The URL of the cluster, which names its first two nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let others = self.nodes.iter().skip(1).take(1).map(|node| node.address().to_string());
        let others = others.map(|node| format!("?node={node}")).collect::<String>();
        format!("redis-cluster://{}{others}", self.nodes[0].address())
    }

    /// One of its servers.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn node(&self, at: usize) -> &RedisServer {
        &self.nodes[at]
    }

    /// Kills one of its servers with `SIGKILL`.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].kill();
    }

    /// The number of the node that has a slot, as it says itself.
    #[must_use]
    pub fn owner(&self, slot: u16) -> Option<usize> {
        let slot = i64::from(slot);
        self.nodes.iter().zip(&self.ids).position(|(node, id)| {
            let Ok(super::Reply::Many(ranges)) = super::ask(node.address(), &["CLUSTER", "SLOTS"])
            else {
                return false;
            };
            ranges.iter().map(super::Reply::list).any(|range| {
                (range[0].number()..=range[1].number()).contains(&slot)
                    && range[2].list()[2].text() == *id
            })
        })
    }

    /// Begins to move a slot: keys that are not where it was are asked for where it goes.
    pub fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.ids[from]];
        self.nodes[to].ask(&importing);
        let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.ids[to]];
        self.nodes[from].ask(&migrating);
    }

    /// Moves so many keys of a slot, and says how many there were to move.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, count: usize) -> usize {
        let asked = ["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), &count.to_string()];
        let keys = self.nodes[from].ask(&asked);
        let keys: Vec<String> = keys.list().iter().map(super::Reply::text).collect();
        if keys.is_empty() {
            return 0;
        }
        let port = self.nodes[to].address().port().to_string();
        let mut command = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"].to_vec();
        command.extend(keys.iter().map(String::as_str));
        self.nodes[from].ask(&command);
        keys.len()
    }

    /// Ends the move of a slot: all nodes are told who has it now.
    pub fn end_move(&self, slot: u16, from: usize, to: usize) {
        let command = ["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &self.ids[to]];
        // Where it is now first, so that there is always somebody who has it.
        self.nodes[to].ask(&command);
        self.nodes[from].ask(&command);
    }
}
