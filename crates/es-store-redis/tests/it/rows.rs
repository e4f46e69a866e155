//! What the transaction of a read model writes, reads, and refuses.

use std::collections::HashMap;

use es_core::{
    Checkpoint, CheckpointStore, ErrorKind, LogId, Owner, Position, Progress, ReadModel, Result,
    SubscriberName,
};
use es_store_redis::{RedisReadModel, RedisTx};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};
use fastrand::Rng;

use crate::server::{model_named, namespace, url};

pub(crate) fn name() -> SubscriberName {
    SubscriberName::from_static("rows")
}

/// A model, and the checkpoint that its transactions are committed under.
pub(crate) struct Model {
    pub(crate) model: RedisReadModel,
    pub(crate) checkpoint: Checkpoint,
    at: u64,
}

impl Model {
    pub(crate) async fn open(url: &str, namespace: &str, log: LogId) -> Self {
        let model = model_named(url, namespace).await;
        let checkpoint = model.claim(&name(), log, &Owner::new("one")).await.unwrap();
        let at = checkpoint.position.get();
        Self { model, checkpoint, at }
    }

    /// Commits one step further.
    pub(crate) async fn commit(&mut self, tx: RedisTx) -> Result<()> {
        let progress = Progress::from(&self.checkpoint, Position::new(self.at + 1));
        self.model.commit(tx, &progress).await?;
        self.at += 1;
        Ok(())
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let value = self.model.get(key).await.unwrap();
        value.map(|value| String::from_utf8(value.into()).unwrap())
    }
}

fn with_a_model<Test: Future<Output = ()>>(test: impl FnOnce(Model) -> Test) {
    es_testkit::run(
        async { Fixture::new(Model::open(&url(), &namespace(), LogId::generate()).await, ()) },
        test,
    );
}

fn text(value: Option<impl AsRef<[u8]>>) -> Option<String> {
    value.map(|value| String::from_utf8(value.as_ref().to_vec()).unwrap())
}

#[test]
fn a_read_sees_what_the_same_transaction_wrote() {
    with_a_model(|mut model| async move {
        let mut tx = model.model.begin().await.unwrap();
        tx.set("n", "40").unwrap();
        tx.hash_set("h", "a", "1").unwrap();
        tx.hash_set("h", "b", "2").unwrap();
        model.commit(tx).await.unwrap();

        let mut tx = model.model.begin().await.unwrap();
        tx.increment("n", 2).unwrap();
        assert_eq!(text(tx.get("n").await.unwrap()).as_deref(), Some("42"));
        assert_eq!(model.get("n").await.as_deref(), Some("40"), "nothing is written yet");
        tx.hash_increment("h", "a", -5).unwrap();
        tx.hash_delete("h", "b").unwrap();
        assert_eq!(text(tx.hash_get("h", "a").await.unwrap()).as_deref(), Some("-4"));
        assert_eq!(tx.hash_get("h", "b").await.unwrap(), None);
        tx.delete("h").unwrap();
        assert_eq!(tx.hash_get("h", "a").await.unwrap(), None);
        tx.hash_increment("h", "a", 3).unwrap();
        assert_eq!(text(tx.hash_get("h", "a").await.unwrap()).as_deref(), Some("3"));
        model.commit(tx).await.unwrap();
        assert_eq!(model.get("n").await.as_deref(), Some("42"));
        let a = model.model.hash_get("h", "a").await.unwrap();
        assert_eq!(text(a).as_deref(), Some("3"));
    });
}

#[test]
fn a_commit_is_refused_when_what_it_read_has_changed() {
    with_a_model(|mut model| async move {
        for (field, before) in [(None, None), (Some("f"), None), (None, Some("1"))] {
            let mut tx = model.model.begin().await.unwrap();
            for key in ["n", "h"] {
                tx.delete(key).unwrap();
            }
            if let Some(before) = before {
                tx.set("n", before).unwrap();
            }
            model.commit(tx).await.unwrap();

            let mut slow = model.model.begin().await.unwrap();
            let read = match field {
                None => slow.get("n").await.unwrap(),
                Some(field) => slow.hash_get("h", field).await.unwrap(),
            };
            assert_eq!(text(read).as_deref(), before);
            slow.set("seen", "yes").unwrap();
            let mut quick = model.model.begin().await.unwrap();
            match field {
                None => quick.set("n", "2").unwrap(),
                Some(field) => quick.hash_set("h", field, "2").unwrap(),
            }
            model.commit(quick).await.unwrap();
            let error = model.commit(slow).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            assert_eq!(model.get("seen").await, None);
        }
    });
}

#[test]
fn what_cannot_be_written_refuses_all_of_it() {
    with_a_model(|mut model| async move {
        let mut tx = model.model.begin().await.unwrap();
        tx.set("text", "abc").unwrap();
        tx.set("large", (i64::MAX - 1).to_string()).unwrap();
        tx.set("limit", ((1_i64 << 53) - 1).to_string()).unwrap();
        tx.hash_set("hash", "text", " 1").unwrap();
        tx.set_add("set", "member").unwrap();
        model.commit(tx).await.unwrap();
        type Act = fn(&mut RedisTx) -> Result<()>;
        let refused: [Act; 11] = [
            |tx| tx.increment("text", 1),
            |tx| tx.increment("large", 1),
            |tx| tx.increment("limit", 1),
            |tx| tx.increment("hash", 1),
            |tx| tx.hash_increment("hash", "text", 1),
            |tx| tx.hash_set("text", "a", "b"),
            |tx| tx.list_push("set", "x"),
            |tx| tx.sorted_add("set", "x", 1.0),
            |tx| tx.set_add("hash", "x"),
            |tx| tx.list_keep_last("text", 1),
            |tx| {
                // Of a type that an earlier write of the same transaction gives it.
                tx.set("fresh", "1")?;
                tx.hash_set("fresh", "a", "1")
            },
        ];
        for (at, act) in refused.into_iter().enumerate() {
            let mut tx = model.model.begin().await.unwrap();
            tx.set("before", "1").unwrap();
            act(&mut tx).unwrap();
            tx.set("after", "1").unwrap();
            let error = model.commit(tx).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{at}: {error}");
            assert_eq!(model.get("before").await, None, "{at}");
            let known = model.model.checkpoint(&name()).await.unwrap().unwrap();
            assert_eq!(known.position.get(), model.at, "{at}");
        }
    });
}

#[test]
fn a_row_of_another_type_is_not_what_was_asked_for() {
    with_a_model(|mut model| async move {
        let mut tx = model.model.begin().await.unwrap();
        tx.set("text", "abc").unwrap();
        tx.hash_set("hash", "a", "1").unwrap();
        model.commit(tx).await.unwrap();
        let mut tx = model.model.begin().await.unwrap();
        for error in [
            model.model.get("hash").await.unwrap_err(),
            model.model.hash_get("text", "a").await.unwrap_err(),
            tx.get("hash").await.unwrap_err(),
            tx.hash_get("text", "a").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("another type"), "{error}");
        }
    });
}

#[test]
fn bad_input_and_too_much_of_it_are_refused_at_once() {
    with_a_model(|model| async move {
        let mut tx = model.model.begin().await.unwrap();
        assert!(tx.increment("n", 1 << 53).is_err());
        assert!(tx.sorted_add("z", "m", f64::NAN).is_err());
        assert!(tx.sorted_increment("z", "m", f64::INFINITY).is_err());
        assert!(tx.list_keep_last("l", 0).is_err());
        assert!(tx.set("large", vec![0; (16 << 20) + 1]).is_err());
        for n in 0..10_000 {
            tx.set(&format!("k{n}"), "v").unwrap();
        }
        let error = tx.set("one", "more").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

/// One of the commands, at random.
fn draw(rng: &mut Rng, tx: &mut RedisTx) {
    let key = ["a", "b", "c", "d"][rng.usize(..4)];
    let field = ["f", "g", ""][rng.usize(..3)];
    let values = ["", "7", "-3", "007", "-0", "x", "9007199254740991", "-9007199254740991", "1e3"];
    let value = values[rng.usize(..values.len())];
    let by = [1, -1, 0, (1 << 53) - 1, -((1 << 53) - 1)][rng.usize(..5)];
    match rng.u8(..14) {
        0 => tx.set(key, value),
        1 => tx.increment(key, by),
        2 | 3 => tx.delete(key),
        4 => tx.hash_set(key, field, value),
        5 => tx.hash_increment(key, field, by),
        6 => tx.hash_delete(key, field),
        7 => tx.set_add(key, value),
        8 => tx.set_remove(key, value),
        9 => tx.sorted_add(key, value, rng.f64() * 1e308),
        10 => tx.sorted_increment(key, value, -1e308),
        11 => tx.sorted_remove(key, value),
        12 => tx.list_push(key, value),
        _ => tx.list_keep_last(key, rng.u32(1..3)),
    }
    .unwrap();
}

/// A write that fails in the middle of the script would leave half of a transaction.
#[test]
fn no_mixture_of_writes_fails_half_way() {
    es_testkit::run(
        async {
            let config = RedisConfig::in_memory().with("enable-debug-command", "yes");
            Fixture::new(RedisServer::start(&config), ())
        },
        |server| async move {
            let mut model = Model::open(&server.url(), "rows", LogId::generate()).await;
            let mut rng = Rng::with_seed(11);
            let (mut taken, mut refused) = (0, 0);
            for round in 0..4_000 {
                let mut tx = model.model.begin().await.unwrap();
                for _ in 0..rng.usize(1..7) {
                    draw(&mut rng, &mut tx);
                }
                tx.set("round", round.to_string()).unwrap();
                let before = server.ask(&["DEBUG", "DIGEST"]).text();
                match model.commit(tx).await {
                    Ok(()) => {
                        taken += 1;
                        assert_eq!(model.get("round").await, Some(round.to_string()));
                    }
                    Err(error) => {
                        refused += 1;
                        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
                        assert_eq!(server.ask(&["DEBUG", "DIGEST"]).text(), before, "{error}");
                    }
                }
            }
            assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
        },
    );
}

/// Reads of a transaction are right whatever was written before, in it or earlier.
#[test]
fn reads_agree_with_a_model() {
    with_a_model(|mut model| async move {
        let mut rng = Rng::with_seed(12);
        let mut known: HashMap<(String, Option<String>), i64> = HashMap::new();
        for _ in 0..150 {
            let mut tx = model.model.begin().await.unwrap();
            for _ in 0..8 {
                let field = rng.bool().then(|| format!("f{}", rng.u8(..2)));
                // Hashes and strings have keys of their own.
                let key = format!("{}{}", if field.is_some() { "h" } else { "s" }, rng.u8(..2));
                let place = (key.clone(), field.clone());
                let by = rng.i64(-9..9);
                match (rng.u8(..4), &field) {
                    (0, None) => {
                        tx.set(&key, by.to_string()).unwrap();
                        known.insert(place, by);
                    }
                    (0, Some(field)) => {
                        tx.hash_set(&key, field, by.to_string()).unwrap();
                        known.insert(place, by);
                    }
                    (1, None) => {
                        tx.increment(&key, by).unwrap();
                        *known.entry(place).or_default() += by;
                    }
                    (1, Some(field)) => {
                        tx.hash_increment(&key, field, by).unwrap();
                        *known.entry(place).or_default() += by;
                    }
                    (2, None) => {
                        tx.delete(&key).unwrap();
                        known.remove(&place);
                    }
                    (2, Some(_)) if rng.bool() => {
                        tx.delete(&key).unwrap();
                        known.retain(|(other, _), _| *other != key);
                    }
                    (2, Some(field)) => {
                        tx.hash_delete(&key, field).unwrap();
                        known.remove(&place);
                    }
                    (_, field) => {
                        let read = match field {
                            None => tx.get(&key).await.unwrap(),
                            Some(field) => tx.hash_get(&key, field).await.unwrap(),
                        };
                        let expected = known.get(&place).map(i64::to_string);
                        assert_eq!(text(read), expected, "{place:?}");
                    }
                }
            }
            model.commit(tx).await.unwrap();
        }
    });
}
