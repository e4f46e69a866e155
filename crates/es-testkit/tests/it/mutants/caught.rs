//! Which case notices which bug. Each case is run without the bug as well: a case that
//! fails on everything notices nothing.

use std::{sync::Arc, time::Duration};

use es_core::Store;
use es_testkit::store::{
    l1_atomic, l2_no_skip, l2_ordered, l3_checked, l3_unless, l4_clash, l4_idempotent,
    l6_cancel_safe, l8_bounds, l8_faithful, l8_fold, l8_pages, l8_select, l9_follow, l9_wait,
    tenants,
};

use super::{
    super::naive::Naive,
    bugs::{Broken, Bug},
};

/// One test per line: its name, the bug, and the cases that must notice it.
macro_rules! noticed {
    ($($name:ident: $bug:ident by $($case:path),+;)+) => {$(
        #[test]
        fn $name() {
            $(
                passes($case(store(Bug::None)));
                fails($case(store(Bug::$bug)));
            )+
        }
    )+};
}

noticed! {
    half_of_a_batch: PublishesHalfOfABatch by
        l1_atomic::a_concurrent_reader_never_sees_part_of_an_append,
        l1_atomic::a_resuming_reader_never_sees_part_of_an_append,
        l1_atomic::the_head_is_the_end_of_an_append,
        l6_cancel_safe::a_dropped_append_leaves_all_or_nothing;
    stream_by_stream: CommitsStreamByStream by
        l1_atomic::a_failed_append_leaves_nothing_in_any_of_its_streams,
        l3_checked::a_conflict_in_the_second_stream_writes_nothing_in_the_first;
    no_conflict_check: DropsTheConflictCheck by
        l3_checked::no_stream_conflicts_with_an_existing_stream,
        l3_checked::exact_conflicts_with_a_longer_stream;
    check_then_write: ChecksThenWrites by
        l3_checked::one_of_many_creates_the_stream,
        l3_checked::one_of_many_wins_each_exact_version;
    wrong_version: NamesTheWrongVersion by
        l3_checked::a_conflict_names_the_actual_version;
    any_that_conflicts: ConflictsOnAny by
        l3_checked::any_never_conflicts_under_concurrency;
    required_streams: IgnoresRequiredStreams by
        l3_checked::a_required_stream_that_is_not_as_required_conflicts,
        l3_checked::a_required_stream_is_checked_in_the_same_commit;
    doubled_retry: DoublesARetry by
        l4_idempotent::the_same_append_again_gives_the_first_receipt,
        l4_idempotent::of_concurrent_identical_appends_one_writes,
        l4_idempotent::retries_under_load_double_nothing;
    check_before_replay: ChecksBeforeItReplays by
        l4_idempotent::a_replay_does_not_look_at_the_expected_version;
    content: IgnoresTheContent by
        l4_clash::another_payload_clashes,
        l4_clash::part_of_a_batch_clashes,
        l4_clash::another_stream_clashes;
    conditions: DropsConditions by
        l3_unless::a_matching_tag_fails_the_append,
        l3_unless::a_matching_type_fails_the_append;
    check_conditions_then_write: ChecksConditionsThenWrites by
        l3_unless::one_of_many_with_the_same_condition_wins;
    boundary: CountsTheBoundary by
        l3_unless::the_boundary_itself_does_not_count;
    mixed_tenants: MixesTenantsInConditions by
        l3_unless::a_condition_is_scoped_to_the_tenant;
    lost_connections: LosesItsConnection by
        l6_cancel_safe::a_dropped_append_leaves_all_or_nothing,
        l6_cancel_safe::other_callers_are_not_disturbed;
    skipped_positions: SkipsPositions by
        l2_no_skip::a_reader_between_appends_misses_nothing,
        l2_no_skip::no_reader_skips_under_random_load,
        l2_no_skip::nothing_appears_below_a_head_that_was_seen,
        l9_follow::several_followers_meet_the_same;
    undecodable_events: DropsUndecodableEvents by
        l8_faithful::an_undecodable_event_is_an_error_with_its_position,
        l8_faithful::any_bytes_come_back;
    one_page: ReadsEverythingAtOnce by
        l8_pages::a_large_stream_comes_in_bounded_pages;
    endless_read: ChasesTheHead by
        l8_pages::a_read_ends_although_writers_keep_writing;
    limit_before_order: LimitsBeforeItTurns by
        l8_bounds::a_limit_takes_the_first_of_the_order,
        l8_select::random_reads_agree_with_what_they_cover;
    limit_before_filter: LimitsBeforeItFilters by
        l8_bounds::a_limit_counts_what_is_let_through,
        l8_select::random_reads_agree_with_what_they_cover;
    bound: StartsAtTheBound by
        l8_bounds::after_a_position,
        l8_bounds::pages_by_limit_and_bound_fit_together,
        l9_follow::history_comes_before_what_is_appended;
    json: ReformatsJson by
        l8_faithful::json_comes_back_byte_for_byte;
    empty_query: TakesNothingForEverything by
        l8_select::by_no_type_at_all;
    merged_tenants: MergesTenants by
        tenants::a_scoped_handle_reads_its_tenants_events,
        tenants::a_scoped_handle_finds_its_tenants_events,
        tenants::all_tenants_are_an_explicit_choice;
    fold: FoldsTheWrongBytes by
        l8_fold::a_fold_is_given_what_a_read_yields,
        l8_fold::a_fold_of_a_large_stream_is_whole,
        l8_fold::an_undecodable_event_ends_a_fold_with_its_position;
    lost_wake_ups: LosesWakeUps by
        l9_wait::no_wake_up_is_lost,
        l9_wait::two_that_answer_each_other_never_stop;
    one_wake_up: WakesOnlyOne by
        l9_wait::all_that_wait_are_woken;
    stale_head: HasAStaleHead by
        l2_ordered::the_head_is_the_last_position,
        l9_follow::caught_up_advances_behind_a_filter;
}

fn store(bug: Bug) -> Store {
    Store::new(Broken::new(Arc::new(Naive::new()), bug))
}

#[track_caller]
pub(super) fn passes(case: impl Future<Output = ()> + Send + 'static) {
    assert!(run(case), "the case fails without any bug");
}

#[track_caller]
pub(super) fn fails(case: impl Future<Output = ()> + Send + 'static) {
    assert!(!run(case), "the case does not notice the bug");
}

/// Whether the case comes to a good end.
///
/// One thread, so that the tasks take turns in the same order each time. The clock stands
/// still while there is anything to do and jumps when there is not, so a case that hangs
/// on a lost wake-up ends at once.
fn run(case: impl Future<Output = ()> + Send + 'static) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let case = tokio::spawn(case);
        let outcome = tokio::time::timeout(Duration::from_secs(60), case).await;
        matches!(outcome, Ok(Ok(())))
    })
}
