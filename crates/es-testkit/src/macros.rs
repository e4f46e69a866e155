//! The macros that make a named test of every case.

/// Makes a test of every case of the contract of [`EventStore`](es_core::EventStore).
///
/// `store` is a factory: a closure that gives a future of a fresh, empty
/// [`Store`](es_core::Store). It is called once per test; no two tests may share a log.
/// Where something must be cleaned up after the test, write `fixture` instead and give a
/// [`Fixture`](crate::Fixture) of the store and its guard.
///
/// There is a module per promise, with a test per case in it, as in
/// `l3_checked::a_conflict_names_the_actual_version`. Several invocations in one crate
/// each need a module of their own.
///
/// ```
/// mod my_store {
/// #   fn open() -> es_core::Store { unreachable!("a doctest runs no tests") }
///     es_testkit::contract_tests!(store = || async { open() });
/// }
/// mod my_store_on_disk {
/// #   struct Directory;
/// #   fn directory() -> Directory { Directory }
/// #   fn open_in(_: &Directory) -> es_core::Store { unreachable!("a doctest runs no tests") }
///     es_testkit::contract_tests!(fixture = || async {
///         let directory = directory();
///         es_testkit::Fixture::new(open_in(&directory), directory)
///     });
/// }
/// ```
#[macro_export]
macro_rules! contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_store() -> $crate::Fixture<$crate::__private::Store> {
            $crate::__factory!($kind(store) $factory)
        }
        $crate::__store_cases! { $crate::__tests, (__fresh_store) }
    };
}

/// Makes a test of every case of the contract of a log that several processes use at once:
/// for stores that report [`Capabilities::shared`](es_core::Capabilities).
///
/// `handles` is a factory as in [`contract_tests!`], for two handles on one fresh, empty
/// log, each opened on its own; `fixture` gives them with a guard. The cases of
/// [`contract_tests!`] are needed beside these.
///
/// ```
/// mod my_store_twice {
/// #   struct Directory;
/// #   fn directory() -> Directory { Directory }
/// #   fn open_in(_: &Directory) -> es_core::Store { unreachable!("a doctest runs no tests") }
///     es_testkit::shared_contract_tests!(fixture = || async {
///         let directory = directory();
///         es_testkit::Fixture::new([open_in(&directory), open_in(&directory)], directory)
///     });
/// }
/// ```
#[macro_export]
macro_rules! shared_contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_handles() -> $crate::Fixture<[$crate::__private::Store; 2]> {
            $crate::__factory!($kind(handles) $factory)
        }
        $crate::__shared_cases! { $crate::__tests, (__fresh_handles) }
    };
}

/// Makes a test of every case of the contract of
/// [`SnapshotStore`](es_core::SnapshotStore).
///
/// `snapshots` is a factory as in [`contract_tests!`](crate::contract_tests), for a fresh,
/// empty snapshot store; `fixture` gives one with a guard.
#[macro_export]
macro_rules! snapshot_contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_snapshots() -> $crate::Fixture<impl $crate::__private::SnapshotStore> {
            $crate::__factory!($kind(snapshots) $factory)
        }
        $crate::__snapshot_cases! { $crate::__tests, (__fresh_snapshots) }
    };
}

/// Makes a test of every case of the contract of
/// [`CheckpointStore`](es_core::CheckpointStore).
///
/// `checkpoints` is a factory as in [`contract_tests!`](crate::contract_tests), for a
/// fresh, empty checkpoint store; `fixture` gives one with a guard.
#[macro_export]
macro_rules! checkpoint_contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_checkpoints() -> $crate::Fixture<impl $crate::__private::CheckpointStore> {
            $crate::__factory!($kind(checkpoints) $factory)
        }
        $crate::__checkpoint_cases! { $crate::__tests, (__fresh_checkpoints) }
    };
}

/// Makes a test of every case of the contract of
/// [`DeadLetterStore`](es_core::DeadLetterStore).
///
/// `dead_letters` is a factory as in [`contract_tests!`](crate::contract_tests), for a
/// fresh, empty store that keeps checkpoints and dead letters: letters are parked and
/// released through a checkpoint's progress. `fixture` gives one with a guard.
#[macro_export]
macro_rules! dead_letter_contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_dead_letters() -> $crate::Fixture<
            impl $crate::__private::CheckpointStore + $crate::__private::DeadLetterStore,
        > {
            $crate::__factory!($kind(dead_letters) $factory)
        }
        $crate::__dead_letter_cases! { $crate::__tests, (__fresh_dead_letters) }
    };
}

/// Makes a test of every case of the contract of [`ReadModel`](es_core::ReadModel).
///
/// `rows` is a factory as in [`contract_tests!`](crate::contract_tests), for
/// [`Rows`](crate::read_model::Rows) on a fresh, empty model; `fixture` gives them with a
/// guard. A read model is a checkpoint and dead-letter store as well: run the cases of
/// those on it, too.
#[macro_export]
macro_rules! read_model_contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_rows() -> $crate::Fixture<impl $crate::read_model::Rows> {
            $crate::__factory!($kind(rows) $factory)
        }
        $crate::__read_model_cases! { $crate::__tests, (__fresh_rows) }
    };
}

/// Makes a test of every case of the contract of a bus (B1 to B4): a relay from a log, the
/// transport, and its consumers together.
///
/// `bus` is a factory as in [`contract_tests!`](crate::contract_tests), for a
/// [`BusUnderTest`](crate::bus::BusUnderTest) on a fresh, empty log; `fixture` gives one with a
/// guard.
#[macro_export]
macro_rules! bus_contract_tests {
    ($kind:ident = $factory:expr $(,)?) => {
        async fn __fresh_bus() -> $crate::Fixture<impl $crate::bus::BusUnderTest> {
            $crate::__factory!($kind(bus) $factory)
        }
        $crate::__bus_cases! { $crate::__tests, (__fresh_bus) }
    };
}

/// Calls the factory as its name says.
#[doc(hidden)]
#[macro_export]
macro_rules! __factory {
    (fixture($subject:ident) $factory:expr) => {
        $crate::__private::from_fixture($factory).await
    };
    (store(store) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    (handles(handles) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    (snapshots(snapshots) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    (checkpoints(checkpoints) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    (dead_letters(dead_letters) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    (bus(bus) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    (rows(rows) $factory:expr) => {
        $crate::__private::from_subject($factory).await
    };
    ($kind:ident($subject:ident) $factory:expr) => {
        compile_error!(concat!(
            "write `",
            stringify!($subject),
            " = ..` or `fixture = ..`, not `",
            stringify!($kind),
            "`"
        ))
    };
}

/// Makes tests of a list of cases.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    (($fresh:ident) $port:ident { $($promise:ident { $($case:ident)* })* }) => {
        $(
            mod $promise {
                $(
                    #[test]
                    fn $case() {
                        $crate::__private::run(super::$fresh(), $crate::$port::$promise::$case);
                    }
                )*
            }
        )*
    };
}
