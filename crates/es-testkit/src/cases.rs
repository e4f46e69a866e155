//! Which cases there are. A test compares these lists with the functions, so that none is
//! left out.

/// The cases of an event store.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh store {
                l1_atomic {
                    several_streams_appear_together
                    a_failed_append_leaves_nothing_in_any_of_its_streams
                    a_failed_append_of_many_events_leaves_nothing
                    a_concurrent_reader_never_sees_part_of_an_append
                    the_head_is_the_end_of_an_append
                    a_resuming_reader_never_sees_part_of_an_append
                }
                l2_ordered {
                    versions_run_from_one_without_holes
                    a_refused_append_leaves_no_hole
                    positions_grow_strictly
                    a_later_append_has_later_positions
                    versions_and_positions_agree
                    events_of_one_append_stay_in_order
                    streams_of_one_append_stay_in_order
                    the_receipt_agrees_with_the_log
                    the_head_is_the_last_position
                }
                l2_no_skip {
                    a_reader_between_appends_misses_nothing
                    no_reader_skips_under_random_load
                    nothing_appears_below_a_head_that_was_seen
                    a_parked_reader_resumes_without_a_gap
                    a_parked_backward_reader_is_not_disturbed
                }
                l3_checked {
                    any_admits_whatever_is_there
                    no_stream_admits_a_new_stream
                    no_stream_conflicts_with_an_existing_stream
                    exists_admits_an_existing_stream
                    exists_conflicts_with_a_new_stream
                    exact_admits_the_version_that_is_there
                    exact_conflicts_with_a_longer_stream
                    exact_conflicts_with_a_shorter_stream
                    exact_conflicts_with_a_new_stream
                    a_conflict_names_the_actual_version
                    a_conflict_in_the_second_stream_writes_nothing_in_the_first
                    a_required_stream_that_is_as_required_admits
                    a_required_stream_that_is_not_as_required_conflicts
                    any_never_conflicts_under_concurrency
                    one_of_many_creates_the_stream
                    one_of_many_wins_each_exact_version
                    a_required_stream_is_checked_in_the_same_commit
                }
                l3_unless {
                    a_matching_tag_fails_the_append
                    a_matching_type_fails_the_append
                    type_and_tag_must_both_match
                    two_tags_must_both_match
                    one_matching_alternative_is_enough
                    a_disjoint_boundary_passes
                    the_boundary_itself_does_not_count
                    any_event_at_all_can_be_the_condition
                    a_query_that_means_nothing_passes
                    the_append_itself_does_not_count
                    one_of_many_with_the_same_condition_wins
                    a_condition_is_scoped_to_the_tenant
                    streams_are_checked_before_conditions
                    condition_and_expected_version_both_count
                }
                l4_idempotent {
                    the_same_append_again_gives_the_first_receipt
                    a_replay_can_be_repeated
                    a_replay_does_not_look_at_the_expected_version
                    later_appends_do_not_change_the_receipt
                    an_append_to_several_streams_is_replayed
                    a_replay_does_not_look_at_required_streams
                    a_replay_does_not_look_at_conditions
                    other_metadata_is_no_other_event
                    a_large_append_is_replayed
                    of_concurrent_identical_appends_one_writes
                    retries_under_load_double_nothing
                }
                l4_clash {
                    another_payload_clashes
                    another_content_type_clashes
                    another_type_clashes
                    another_schema_version_clashes
                    other_tags_clash
                    another_stream_clashes
                    the_same_stream_of_a_tenant_clashes
                    part_of_a_batch_clashes
                    a_known_event_beside_a_new_one_clashes
                    another_order_clashes
                    part_of_an_append_to_several_streams_clashes
                    a_clash_in_the_second_stream_writes_nothing_in_the_first
                    a_clash_goes_before_a_conflict
                }
                l6_cancel_safe {
                    an_append_that_is_never_polled_writes_nothing
                    a_dropped_append_leaves_all_or_nothing
                    an_append_dropped_beside_another_leaves_all_or_nothing
                    a_dropped_append_to_several_streams_leaves_all_or_nothing
                    other_callers_are_not_disturbed
                }
                l7_durable {
                    the_store_says_how_durable_it_is
                    durability_does_not_depend_on_the_log
                    durability_is_consistent
                    the_store_has_a_name
                }
                l8_select {
                    by_stream
                    an_unknown_stream_is_empty
                    by_category
                    over_all
                    of_an_empty_log
                    by_type
                    by_several_types
                    by_no_type_at_all
                    by_tag
                    by_two_tags
                    by_type_and_tag
                    by_alternatives
                    an_event_is_found_by_its_id
                    an_absent_event_is_not_found
                    random_reads_agree_with_what_they_cover
                }
                l8_bounds {
                    forward_is_the_order_of_the_log
                    backward_is_the_same_turned_round
                    from_a_version
                    to_a_version
                    between_two_versions
                    after_a_position
                    until_a_position
                    between_two_positions
                    by_the_time_of_recording
                    a_limit_of_nothing_yields_nothing
                    a_limit_takes_the_first_of_the_order
                    a_limit_counts_what_is_let_through
                    a_limit_above_what_there_is
                    pages_by_limit_and_bound_fit_together
                }
                l8_pages {
                    a_large_stream_comes_complete_in_both_directions
                    a_large_stream_comes_in_bounded_pages
                    bounds_hold_across_pages
                    a_read_ends_although_writers_keep_writing
                    a_backward_read_is_as_of_its_first_event
                    a_dropped_read_disturbs_nobody
                    a_read_that_has_ended_stays_at_its_end
                }
                l8_faithful {
                    json_comes_back_byte_for_byte
                    any_bytes_come_back
                    metadata_comes_back
                    metadata_that_nobody_gave_is_the_correlation_alone
                    tags_come_back_and_select_exactly
                    keys_are_compared_by_their_bytes
                    categories_and_types_are_compared_by_their_bytes
                    schema_versions_come_back
                    ids_come_back
                    recorded_at_never_goes_backward
                    typed_events_come_back
                    an_undecodable_event_is_an_error_with_its_position
                    an_unknown_event_is_an_error_that_lists_the_known
                    a_typed_read_of_its_own_types_succeeds
                }
                l8_fold {
                    a_fold_is_given_what_a_read_yields
                    a_fold_of_a_large_stream_is_whole
                    a_fold_comes_in_bounded_pages
                    an_undecodable_event_ends_a_fold_with_its_position
                    a_fold_of_another_log_has_diverged
                }
                l9_follow {
                    caught_up_comes_on_an_empty_log
                    history_comes_before_what_is_appended
                    there_is_no_seam_between_history_and_live
                    several_followers_meet_the_same
                    caught_up_advances_behind_a_filter
                    a_filter_holds_for_history_and_live
                    from_a_position
                    of_one_tenant
                    another_log_has_diverged
                    a_position_beyond_the_head_has_diverged
                    the_same_log_is_accepted
                    with_a_limit_it_ends
                    a_typed_follower_yields_values
                    what_has_an_end_cannot_be_followed
                }
                l9_wait {
                    it_returns_when_the_log_has_grown_already
                    no_wake_up_is_lost
                    all_that_wait_are_woken
                    two_that_answer_each_other_never_stop
                    a_dropped_wait_disturbs_nobody
                }
                l10_bounded {
                    events_per_append
                    events_per_append_over_several_streams
                    bytes_per_payload
                    bytes_per_append
                    streams_per_append
                    conditions_per_append
                    terms_per_query
                    tags_per_event
                    bytes_per_tag
                    bytes_of_metadata
                    levels_of_json
                    bytes_per_key
                    bytes_per_category_and_tenant
                    bytes_per_event_type
                    a_deadline_of_any_length
                }
                tenants {
                    equal_names_of_two_tenants_are_two_streams
                    a_scoped_handle_writes_its_tenants_streams
                    a_scoped_handle_refuses_streams_of_others
                    required_streams_are_scoped_too
                    one_append_belongs_to_one_tenant
                    a_false_claim_of_a_tenant_is_refused
                    a_scoped_handle_reads_its_tenants_events
                    a_scoped_handle_finds_its_tenants_events
                    all_tenants_are_an_explicit_choice
                    a_scoped_handle_refuses_to_read_others
                    the_log_is_one
                }
                bad_input {
                    an_append_without_events
                    a_stream_without_events_in_an_append
                    a_stream_twice_in_an_append
                    an_event_twice_in_an_append
                    version_zero
                    schema_version_zero
                    a_number_that_json_cannot_write
                    a_payload_that_is_no_json
                    an_event_whose_label_is_no_tag
                    reserved_characters
                    empty_names
                    a_condition_on_an_impossible_type
                    versions_without_a_stream
                    what_was_refused_can_be_put_right
                }
                capabilities {
                    several_streams_are_refused_where_unsupported
                    conditions_are_refused_where_unsupported
                    reads_by_time_are_refused_where_unsupported
                    capabilities_do_not_change
                }
            }
        }
    };
}

/// The cases of a log that several processes use.
#[doc(hidden)]
#[macro_export]
macro_rules! __shared_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh shared {
                seen_across {
                    both_handles_have_one_log
                    an_append_is_read_through_the_other
                    an_append_is_followed_through_the_other
                    followers_of_both_meet_the_same
                    an_append_is_awaited_through_the_other
                    a_dropped_handle_disturbs_nobody
                }
                checked_across {
                    a_conflict_names_what_the_other_wrote
                    exact_versions_in_turns_never_conflict
                    a_replay_is_known_to_the_other
                    a_clash_is_known_to_the_other
                    a_condition_sees_what_the_other_wrote
                    a_required_stream_is_as_the_other_left_it
                }
                racing {
                    any_never_conflicts
                    one_wins_each_exact_version
                    of_identical_appends_one_writes
                    one_wins_under_the_same_condition
                    no_reader_of_either_skips
                    an_append_is_whole_through_the_other
                }
            }
        }
    };
}

/// The cases of a snapshot store.
#[doc(hidden)]
#[macro_export]
macro_rules! __snapshot_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh progress {
                snapshots {
                    an_unknown_key_has_no_snapshot
                    a_snapshot_comes_back
                    the_state_comes_back_byte_for_byte
                    versions_and_moments_come_back
                    a_newer_version_replaces
                    an_older_version_does_not_replace
                    a_snapshot_of_another_log_replaces
                    keys_are_told_apart
                    a_deleted_snapshot_is_gone
                    deleting_again_is_safe
                    a_deletion_forgets_the_version
                    of_concurrent_saves_the_newest_stays
                }
            }
        }
    };
}

/// The cases of a checkpoint store.
#[doc(hidden)]
#[macro_export]
macro_rules! __checkpoint_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh progress {
                checkpoints {
                    an_unknown_subscriber_has_no_checkpoint
                    the_first_claim_starts_at_the_start
                    a_claim_raises_the_epoch_and_keeps_the_progress
                    progress_moves_the_checkpoint
                    the_same_progress_again_is_allowed
                    a_step_backward_is_refused
                    a_step_back_that_is_meant_is_taken
                    an_earlier_owner_is_fenced
                    the_fence_is_the_epoch_not_the_name
                    an_epoch_of_the_future_is_refused
                    a_claim_for_another_log_has_diverged
                    progress_in_another_log_has_diverged
                    progress_without_a_claim_is_not_found
                    subscribers_are_told_apart
                    names_come_back
                    a_forgotten_subscriber_starts_over
                    forgetting_again_is_safe
                    a_worker_whose_subscriber_is_forgotten_is_stopped
                    an_epoch_is_never_given_twice
                    concurrent_claims_get_epochs_of_their_own
                    no_step_of_a_fenced_owner_is_taken
                }
            }
        }
    };
}

/// The cases of a dead-letter store.
#[doc(hidden)]
#[macro_export]
macro_rules! __dead_letter_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh progress {
                dead_letters {
                    at_first_there_are_none
                    letters_are_parked_with_the_progress
                    letters_are_listed_by_position
                    parked_streams_name_their_first_letter
                    refused_progress_parks_nothing
                    parking_again_replaces
                    a_handled_letter_is_gone
                    a_skipped_letter_is_kept_with_its_reason
                    the_same_progress_again_changes_nothing
                    subscribers_are_told_apart
                    forgetting_takes_the_letters
                    a_step_back_takes_the_letters_that_come_again
                }
            }
        }
    };
}

/// The cases of a read model.
#[doc(hidden)]
#[macro_export]
macro_rules! __read_model_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh read_model {
                p1_together {
                    rows_and_checkpoint_commit_together
                    whoever_sees_the_checkpoint_sees_the_rows
                    a_dropped_transaction_leaves_neither
                    a_commit_without_rows_moves_the_checkpoint
                    one_transaction_after_another
                    the_same_position_again_is_allowed
                    advance_and_commit_agree
                    a_commit_backward_writes_nothing
                    a_commit_without_a_claim_writes_nothing
                    concurrent_transactions_get_on
                    a_transaction_moves_between_tasks
                }
                p2_fenced {
                    a_fenced_commit_writes_nothing
                    a_fenced_commit_at_the_same_position_writes_nothing
                    an_epoch_of_the_future_writes_nothing
                    a_worker_whose_subscriber_is_forgotten_writes_nothing
                    a_worker_paused_in_a_transaction_is_fenced
                    no_rows_of_a_fenced_owner_are_kept
                }
                p3_parked {
                    parked_letters_commit_with_the_rows
                    released_letters_commit_with_the_rows
                    one_commit_parks_and_releases
                    refused_commits_park_and_release_nothing
                    letters_of_others_stay
                    a_step_back_commits_with_the_rows
                }
                p7_same_log {
                    a_commit_for_another_log_writes_nothing
                    a_commit_for_another_log_at_the_same_position_writes_nothing
                    a_claim_for_another_log_fences_nobody
                }
                cancel_safe {
                    a_dropped_begin_leaves_the_model_usable
                    a_dropped_commit_is_whole_or_not_at_all
                }
            }
        }
    };
}

/// The cases of a bus.
#[doc(hidden)]
#[macro_export]
macro_rules! __bus_cases {
    ($then:path, $fresh:tt) => {
        $then! {
            $fresh bus {
                b1_relay {
                    what_was_appended_before_is_published
                    what_is_appended_later_is_published
                    an_event_arrives_as_it_was_recorded
                    a_relay_that_crashes_loses_nothing
                    relays_side_by_side_lose_nothing
                }
                b2_order {
                    streams_keep_their_order
                    a_failure_keeps_the_order_of_its_stream
                    consumers_that_crash_leave_the_order
                    consumers_that_come_and_go_leave_the_order
                }
                b3_failures {
                    a_failing_handler_disturbs_no_other
                    a_panicking_handler_disturbs_no_other
                    a_failure_is_tried_again
                    a_dead_letter_keeps_error_attempts_and_origin
                    poison_stops_its_stream_only
                    dead_letters_can_be_replayed
                }
                b4_recovery {
                    unknown_types_are_parked
                    what_a_crashed_consumer_held_is_recovered
                    events_wait_for_consumers
                }
            }
        }
    };
}
