//! Checkpoints, dead letters, read models and snapshots, by the contract.

use es_store_redis::{RedisReadModel, RedisSnapshotStore, RedisTx};
use es_testkit::{Fixture, read_model::Rows};

use crate::server::{model_named, named, namespace, url};

async fn model() -> Fixture<RedisReadModel> {
    Fixture::new(model_named(&url(), &namespace()).await, ())
}

mod checkpoints {
    es_testkit::checkpoint_contract_tests!(fixture = super::model);
}

mod dead_letters {
    es_testkit::dead_letter_contract_tests!(fixture = super::model);
}

mod snapshots {
    use super::{Fixture, RedisSnapshotStore, named, namespace, url};

    es_testkit::snapshot_contract_tests!(
        fixture = || async {
            Fixture::new(
                RedisSnapshotStore::open_with(&url(), named(&namespace())).await.unwrap(),
                (),
            )
        }
    );
}

struct Numbers(RedisReadModel);

impl Rows for Numbers {
    type Model = RedisReadModel;

    fn model(&self) -> &RedisReadModel {
        &self.0
    }

    async fn put(&self, tx: &mut RedisTx, key: &str, value: i64) {
        tx.hash_set("numbers", key, value.to_string()).unwrap();
    }

    async fn get(&self, key: &str) -> Option<i64> {
        let value = self.0.hash_get("numbers", key).await.unwrap()?;
        Some(std::str::from_utf8(&value).unwrap().parse().unwrap())
    }
}

mod rows {
    use super::{Fixture, Numbers, model_named, namespace, url};

    es_testkit::read_model_contract_tests!(
        fixture = || async {
            let model = model_named(&url(), &namespace()).await;
            Fixture::new(Numbers(model), ())
        }
    );
}
