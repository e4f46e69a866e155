//! What a simulation tries, and that it finds what it is for.

use std::sync::{Arc, Mutex};

use es_core::{
    Append, CheckpointStore, EventId, ExpectedVersion, Follow, NewEvent, Owner, Payload, Position,
    Progress, Read, Schema, Store, StreamId, SubscriberName,
};
use es_store_memory::{MemoryCheckpointStore, MemoryStore};
use tokio::sync::Semaphore;

use super::*;

const MAILS: SubscriberName = SubscriberName::from_static("mails");

/// A log of three orders, a checkpoint, and the mails that were sent.
#[derive(Clone)]
struct World {
    log: Store,
    checkpoints: MemoryCheckpointStore,
    sent: Arc<Mutex<Vec<EventId>>>,
}

fn order(number: u32) -> Append {
    let event = NewEvent::raw(Schema::from_static("ordered", 1), Payload::json(&number).unwrap());
    let stream = StreamId::new("order", number).unwrap();
    Append::to(stream, ExpectedVersion::NoStream).event(event)
}

async fn world() -> World {
    let log = Store::new(MemoryStore::new());
    for number in 1..=3 {
        log.append(order(number)).await.unwrap();
    }
    World { log, checkpoints: MemoryCheckpointStore::new(), sent: Arc::default() }
}

impl World {
    fn sent(&self) -> Vec<EventId> {
        self.sent.lock().unwrap().clone()
    }

    async fn events(&self) -> Vec<EventId> {
        let events = self.log.read(Read::all()).into_vec().await.unwrap();
        events.iter().map(|event| event.id).collect()
    }

    /// Mails each order that was not mailed, with what the recipient does about repetitions.
    async fn mail(&self, process: &Process, is_recognised: bool) -> Result<(), BoxError> {
        let (log, checkpoints) =
            (process.store(&self.log), process.guard(self.checkpoints.clone()));
        let mine = checkpoints.claim(&MAILS, log.head().await?.log, &Owner::new("me")).await?;
        let mut events = log.read(Read::all().after(mine.position));
        while let Some(event) = events.next().await.transpose()? {
            let send = async {
                let mut sent = self.sent.lock().unwrap();
                if !(is_recognised && sent.contains(&event.id)) {
                    sent.push(event.id);
                }
            };
            process.effect("a mail", send).await;
            checkpoints.advance(&Progress::from(&mine, event.position)).await?;
        }
        Ok(())
    }

    async fn each_once(&self) {
        assert_eq!(self.sent(), self.events().await, "each order is mailed once");
    }
}

#[tokio::test]
async fn a_program_that_can_be_killed_anywhere_passes() {
    let program = async |process: Process, world: &World| world.mail(&process, true).await;
    let tried = Simulation::everywhere(world, program, World::each_once).await;
    assert_eq!(tried, 7, "a claim, three mails, three advances");
    let killed = Simulation::seeded(7).rounds(20).at_random(world, program, World::each_once);
    let killed = killed.await;
    assert!((20..=60).contains(&killed), "{killed}");
}

#[tokio::test]
#[should_panic(expected = "killed behind write 2 (a mail), and started again: ")]
async fn a_program_that_mails_twice_is_caught() {
    let program = async |process: Process, world: &World| world.mail(&process, false).await;
    Simulation::everywhere(world, program, World::each_once).await;
}

#[tokio::test]
async fn a_seed_repeats_what_was_found() {
    let find = async |seed: u64, rounds: u32| {
        let program = async |process: Process, world: &World| world.mail(&process, false).await;
        let simulation = Simulation::seeded(seed).rounds(rounds);
        let found = simulation.at_random(world, program, World::each_once);
        let panic = AssertUnwindSafe(found).catch_unwind().await.unwrap_err();
        panic_text(&*panic).split(": assertion").next().unwrap().to_owned()
    };
    let found = find(1, 100).await;
    let seed = found.split("seeded(").nth(1).and_then(|rest| rest.split(')').next()).unwrap();
    assert_eq!(find(seed.parse().unwrap(), 1).await, found);
}

#[tokio::test]
#[should_panic(expected = "wrote nothing through its process")]
async fn a_program_that_goes_past_its_process_proves_nothing() {
    let program = async |_: Process, world: &World| {
        world.log.append(order(4)).await?;
        Ok(())
    };
    Simulation::everywhere(world, program, async |_: &World| {}).await;
}

#[tokio::test]
#[should_panic(expected = "killed behind write 1 (an append to order/4), and started again: the \
                           program failed: stream order/4 is at version 1")]
async fn a_program_that_fails_when_it_starts_again_is_caught() {
    let program = async |process: Process, world: &World| {
        process.store(&world.log).append(order(4)).await?;
        Ok(())
    };
    Simulation::everywhere(world, program, async |_: &World| {}).await;
}

/// It may have begun tasks that nobody stops. The machine would have.
#[tokio::test]
async fn what_a_killed_program_leaves_running_reaches_nothing() {
    let later = Arc::new(Semaphore::new(0));
    let program = async |process: Process, world: &World| {
        let (log, checkpoints) =
            (process.store(&world.log), process.guard(world.checkpoints.clone()));
        let (mut followed, id) = (log.follow(Read::all()), log.head().await?.log);
        let (sent, turn) = (Arc::clone(&world.sent), Arc::clone(&later));
        tokio::spawn(async move {
            turn.acquire().await.unwrap().forget();
            while let Some(Ok(next)) = followed.next().await {
                if let Follow::Event(event) = next {
                    sent.lock().unwrap().push(event.id);
                }
            }
        });
        let (task, turn) = (log.clone(), Arc::clone(&later));
        tokio::spawn(async move {
            turn.acquire().await.unwrap().forget();
            task.append(order(9)).await.unwrap();
        });
        let turn = Arc::clone(&later);
        tokio::spawn(async move {
            turn.acquire().await.unwrap().forget();
            checkpoints.claim(&MAILS, id, &Owner::new("late")).await.unwrap();
        });
        // It meets what the life before has appended.
        let append = order(4).build()?;
        if log.version(&append.streams()[0].stream).await?.is_none() {
            log.append(order(4)).await?;
        }
        process.effect("the end", async {}).await;
        Ok(())
    };
    let check = async |world: &World| {
        later.add_permits(100);
        // There is one thread, on which each of them goes on as far as it can.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        later.forget_permits(100);
        assert_eq!(world.events().await.len(), 4, "no late append");
        assert!(world.sent().is_empty(), "nothing was followed further");
        let claimed = world.checkpoints.checkpoint(&MAILS).await.unwrap();
        assert!(claimed.is_none(), "{claimed:?}");
    };
    assert_eq!(Simulation::everywhere(world, program, check).await, 2);
}

#[tokio::test]
async fn it_dies_behind_the_write_and_before_the_answer() {
    let told = Mutex::new(Vec::new());
    let program = async |process: Process, world: &World| {
        let log = process.store(&world.log);
        if world.log.head().await?.position == Position::new(3) {
            log.append(order(4)).await?;
            told.lock().unwrap().push("the append");
        }
        process.effect("the end", async {}).await;
        Ok(())
    };
    let check = async |world: &World| {
        assert_eq!(world.events().await.len(), 4);
        told.lock().unwrap().push("checked");
    };
    assert_eq!(Simulation::everywhere(world, program, check).await, 2);
    let expected = ["the append", "checked", "checked", "the append", "checked"];
    assert_eq!(*told.lock().unwrap(), expected);
}
