//! The public contract, case by case.

mod store {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::contract_tests!(
        fixture = || async {
            let schema = Schema::new(url());
            Fixture::new(schema.store().await, schema)
        }
    );
}

mod shared {
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::shared_contract_tests!(
        fixture = || async {
            let schema = Schema::new(url());
            Fixture::new([schema.store().await, schema.store().await], schema)
        }
    );
}

mod snapshots {
    use es_store_postgres::PostgresSnapshotStore;
    use es_testkit::Fixture;

    use crate::server::{Schema, url};

    es_testkit::snapshot_contract_tests!(
        fixture = || async {
            let schema = Schema::new(url());
            let opened = PostgresSnapshotStore::open_with(&schema.url, schema.options());
            Fixture::new(opened.await.unwrap(), schema)
        }
    );
}

pub(crate) mod read_model {
    use es_store_postgres::{PgTx, PostgresReadModel};
    use es_testkit::{Fixture, read_model::Rows};

    use crate::server::{Schema, connect, url};

    async fn model() -> Fixture<PostgresReadModel> {
        let schema = Schema::new(url());
        Fixture::new(schema.read_model().await, schema)
    }

    es_testkit::checkpoint_contract_tests!(fixture = model);
    mod dead_letters {
        es_testkit::dead_letter_contract_tests!(fixture = super::model);
    }

    pub(crate) struct Numbers {
        model: PostgresReadModel,
        url: String,
        table: String,
    }

    impl Numbers {
        pub(crate) async fn on(schema: Schema) -> Fixture<Self> {
            let model = schema.read_model().await;
            let table = format!("{}.numbers", schema.name);
            let sql = format!("CREATE TABLE {table} (key text PRIMARY KEY, value bigint)");
            connect(&schema.url).await.batch_execute(&sql).await.unwrap();
            Fixture::new(Self { model, url: schema.url.clone(), table }, schema)
        }
    }

    impl Rows for Numbers {
        type Model = PostgresReadModel;

        fn model(&self) -> &PostgresReadModel {
            &self.model
        }

        async fn put(&self, tx: &mut PgTx, key: &str, value: i64) {
            let sql = format!(
                "INSERT INTO {} VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2",
                self.table
            );
            tx.execute(&sql, &[&key, &value]).await.unwrap();
        }

        async fn get(&self, key: &str) -> Option<i64> {
            let client = connect(&self.url).await;
            let sql = format!("SELECT value FROM {} WHERE key = $1", self.table);
            let types = [(&key as _, es_store_postgres::tokio_postgres::types::Type::TEXT)];
            client.query_typed_opt(&sql, &types).await.unwrap().map(|row| row.get(0))
        }
    }

    es_testkit::read_model_contract_tests!(fixture = || Numbers::on(Schema::new(url())));
}
