//! Random histories against the model.

use std::sync::Mutex;

use es_core::Store;
use es_store_redis::RedisStore;
use es_testkit::machine::{Histories, test};

use crate::server::{Log, url};

#[test]
fn the_store_does_what_the_model_does() {
    es_testkit::run(async { es_testkit::Fixture::new(url(), ()) }, |_| async {
        let histories = || {
            let logs = Mutex::new(Vec::new());
            test(
                || {
                    let log = Log::new();
                    let (url, options) = (log.url.clone(), log.options());
                    logs.lock().unwrap().push(log);
                    async move { Store::new(RedisStore::open_with(&url, options).await.unwrap()) }
                },
                Histories::new(100),
            );
        };
        std::thread::scope(|scope| scope.spawn(histories).join().unwrap());
    });
}
