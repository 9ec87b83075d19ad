//! Facts, steps and usage of old code in, findings out, by the enabled rules. One file a family; `DETECTORS` names them.

pub mod evidence;
pub mod flag;
mod flag_code;
mod history;
mod lock;
mod migration;
pub mod old_code;
pub mod rollback;
mod schema;
pub mod step;

use crate::change::ChangeSet;
use crate::finding::Finding;
use crate::flag::FlagFacts;
use crate::read::Unread;
use crate::read::evidence::Evidence;
use crate::read::migration::Unit;
use crate::read::rollback::Rollback;
use crate::rule::Rule;
use crate::schema::Timeline;
use crate::schema::inverse::Inverse;
use crate::schema::timeline::new_migrations;
use crate::settings::{RuleSeverity, Settings};
use crate::source::SourceMap;

/// Everything that was read of one change; what detectors look at.
#[derive(Debug)]
pub struct Inspection {
    pub settings: Settings,
    pub change: ChangeSet,
    pub sources: SourceMap,
    pub base_units: Vec<Unit>,
    pub head_units: Vec<Unit>,
    pub timelines: Vec<Timeline>,
    /// Where the code at base uses what the rollout takes away.
    pub old_code: old_code::OldCode,
    /// Flag definitions of the change, compared.
    pub flags: FlagFacts,
    pub rollback: Rollback,
    /// New migrations with a down script, replayed up and down.
    pub inverses: Vec<Inverse>,
    pub evidence: Evidence,
    /// Parts of the change that could not be read.
    pub unread: Vec<Unread>,
    /// Parts of the change that were left out on purpose.
    pub skipped: Vec<Unread>,
}

/// A detector adds what it finds for one rule. It never decides a severity: it may only lower the rule's own on evidence.
pub type Detector = fn(&Inspection, &Rule, &mut Vec<Finding>);

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("flag.new_default_on", flag::new_default_on),
    ("flag.new_partly_on", flag::new_partly_on),
    ("flag.flipped_on", flag::flipped_on),
    ("flag.targeting_widened", flag::targeting_widened),
    ("flag.percentage_jump", flag::percentage_jump),
    ("flag.targeting_moot", flag::targeting_moot),
    ("flag.off_serves_on", flag::off_serves_on),
    ("flag.invalid_default", flag::invalid_default),
    ("flag.ambiguous_boolean", flag::ambiguous_boolean),
    ("flag.state_unknown", flag::state_unknown),
    ("flag.removed_still_referenced", flag::removed_still_referenced),
    ("flag.code_fallback_on", flag_code::code_fallback_on),
    ("flag.switched_on_in_code", flag_code::switched_on_in_code),
    ("flag.default_mismatch", flag_code::default_mismatch),
    ("flag.expired_or_ownerless", flag_code::expired_or_ownerless),
    ("schema.drop_column", schema::drop_column),
    ("schema.drop_table", schema::drop_table),
    ("schema.rename_column", schema::rename_column),
    ("schema.rename_table", schema::rename_table),
    ("schema.column_type_changed", schema::column_type_changed),
    ("schema.new_column_required", schema::new_column_required),
    ("schema.default_dropped", schema::default_dropped),
    ("schema.not_null_added", schema::not_null_added),
    ("schema.constraint_restricts_writers", schema::constraint_restricts_writers),
    ("schema.unique_dropped", schema::unique_dropped),
    ("schema.enum_value_renamed", schema::enum_value_renamed),
    ("schema.enum_value_added", schema::enum_value_added),
    ("schema.type_changed", schema::type_changed),
    ("schema.view_dropped", schema::view_dropped),
    ("schema.view_changed", schema::view_changed),
    ("schema.routine_dropped", schema::routine_dropped),
    ("schema.routine_changed", schema::routine_changed),
    ("schema.sequence_changed", schema::sequence_changed),
    ("schema.trigger_changed", schema::trigger_changed),
    ("schema.row_access_changed", schema::row_access_changed),
    ("schema.privilege_revoked", schema::privilege_revoked),
    ("schema.namespace_gone", schema::namespace_gone),
    ("schema.published_without_key", schema::published_without_key),
    ("schema.data_lost", schema::data_lost),
    ("schema.dropped_and_readded", schema::dropped_and_readded),
    ("lock.index_not_concurrent", lock::index_not_concurrent),
    ("lock.index_drop_not_concurrent", lock::index_drop_not_concurrent),
    ("lock.table_rewrite", lock::table_rewrite),
    ("lock.table_scan", lock::table_scan),
    ("lock.constraint_builds_index", lock::constraint_builds_index),
    ("lock.reindex", lock::reindex),
    ("lock.table_rebuilt", lock::table_rebuilt),
    ("lock.refresh_not_concurrent", lock::refresh_not_concurrent),
    ("lock.partition_locks_parent", lock::partition_locks_parent),
    ("lock.validate_in_same_transaction", lock::validate_in_same_transaction),
    ("lock.backfill_under_lock", lock::backfill_under_lock),
    ("lock.explicit_lock", lock::explicit_lock),
    ("lock.no_timeout", lock::no_timeout),
    ("lock.timeout_without_effect", lock::timeout_without_effect),
    ("lock.several_tables", lock::several_tables),
    ("lock.foreign_key_locks_parent", lock::foreign_key_locks_parent),
    ("migration.concurrently_in_transaction", migration::concurrently_in_transaction),
    ("migration.invalid_index_kept", migration::invalid_index_kept),
    ("migration.fails_when_applied", migration::fails_when_applied),
    ("migration.unbatched_backfill", migration::unbatched_backfill),
    ("migration.unreadable_statement", migration::unreadable_statement),
    ("migration.dynamic_sql", migration::dynamic_sql),
    ("migration.nested_transaction", migration::nested_transaction),
    ("migration.enum_value_used_early", migration::enum_value_used_early),
    ("migration.collapsed_phases", migration::collapsed_phases),
    ("history.edited", history::edited),
    ("history.deleted", history::deleted),
    ("history.out_of_order", history::out_of_order),
    ("history.duplicate_version", history::duplicate_version),
    ("rollback.missing", rollback::missing),
    ("rollback.unreadable", rollback::unreadable),
    ("rollback.no_commands", rollback::no_commands),
    ("rollback.placeholder", rollback::placeholder),
    ("rollback.empty_section", rollback::empty_section),
    ("rollback.no_estimate", rollback::no_estimate),
    ("rollback.too_slow", rollback::too_slow),
    ("rollback.no_threshold", rollback::no_threshold),
    ("rollback.no_owner", rollback::no_owner),
    ("rollback.no_verification", rollback::no_verification),
    ("rollback.no_data_statement", rollback::no_data_statement),
    ("rollback.destructive", rollback::destructive),
    ("rollback.other_change", rollback::other_change),
    ("rollback.command_not_found", rollback::command_not_found),
    ("rollback.config_not_found", rollback::config_not_found),
    ("rollback.no_way_back", rollback::no_way_back),
    ("rollback.down_incomplete", rollback::down_incomplete),
    ("rollback.down_loses_data", rollback::down_loses_data),
    ("rollback.down_blocks", rollback::down_blocks),
    ("rollback.down_breaks_new_code", rollback::down_breaks_new_code),
    ("evidence.check_failed", evidence::check_failed),
    ("evidence.required_missing", evidence::required_missing),
    ("evidence.no_tests", evidence::no_tests),
    ("evidence.unreadable", evidence::unreadable),
    ("evidence.rehearsal_failed", evidence::rehearsal_failed),
    ("policy.suppressions", by_verdict),
];

/// For rules whose findings the verdict makes, because they depend on all others.
fn by_verdict(_: &Inspection, _: &Rule, _: &mut Vec<Finding>) {}

/// Paths of the migrations that head adds, of all units.
pub fn new_paths(base: &[Unit], head: &[Unit], sources: &SourceMap) -> Vec<String> {
    let old = |unit: &Unit| base.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
    head.iter().flat_map(|unit| new_migrations(old(unit), unit, sources).map(|(_, migration)| migration.path.clone())).collect()
}

/// Runs every rule that the policy leaves on, at the severity the policy gives it.
pub fn run(inspection: &Inspection, rules: &[Rule]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules {
        let wanted = inspection.settings.policy.rules.get(&rule.id).and_then(|policy| policy.severity);
        if wanted == Some(RuleSeverity::Off) {
            continue;
        }
        let Some((_, detector)) = DETECTORS.iter().find(|(name, _)| Some(*name) == rule.detector.as_deref()) else {
            continue;
        };
        let first = findings.len();
        detector(inspection, rule, &mut findings);
        if old_code::SETTLED.contains(&rule.id.as_str()) {
            findings[first..].iter_mut().for_each(|finding| inspection.old_code.settle(finding));
        }
        if let Some(severity) = wanted.and_then(RuleSeverity::severity) {
            findings[first..].iter_mut().for_each(|finding| finding.severity = severity);
        }
    }
    findings
}
