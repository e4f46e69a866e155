//! Commands of a process that is killed behind any of its writes and started again.

use es_aggregate::{Repository, SnapshotPolicy};
use es_core::{EventId, Store};
use es_store_memory::{MemorySnapshotStore, MemoryStore};
use es_testkit::{Process, Simulation};

use crate::account::{Account, AccountEvent, Deposit, EnsureOpen, Withdraw, load};

struct World {
    log: Store,
    snapshots: MemorySnapshotStore,
    /// One for each command, as a queue of messages would give them.
    ids: Vec<EventId>,
}

async fn world() -> World {
    let ids = (0..8).map(|_| EventId::new()).collect();
    let log = Store::new(MemoryStore::new());
    World { log, snapshots: MemorySnapshotStore::new(), ids }
}

impl World {
    fn accounts(&self, process: &Process) -> Repository<Account> {
        let snapshots = process.guard(self.snapshots.clone());
        Repository::new(process.store(&self.log))
            .with_snapshots(snapshots, SnapshotPolicy::every(2).unwrap())
            .with_cache(2)
            .unwrap()
    }
}

#[tokio::test]
async fn commands_with_ids_are_executed_once_each() {
    let program = async |process: Process, world: &World| {
        let accounts = world.accounts(&process);
        accounts.execute("alice", &EnsureOpen("Alice")).with_id(world.ids[0]).await?;
        for (at, id) in (1..).zip(&world.ids[1..]) {
            if at % 2 == 1 {
                accounts.execute("alice", &Deposit(100)).with_id(*id).await?;
            } else {
                // All that there is: decided on what it has led to itself, it is refused.
                accounts.execute("alice", &Withdraw(100)).with_id(*id).await?;
            }
            accounts.flush_snapshots().await;
        }
        Ok(())
    };
    let check = async |world: &World| {
        assert_eq!(world.log.head().await.unwrap().position.get(), 8, "each event once");
        let alice = load(&world.log, "alice").await;
        assert_eq!((alice.owner.as_deref(), alice.cents), (Some("Alice"), 100));
        let kept = world.accounts(&Process::default()).load("alice").await.unwrap();
        assert_eq!(*kept, *alice, "a snapshot changes nothing");
    };
    let tried = Simulation::everywhere(world, program, check).await;
    assert!(tried >= 12, "eight appends and four snapshots: {tried}");
    Simulation::seeded(1).rounds(50).at_random(world, program, check).await;
}

#[tokio::test]
async fn what_looks_at_the_state_needs_no_id() {
    let program = async |process: Process, world: &World| {
        let accounts = world.accounts(&process);
        let open = accounts.update("bob", |root| {
            if root.owner.is_none() {
                root.record(AccountEvent::Opened { owner: "Bob".to_owned() });
                root.record(AccountEvent::Deposited { cents: 50 });
            }
            Ok::<(), std::convert::Infallible>(())
        });
        open.await?;
        let paid_out = accounts.update("bob", |root| {
            let cents = root.cents;
            if cents > 0 {
                root.record(AccountEvent::Withdrawn { cents });
            }
            Ok::<(), std::convert::Infallible>(())
        });
        paid_out.await?;
        Ok(())
    };
    let check = async |world: &World| {
        assert_eq!(world.log.head().await.unwrap().position.get(), 3);
        assert_eq!(load(&world.log, "bob").await.cents, 0);
    };
    Simulation::everywhere(world, program, check).await;
}
