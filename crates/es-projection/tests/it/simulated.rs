//! P1, P2, P3 and P5 for a process that is killed behind any of its writes and started again.

use es_core::{BoxError, DeadLetterStore, Position, Store};
use es_projection::{Policy, Rebuilding, Runner};
use es_store_memory::MemoryReadModel;
use es_testkit::{Process, Simulation};

use crate::{
    ledger::{Ledger, assert_complete, assert_complete_but, parked, store, write_many},
    rebuild::{Counts, SERVING, total},
};

struct World {
    log: Store,
    model: MemoryReadModel,
    ledger: Ledger,
}

async fn world() -> World {
    let (log, model) = (store(), MemoryReadModel::new());
    write_many(&log, 40, 6).await;
    World { log, model, ledger: Ledger::new() }
}

impl World {
    fn runner(&self, process: &Process, policy: Policy) -> Runner {
        let (log, model) = (process.store(&self.log), process.guard(self.model.clone()));
        Runner::new(log).project_with(self.ledger.clone(), model, policy)
    }
}

fn policy() -> Policy {
    Policy::default().with_batch(5).with_retries(0)
}

#[tokio::test]
async fn each_event_takes_effect_once() {
    let catch_up = async |process: Process, world: &World| {
        world.runner(&process, policy()).catch_up().await?;
        Ok(())
    };
    let check = async |world: &World| assert_complete(&world.log, &world.model).await;
    let tried = Simulation::everywhere(world, catch_up, check).await;
    assert!(tried >= 9, "a claim and eight commits: {tried}");
    Simulation::seeded(1).rounds(30).at_random(world, catch_up, check).await;
}

#[tokio::test]
async fn what_is_parked_is_neither_lost_nor_doubled() {
    let torn = async || {
        let world = world().await;
        world.ledger.fails_on("note/2");
        world
    };
    let catch_up = async |process: Process, world: &World| {
        world.runner(&process, policy()).catch_up().await?;
        Ok(())
    };
    let check = async |world: &World| {
        assert_complete_but(&world.log, &world.model, &["note/2"]).await;
        assert_eq!(parked(&world.model).await, [3, 9, 15, 21, 27, 33, 39]);
    };
    assert!(Simulation::everywhere(torn, catch_up, check).await >= 9);

    // And so it is when it is tried again and succeeds.
    let parked_before = async || {
        let world = torn().await;
        catch_up(Process::default(), &world).await.unwrap();
        world.ledger.says(|_| Ok(()));
        world
    };
    let retry = async |process: Process, world: &World| {
        let running = world.runner(&process, policy()).start()?;
        running.retry_parked("notes", None).await?;
        Ok(())
    };
    let check = async |world: &World| {
        assert_complete(&world.log, &world.model).await;
        let name = crate::ledger::subscriber();
        let left = world.model.parked_streams(&name).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    };
    Simulation::everywhere(parked_before, retry, check).await;
}

#[tokio::test]
async fn slices_share_the_work_and_nothing_is_done_twice() {
    let catch_up = async |process: Process, world: &World| {
        world.runner(&process, policy().with_slices(3)).catch_up().await?;
        Ok(())
    };
    let check = async |world: &World| assert_complete(&world.log, &world.model).await;
    Simulation::everywhere(world, catch_up, check).await;
    Simulation::seeded(2).rounds(30).at_random(world, catch_up, check).await;
}

#[tokio::test]
async fn a_rebuild_swaps_once_with_all_rows() {
    let served = async || {
        let world = world().await;
        let first = Runner::new(world.log.clone());
        first.project(Counts::<1>::default(), world.model.clone()).catch_up().await.unwrap();
        world
    };
    let rebuild = async |process: Process, world: &World| -> Result<(), BoxError> {
        let (log, model) = (process.store(&world.log), process.guard(world.model.clone()));
        Rebuilding::with_policy(log, Counts::<2>::default(), model, policy()).run().await?;
        Ok(())
    };
    let check = async |world: &World| {
        assert_eq!(world.model.get(&SERVING, &"counts").unwrap(), Some(2));
        assert_eq!(total(&world.model), 40);
        let name = es_core::SubscriberName::from_static("counts-v2");
        let letters = world.model.dead_letters(&name, Position::START, 10).await.unwrap();
        assert!(letters.is_empty(), "{letters:?}");
    };
    Simulation::everywhere(served, rebuild, check).await;
    Simulation::seeded(3).rounds(30).at_random(served, rebuild, check).await;
}
