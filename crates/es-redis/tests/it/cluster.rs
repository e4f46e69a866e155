//! A cluster of one process, which has all slots.

use es_redis::{Command, Redis, Script, slot};

use crate::server::{OwnServer, options};

#[test]
fn keys_go_where_the_cluster_has_them() {
    let fixture = async {
        let server =
            OwnServer::start(&["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"])
                .await;
        let one = server.connect().await;
        let slots = Command::new("CLUSTER").args(["ADDSLOTSRANGE", "0", "16383"]);
        one.command(slots).await.unwrap();
        let info = || Command::new("CLUSTER").arg("INFO");
        while !crate::server::text(one.command(info()).await.unwrap()).contains("cluster_state:ok")
        {
        }
        es_testkit::Fixture::new(server, ())
    };
    es_testkit::run(fixture, |server| async move {
        let url = format!("redis-cluster://127.0.0.1:{}", server.port());
        let redis = Redis::connect(&url, options()).await.unwrap();
        for key in ["a", "{b}c", "x{y}z"] {
            let asked = Command::new("CLUSTER").arg("KEYSLOT").arg(key);
            let asked = redis.command(asked).await.unwrap().int("slot").unwrap();
            assert_eq!(asked, i64::from(slot(key.as_bytes())));
            redis.command(Command::new("SET").key(key).arg(1)).await.unwrap();
        }
        let both = Script::new("#!lua\nreturn redis.call('EXISTS', KEYS[1], KEYS[2])");
        assert_eq!(redis.command(both.on(["{s}1", "{s}2"])).await.unwrap().int("n").unwrap(), 0);
        let error = redis.command(both.on(["a", "b"])).await.unwrap_err();
        assert!(error.is_refused_as("CROSSSLOT"), "{error}");
        let sly = Script::new("#!lua\nreturn redis.call('GET', 'b')");
        let error = redis.command(sly.on(["a"])).await.unwrap_err();
        assert!(error.refusal().unwrap().message().contains("same slot"), "{error}");
    });
}
