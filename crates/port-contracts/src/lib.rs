//! One test per sentence of the storage ports; every adapter runs them with [`port_contracts!`], and those of stores that
//! several processes share with [`shared_port_contracts!`] too.
//!
//! The tests know the ports and nothing of any store. What a store promises beyond its ports, such as surviving a
//! restart, it tests by itself.
#![expect(missing_docs, reason = "the names of the contracts are their sentences")]

pub mod accounts;
pub mod adoptions;
pub mod agents;
pub mod announcements;
pub mod audit;
pub mod chain;
pub mod dead_letters;
pub mod families;
pub mod feed;
mod fixture;
pub mod fleet;
pub mod following;
pub mod idempotency;
pub mod inbox;
pub mod journal;
pub mod leases;
pub mod old_runs;
pub mod outbox;
pub mod pages;
pub mod runs;
pub mod samples;
pub mod schedules;
mod shared;
pub mod traffic;
pub mod units;
pub mod webhooks;
pub mod workflows;

pub use chain::ChainStores;
pub use fixture::{Change, IntoCommit, Stores};
pub use shared::SharedStores;

/// Makes a test of each contract; the expression gives a fresh, empty [`Stores`] each time that it is evaluated.
#[macro_export]
macro_rules! port_contracts {
    ($stores:expr) => {
        $crate::contract_tests! { $stores;
            agents: [
                an_agent_comes_back_as_it_was_stored,
                an_unknown_agent_is_none,
                agents_are_found_by_names_deleted_ones_included,
                a_list_leaves_deleted_agents_out,
                a_list_by_name_or_status_holds_what_was_asked_for,
                agents_are_found_by_parts_of_their_names,
                agents_are_listed_by_name_in_pages,
                an_agent_that_is_replaced_has_the_new_schemas_only,
            ]
            workflows: [
                a_definition_comes_back_as_it_was_stored,
                what_executing_needs_is_read_without_the_document,
                the_version_to_execute_is_the_one_that_the_domain_chooses,
                an_unknown_workflow_has_nothing_to_execute,
                a_version_is_found_by_its_number_within_its_chain,
                an_unknown_definition_is_none,
                the_head_of_a_chain_is_found_by_name,
                only_heads_are_listed,
                a_list_of_workflows_can_be_filtered,
                workflows_are_sorted_with_ties_by_id_in_the_same_direction,
                workflows_are_listed_in_pages,
                versions_are_listed_newest_first_in_pages,
                a_plan_comes_back_as_it_was_kept,
            ]
            pages: [
                runs_are_walked_by_cursor,
                agents_are_walked_by_cursor,
                workflows_are_walked_by_cursor,
                versions_are_walked_by_cursor,
                dead_letters_are_walked_by_cursor,
                keys_and_people_are_walked_by_cursor,
                what_is_added_or_changed_before_a_place_does_not_shift_what_follows_it,
            ]
            units: [
                a_dropped_unit_of_work_changes_nothing,
                a_refused_change_takes_the_others_with_it,
                an_agent_with_a_taken_id_is_refused,
                an_agent_with_a_taken_name_is_refused_even_if_it_is_a_deleted_agents,
                an_agent_is_replaced_only_from_the_revision_before,
                an_unknown_agent_cannot_be_replaced,
                of_two_changes_of_one_agent_the_second_is_refused,
                a_definition_with_a_taken_id_is_refused,
                a_definition_with_a_taken_version_is_refused,
                a_definition_is_replaced_only_from_the_revision_before,
                a_definition_cannot_be_replaced_by_one_with_a_taken_version,
                a_version_can_be_freed_and_taken_in_one_unit_of_work,
                keeping_a_plan_again_changes_nothing,
            ]
            journal: [
                a_batch_gets_one_outcome_for_each_commit_in_order,
                an_empty_batch_has_no_outcomes,
                a_started_run_is_there,
                a_second_start_is_a_duplicate_and_changes_nothing,
                a_repeated_start_is_already_applied,
                a_run_that_failed_at_its_start_says_so,
                an_advance_of_an_unknown_run_is_gone,
                an_advance_adds_its_events_rows_and_update,
                an_advance_without_an_update_leaves_the_row_alone,
                a_repeated_advance_is_already_applied,
                a_repeat_is_recognised_after_all_that_followed,
                a_commit_with_a_stale_epoch_changes_nothing,
                a_commit_with_another_seq_changes_nothing,
                a_terminal_run_absorbs_advances,
                the_checks_of_an_advance_have_their_order,
                an_advance_without_events_gives_the_run_back,
                the_last_advance_takes_the_run_from_its_owner,
                a_cancel_gets_the_next_number_and_keeps_the_epoch,
                a_cancel_without_a_reason_leaves_the_message,
                a_cancel_of_an_unknown_run_is_gone,
                a_repeated_cancel_is_already_applied,
                a_terminal_run_absorbs_a_cancel,
                a_resume_gives_the_run_back_with_a_higher_epoch,
                a_resume_of_an_unknown_run_is_gone,
                a_repeated_resume_is_already_applied,
                only_failed_and_cancelled_runs_can_be_resumed,
                a_completed_run_is_resumed_only_to_do_a_step_anew,
                a_run_that_is_to_skip_a_step_is_told_so_in_the_commit_that_resumes_it,
                several_commits_to_one_run_are_applied_in_order,
                an_outcome_does_not_depend_on_the_other_runs_of_the_batch,
                a_batch_can_be_sent_again,
            ]
            runs: [
                an_unknown_run_has_nothing,
                runs_can_be_filtered,
                runs_are_sorted_with_ties_by_id_in_the_same_direction,
                runs_sorted_by_change_move_when_they_change,
                runs_can_be_filtered_by_all_that_is_known_of_them,
                labels_come_back_as_they_were_given,
                runs_are_listed_in_pages_with_an_exact_total,
                the_live_runs_of_a_version_are_counted_however_it_was_addressed,
                steps_come_in_the_order_of_their_dispatch,
                outputs_come_in_the_order_of_the_question,
                payloads_come_back_byte_for_byte,
                every_kind_of_event_comes_back,
                times_keep_their_microseconds,
            ]
            following: [
                events_after_a_number_come_in_order_and_no_more_than_asked_for,
                where_runs_stand_is_told_of_those_that_are_there,
                rows_of_ended_attempts_are_told_without_their_data,
            ]
            inbox: [
                a_message_waits_for_the_owner_of_its_run,
                a_message_that_is_sent_again_is_there_once,
                what_an_agent_reports_is_read_as_it_was_said,
                nothing_is_put_into_the_inbox_of_a_run_that_is_over_or_unknown,
                what_a_commit_has_drained_is_gone_and_the_rest_stays,
                a_refused_commit_drains_nothing,
                a_claim_brings_the_inbox,
                a_run_that_sleeps_is_woken_by_its_inbox_alone,
                a_message_makes_a_parked_run_due,
                a_run_that_is_given_back_with_mail_is_due_at_once,
                the_inbox_of_a_run_that_ends_is_emptied,
                a_pause_shows_in_the_runs_row_until_it_ends_or_is_resumed,
            ]
            families: [
                a_run_is_started_in_the_commit_of_the_run_that_wants_it,
                a_run_that_is_there_is_not_started_again,
                a_refused_commit_starts_and_tells_nothing,
                a_note_of_a_commit_is_told_once_and_makes_its_run_due,
                a_cancelled_run_tells_its_parent_and_its_live_children,
                a_run_that_was_ended_by_another_says_by_whom,
                the_output_of_a_run_comes_back_byte_for_byte,
                the_runs_that_a_run_has_started_can_be_listed,
                a_wait_is_found_by_its_event_and_correlation_until_it_is_settled,
                a_cancelled_run_waits_for_nothing,
            ]
            dead_letters: [
                a_step_that_fails_for_good_leaves_an_entry_with_its_commit,
                a_later_failure_of_an_entry_changes_it_and_keeps_where_it_came_from,
                an_entry_goes_with_the_commit_that_resolves_it,
                a_refused_commit_leaves_the_dead_letters_alone,
                an_unknown_entry_is_none,
                dead_letters_can_be_filtered,
                dead_letters_are_sorted_by_their_last_failure_with_ties_by_id_in_the_same_direction,
                dead_letters_are_listed_in_pages,
                the_attempts_of_one_step_come_in_the_order_of_their_dispatch,
                of_two_who_replay_an_entry_at_once_one_does,
                an_unknown_entry_cannot_be_claimed,
                a_claim_that_is_given_back_leaves_what_was_there_before,
                a_failed_replay_makes_its_entry_pending_again_and_keeps_the_link,
                a_deleted_entry_is_gone,
                old_entries_are_removed_oldest_first_and_no_more_than_asked_for,
                dead_letters_are_counted_by_what_became_of_them,
            ]
            audit: [
                an_entry_comes_back_as_it_was_written,
                what_a_unit_of_work_records_is_there_with_its_changes_or_not_at_all,
                a_commit_writes_its_entry_if_it_is_committed,
                a_commit_that_changes_nothing_writes_no_entry,
                a_batch_writes_the_entries_of_what_was_committed,
                what_a_run_says_to_itself_and_to_others_is_not_audited,
                a_message_writes_its_entry_once_and_only_if_it_is_put_into_an_inbox,
                what_is_done_to_a_dead_letter_writes_its_entry_if_anything_changes,
                the_log_is_newest_first_in_pages_that_miss_and_repeat_nothing,
                the_log_can_be_filtered,
                an_entry_that_is_there_is_found_by_its_id,
                nothing_is_done_twice_under_one_entry,
            ]
            old_runs: [
                what_ended_long_ago_is_gone_with_all_that_was_kept_of_it,
                what_has_not_ended_stays_however_old_it_is,
                a_cancelled_run_stays_until_its_owner_has_let_go,
                a_family_goes_whole_or_not_at_all,
                children_of_what_goes_on_stay,
                what_a_dead_letter_names_stays_until_the_letter_is_gone,
                what_a_schedule_has_started_last_stays,
                the_oldest_families_go_first_and_no_more_than_asked_for,
                what_is_kept_does_not_stand_before_what_may_go,
                a_commit_to_a_run_that_was_removed_is_told_so_and_the_id_can_be_used_anew,
                what_is_told_of_a_removed_run_elsewhere_stays,
            ]
            feed: [
                a_change_says_which_run_of_which_workflow_what_and_when,
                every_change_of_a_status_is_told_in_its_order,
                what_changes_no_status_is_not_told,
                a_refused_commit_is_not_told,
                a_batch_tells_all_its_changes_and_those_of_one_run_in_their_order,
                a_reader_goes_on_where_it_was_and_is_given_no_more_than_asked_for,
                whoever_begins_at_the_end_is_given_what_comes,
                a_change_that_is_forgotten_is_missed_by_who_has_not_read_it,
                places_rise_though_all_is_forgotten,
            ]
            webhooks: [
                a_webhook_comes_back_as_it_was_stored,
                webhooks_are_listed_by_name_in_pages,
                enabled_webhooks_are_told_from_others,
                a_webhook_with_a_taken_id_or_name_is_refused,
                a_webhook_is_replaced_only_from_the_revision_before,
                a_webhook_is_removed_with_its_deliveries_in_the_revision_that_was_read,
                the_queue_is_filled_by_one_of_those_who_have_seen_the_same,
                a_delivery_comes_back_as_it_was_put_in,
                what_is_in_the_queue_stays_as_it_is_and_what_nobody_is_told_is_left_out,
                a_claim_brings_what_is_due_with_its_webhook_and_counts_the_attempt,
                a_claim_takes_no_more_than_asked_for_in_all_and_of_each_webhook,
                of_each_webhook_those_that_have_waited_longest_are_taken,
                nothing_is_taken_of_a_disabled_webhook_until_it_is_enabled,
                no_delivery_is_taken_by_two,
                what_comes_of_an_attempt_is_written_down_once,
                a_long_log_loses_its_oldest_attempts,
                a_webhook_is_failing_from_its_first_failure_until_something_arrives,
                deliveries_are_listed_newest_first_in_pages_and_by_their_state,
                a_delivery_can_be_made_anew_whatever_came_of_it,
                pending_deliveries_are_counted,
                old_deliveries_are_removed_oldest_first_and_no_more_than_asked_for,
                webhooks_and_deliveries_are_walked_by_cursor,
            ]
            leases: [
                a_claim_brings_all_that_is_needed_and_raises_the_epoch,
                a_claim_takes_only_runs_that_are_due,
                a_run_that_was_started_for_later_is_claimed_when_its_time_has_come,
                a_claim_takes_the_longest_waiting_first_and_no_more_than_asked_for,
                an_owned_run_cannot_be_claimed,
                a_terminal_run_cannot_be_claimed,
                no_run_is_claimed_by_two_executors,
                a_run_that_was_given_back_can_be_claimed_from_its_time_on,
                a_cancelled_run_is_taken_from_its_owner_once,
                an_ended_run_that_was_taken_has_no_owner,
                what_an_owner_ended_itself_is_not_ended_without_it,
                a_release_gives_back_live_runs_and_fences_their_owner,
                a_release_leaves_the_runs_of_others_alone,
                what_an_executor_owns_alive_is_told_with_its_epochs,
                runs_are_given_back_one_by_one_and_only_under_their_epochs,
                owners_are_those_that_own_runs,
                a_live_run_has_an_owner_or_a_time_at_which_it_wants_one,
                runs_that_wanted_an_owner_long_ago_and_have_none_are_counted,
                what_waits_to_be_claimed_is_told_with_the_time_of_the_first,
            ]
            accounts: [
                a_key_comes_back_as_it_was_stored,
                an_unknown_key_is_none,
                whether_there_ever_was_a_key_is_known,
                keys_are_listed_newest_first_in_pages_revoked_ones_included,
                a_key_with_a_taken_id_is_refused,
                the_name_of_a_key_is_free_once_the_key_is_revoked,
                a_key_is_replaced_only_from_the_revision_before,
                the_last_use_of_a_key_only_moves_forward,
                a_key_that_is_replaced_keeps_its_last_use,
                a_person_comes_back_as_stored_by_id_and_by_name,
                people_are_listed_by_name_in_pages,
                a_person_with_a_taken_id_or_name_is_refused,
                a_person_is_replaced_only_from_the_revision_before,
                a_person_is_removed_in_the_revision_that_was_read_and_frees_the_name,
                revoked_tokens_are_told_from_others,
                a_revocation_is_forgotten_after_its_last_time,
                the_last_administrator_stays,
                of_two_who_take_the_last_two_administrators_away_one_is_refused,
            ]
            schedules: [
                a_schedule_comes_back_as_it_was_stored,
                an_unknown_schedule_is_none,
                a_schedule_with_a_taken_id_or_name_is_refused,
                a_schedule_is_replaced_only_from_the_revision_before,
                a_schedule_is_removed_in_the_revision_that_was_read_with_its_ticks_and_frees_the_name,
                schedules_can_be_filtered_and_are_listed_by_name_in_pages,
                schedules_are_due_by_their_next_tick_or_because_one_waits,
                a_tick_comes_back_as_it_was_stored,
                a_tick_with_a_taken_id_is_refused_with_all_that_was_decided_with_it,
                a_tick_of_no_schedule_is_refused,
                of_two_who_decide_about_the_same_tick_one_is_refused,
                a_tick_changes_only_from_a_status_before,
                ticks_are_listed_latest_first_in_pages,
                ticks_that_were_to_be_started_and_were_not_are_found_oldest_first,
                old_ticks_are_forgotten_oldest_first_but_for_those_that_are_not_over,
            ]
            traffic: [
                a_traffic_comes_back_as_it_was_stored,
                agents_without_a_traffic_are_left_out,
                a_traffic_is_stored_only_after_the_version_before,
                a_refused_traffic_keeps_no_other_from_being_stored,
                of_two_who_change_the_same_traffic_one_is_refused,
            ]
            idempotency: [
                a_key_is_claimed_once_while_its_attempt_has_time,
                keys_of_other_owners_and_other_keys_are_others,
                an_attempt_whose_time_is_over_is_followed_by_one_with_its_seed,
                an_attempt_can_hold_its_key_for_longer_and_only_its_own,
                an_answer_is_repeated_as_it_was_given,
                an_answer_is_given_once_and_by_whoever_has_the_key,
                a_key_stands_for_one_request,
                of_many_that_claim_a_key_at_once_one_has_it,
                a_key_that_was_let_go_goes_on_from_its_seed_at_once,
                a_key_that_was_released_is_unknown,
                only_the_first_attempt_can_release_a_key,
                an_answered_key_is_neither_let_go_nor_released,
                a_key_that_is_old_enough_is_as_unknown_though_it_is_stored,
                old_keys_are_forgotten_oldest_first_and_no_more_than_asked_for,
            ]
        }
    };
}

/// Makes a test of each contract of a store that several processes and systems may share; the expression gives a fresh,
/// empty [`SharedStores`] each time that it is evaluated. They come in addition to those of [`port_contracts!`].
#[macro_export]
macro_rules! shared_port_contracts {
    ($stores:expr) => {
        $crate::contract_tests! { $stores;
            fleet: [
                a_new_member_has_not_beaten_and_is_known_by_its_duties,
                a_beat_raises_the_counter_of_its_member_by_one,
                a_beat_of_no_member_answers_so_and_changes_nothing,
                a_member_whose_heart_stands_still_can_be_buried,
                a_member_whose_heart_has_beaten_since_is_not_buried,
                a_member_that_somebody_else_has_buried_is_gone,
                a_member_may_leave_and_so_may_one_that_is_none,
                who_takes_requests_and_who_makes_them_are_not_members_together,
                of_two_that_exclude_each_other_and_come_at_once_one_is_entered,
                executors_that_are_members_no_more_are_named_with_the_traffic,
            ]
            outbox: [
                a_relay_gets_no_more_shards_than_it_may_hold,
                a_lone_relay_can_hold_every_shard,
                who_does_not_drive_never_holds_the_external_shard,
                no_shard_is_held_by_two_relays,
                the_shards_of_a_buried_relay_are_free_and_change_hands_with_a_higher_epoch,
                what_is_given_back_is_free,
                delivered_messages_are_gone,
                messages_of_several_shards_are_delivered_at_once_but_for_shards_that_changed_hands,
                what_is_delivered_for_a_shard_that_changed_hands_stays,
            ]
            announcements: [
                a_run_that_ends_is_announced,
                a_run_that_fails_at_its_start_is_announced,
                what_does_not_end_a_run_is_not_announced,
                a_run_that_ends_where_it_is_adopted_is_announced,
                a_refused_commit_announces_nothing,
                later_messages_of_a_run_have_higher_numbers,
                some_shards_are_read_in_one_question_and_so_many_of_each,
                what_waits_is_counted_and_known_by_its_age,
                a_dead_letter_is_announced_before_the_end_of_its_run,
                each_failure_of_an_entry_is_news_of_its_own,
            ]
            adoptions: [
                an_adopted_run_is_there_and_waits_to_be_claimed,
                a_repeated_adoption_is_already_applied,
                an_adoption_of_a_run_that_has_events_is_a_duplicate_and_changes_nothing,
                an_adopted_run_that_cannot_be_done_has_failed,
                a_run_that_was_cancelled_ahead_is_cancelled_when_it_is_adopted,
                a_run_that_was_cancelled_ahead_can_be_resumed,
                a_cancellation_ahead_of_nothing_is_an_ordinary_one,
                a_cancellation_that_is_not_ahead_is_forgotten,
                a_batch_may_hold_adoptions_with_all_that_belongs_to_them,
                an_adoption_writes_its_entry_if_it_is_committed,
            ]
        }
    };
}

/// Makes a test of each contract of a store that keeps the chain of the audit log; the expression gives a fresh, empty
/// [`ChainStores`] each time that it is evaluated.
#[macro_export]
macro_rules! chain_contracts {
    ($stores:expr) => {
        $crate::contract_tests! { $stores;
            chain: [
                rows_are_sealed_in_the_order_in_which_they_were_written,
                no_more_rows_are_sealed_than_asked_for,
                the_head_is_signed_anew_once_it_is_a_minute_old,
                the_head_is_to_be_noted_every_hour_and_by_one,
                a_chain_that_is_shorter_than_it_was_is_not_continued,
                old_blocks_are_removed_and_the_chain_goes_on_from_a_checkpoint,
                places_are_told_with_the_times_of_their_rows,
            ]
        }
    };
}

/// Expands the lists of [`port_contracts!`] and [`shared_port_contracts!`].
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($stores:expr; $($port:ident: $contracts:tt)+) => {
        $($crate::contract_tests! { @port $stores; $port: $contracts })+
    };
    (@port $stores:expr; $port:ident: [$($contract:ident,)+]) => {
        mod $port {
            use super::*;
            $(
                #[tokio::test]
                async fn $contract() {
                    $crate::$port::$contract(&$stores).await;
                }
            )+
        }
    };
}

#[cfg(test)]
mod tests {
    /// A contract that nobody lists is never run.
    #[test]
    fn every_contract_is_listed() {
        let list = include_str!("lib.rs");
        let sources = [
            include_str!("accounts.rs"),
            include_str!("agents.rs"),
            include_str!("workflows.rs"),
            include_str!("units.rs"),
            include_str!("journal.rs"),
            include_str!("journal/advance.rs"),
            include_str!("journal/blind.rs"),
            include_str!("runs.rs"),
            include_str!("leases.rs"),
            include_str!("inbox.rs"),
            include_str!("families.rs"),
            include_str!("dead_letters.rs"),
            include_str!("schedules.rs"),
            include_str!("fleet.rs"),
            include_str!("outbox.rs"),
            include_str!("announcements.rs"),
            include_str!("adoptions.rs"),
            include_str!("traffic.rs"),
            include_str!("audit.rs"),
            include_str!("chain.rs"),
            include_str!("feed.rs"),
            include_str!("webhooks.rs"),
            include_str!("idempotency.rs"),
        ];
        let contracts = sources.iter().flat_map(|source| source.split("pub async fn ").skip(1));
        let names = contracts.filter_map(|rest| rest.split('(').next());
        let missing: Vec<_> = names.filter(|name| !list.contains(&format!("{name},"))).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}
