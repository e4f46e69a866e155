//! The chapters of the guide and the pages beside it, whose code blocks are doctests of this crate.

/// One item per chapter, so that a failing block is told under the name of its file.
macro_rules! chapters {
    ($($name:ident = $file:literal;)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("src/", $file))]
            struct $name;
        )*
    };
}

chapters! {
    Introduction = "introduction.md";
    Installation = "installation.md";
    GettingStarted = "getting-started.md";
    Events = "events.md";
    Stores = "stores.md";
    Aggregates = "aggregates.md";
    Projections = "projections.md";
    Bus = "bus.md";
    SchemaEvolution = "schema-evolution.md";
    Tenants = "tenants.md";
    Testing = "testing.md";
    Telemetry = "telemetry.md";
    OperatingPostgresql = "operating-postgresql.md";
    OperatingSqlite = "operating-sqlite.md";
    OperatingRedis = "operating-redis.md";
    Performance = "performance.md";
    Troubleshooting = "troubleshooting.md";
    Shop = "shop.md";
    Architecture = "architecture.md";
    ReferenceEvents = "reference-events.md";
    ReferenceStores = "reference-stores.md";
    ReferenceAggregates = "reference-aggregates.md";
    ReferenceProjections = "reference-projections.md";
    ReferenceBus = "reference-bus.md";
    MigratingFromEventsourcePy = "migrating-from-eventsource-py.md";
    MigratingFromCqrsEs = "migrating-from-cqrs-es.md";
    Comparison = "comparison.md";
    Faq = "faq.md";
    Glossary = "glossary.md";
    PagePostgresql = "../../postgresql.md";
    PageRedis = "../../redis.md";
    PageSchemaEvolution = "../../schema-evolution.md";
}
