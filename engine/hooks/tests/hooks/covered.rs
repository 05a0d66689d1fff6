//! Which test covers what: every function a guest can export or import, every limit. The table is checked against the
//! contract and the tests.

use std::collections::BTreeSet;

use studio_hooks::Interface;
use wit_parser::{Resolve, WorldItem};

use crate::guest::WIT;

/// What, and the tests that cover it.
const COVERED: &[(&str, &[&str])] = &[
    // Exports.
    ("lifecycle.start", &["a_start_that_loops_or_refuses_is_found_at_load"]),
    ("gateway.on-request", &["a_gateway_hook_changes_headers_and_leaves_values"]),
    ("gateway.on-response", &["on_response_may_change_the_status_and_write_the_access_log"]),
    ("identity.authenticate", &["an_identity_hook_gives_claims_nobody_or_a_rejection"]),
    ("interceptors.before", &["before_keeps_replaces_or_refuses_arguments"]),
    ("interceptors.after", &["after_sees_the_outcome_and_the_selection"]),
    ("interceptors.around", &["around_proceeds_or_answers_itself"]),
    ("authorization.decide", &["a_rule_allows_restricts_or_denies"]),
    ("authorization.review", &["a_review_withholds_single_items"]),
    ("module.query", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("module.mutation", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("observer.on-finished", &["an_observer_hears_of_finished_requests"]),
    // Imports.
    ("request.method", PROBED),
    ("request.target", PROBED),
    ("request.peer", PROBED),
    ("request.header", &["a_rejection_has_status_errors_and_headers"]),
    ("request.header-values", PROBED),
    ("request.headers", PROBED),
    ("request.set-header", &["a_gateway_hook_changes_headers_and_leaves_values", PROBED[0]]),
    ("request.append-header", PROBED),
    ("request.remove-header", PROBED),
    ("response.status", PROBED),
    ("response.set-status", &["on_response_may_change_the_status_and_write_the_access_log", PROBED[0]]),
    ("response.headers", PROBED),
    ("response.set-header", &["on_response_may_change_the_status_and_write_the_access_log"]),
    ("response.append-header", PROBED),
    ("response.remove-header", PROBED),
    ("context.get", PROBED),
    ("context.set", &["a_gateway_hook_changes_headers_and_leaves_values"]),
    ("context.remove", PROBED),
    ("context.claims", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("context.model", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("context.trace-id", PROBED),
    ("context.remaining-ms", PROBED),
    ("operation.kind-of", &["an_interceptor_knows_what_it_stands_before"]),
    ("operation.field", &["an_interceptor_knows_what_it_stands_before"]),
    ("operation.response-key", &["an_interceptor_knows_what_it_stands_before"]),
    ("operation.operation-name", &["an_interceptor_knows_what_it_stands_before"]),
    ("operation.arguments", &["an_interceptor_knows_what_it_stands_before"]),
    ("operation.selection", &["after_sees_the_outcome_and_the_selection"]),
    ("operation.proceed", &["around_proceeds_or_answers_itself", PROBED[0]]),
    ("operation.proceed-with", &["around_proceeds_or_answers_itself"]),
    ("operation.outcome", &["after_sees_the_outcome_and_the_selection"]),
    ("graphql.execute", &["graphql_runs_as_the_caller_and_as_somebody_else_only_with_the_privilege"]),
    ("log.enabled", PROBED),
    ("log.write", &["a_gateway_hook_changes_headers_and_leaves_values"]),
    ("log.access", &["on_response_may_change_the_status_and_write_the_access_log", PROBED[0]]),
    ("settings.get", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("settings.all", PROBED),
    ("cache.get", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("cache.put", &["a_module_answers_queries_and_sees_what_the_host_shows"]),
    ("cache.remove", PROBED),
    ("outbound.send", &["a_listed_host_is_asked_and_its_answer_comes_back"]),
    ("outbound.send-all", &["a_listed_host_is_asked_and_its_answer_comes_back"]),
    // Limits, with guests that run into them.
    ("limit: time of a loop", &["an_endless_loop_is_stopped_and_others_go_on_meanwhile"]),
    ("limit: time of waiting", &["a_guest_that_waits_in_the_host_is_stopped_too"]),
    ("limit: traps and stack", &["traps_deep_recursion_and_memory_bombs_have_codes_of_their_own"]),
    ("limit: memory", &["traps_deep_recursion_and_memory_bombs_have_codes_of_their_own"]),
    ("limit: size of answers", &["answers_beyond_the_memory_or_of_a_whole_memory_fail_that_request_only"]),
    ("limit: words in the log", PROBED),
    ("limit: resources", &["a_guest_that_collects_resources_is_stopped"]),
    ("limit: instances", &["a_full_pool_lets_requests_wait_and_then_fail"]),
    ("limit: depth of calls", &["nested_calls_take_instances_of_their_own_without_waiting_and_have_a_depth"]),
    ("limit: hosts", &["what_is_not_listed_is_refused_before_anything_is_sent"]),
    ("limit: redirects", &["redirects_are_checked_like_the_first_request"]),
    ("limit: private addresses", &["private_addresses_have_to_be_named_or_permitted"]),
    ("limit: wasi:http", &["the_standard_interface_is_under_the_same_list"]),
    ("limit: size and time of outgoing HTTP", &["answers_have_a_size_and_a_time"]),
    ("limit: privileges", &["graphql_runs_as_the_caller_and_as_somebody_else_only_with_the_privilege"]),
    ("limit: state between requests", &["state_does_not_outlive_a_request_unless_the_component_is_recycled"]),
    ("limit: reload under load", &["reloading_under_load_fails_no_request"]),
];
const PROBED: &[&str] = &["requests_values_and_clocks_are_shown_and_changes_have_rules"];

const TESTS: &[&str] = &[
    include_str!("exports.rs"),
    include_str!("imports.rs"),
    include_str!("limits.rs"),
    include_str!("loading.rs"),
    include_str!("outgoing.rs"),
    include_str!("toolchains.rs"),
];

#[test]
fn every_function_of_the_contract_and_every_limit_has_a_test() {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("exo-hooks.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some("host")).unwrap();
    let mut functions = BTreeSet::new();
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &resolve.interfaces[*id];
        let name = interface.name.as_deref().unwrap_or_default();
        functions.extend(interface.functions.keys().map(|function| format!("{name}.{function}")));
    }
    for interface in Interface::ALL {
        functions.extend(interface.functions().iter().map(|it| format!("{}.{it}", interface.name())));
    }
    let known: BTreeSet<String> = COVERED
        .iter()
        .map(|(what, _)| (*what).to_owned())
        .filter(|what| !what.starts_with("limit:"))
        .collect();
    assert_eq!(known, functions);
    for test in COVERED.iter().flat_map(|(_, tests)| *tests) {
        let named = format!("fn {test}(");
        assert!(TESTS.iter().any(|text| text.contains(&named)), "there is no test `{test}`");
    }
}
