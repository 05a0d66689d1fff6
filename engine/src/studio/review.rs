//! What a difference asks: from the live schema, the wanted one and the answers so far to steps and decisions.
//!
//! Answers change the steps (a rename in place of a drop and an addition), so everything is computed anew after each.

mod answered;
mod fill;
mod questions;
mod renames;

use std::collections::BTreeSet;

use studio_events::{Decision, DecisionId, MigrationStep, MigrationSummary, Revision, StepClass};
use studio_postgres::Connection;
use studio_postgres::inspect::{Stake, settle, stakes};
use studio_sql::diff::{Change, Consent, ConsentedPlan, Migration, Step};
use studio_sql::risk;
use studio_sql::schema::DatabaseSchema;

pub(super) use self::answered::Answered;
use self::answered::{DO_IT, KEEP, Key, KeyKind};
use self::questions::questions;
use self::renames::{difference, object_of};

/// A migration with what is asked and chosen.
#[derive(Debug)]
pub(super) struct Review {
    pub(super) migration: Migration,
    chosen: BTreeSet<usize>,
    questions: Vec<(Key, Decision)>,
    stakes: Vec<Stake>,
}

impl Review {
    /// The plan of what is chosen now.
    pub(super) fn plan(&self) -> ConsentedPlan {
        self.migration.consent(&Consent::Exactly(self.chosen.clone()))
    }

    /// Whether a chosen step loses values.
    pub(super) fn is_destructive(&self) -> bool {
        let plan = self.plan();
        plan.steps().iter().any(|index| self.migration.steps[*index].class == risk::StepClass::Destructive)
    }

    /// Descriptions of the steps that the plan runs.
    pub(super) fn titles(&self, plan: &ConsentedPlan) -> Vec<String> {
        plan.steps().iter().map(|index| self.migration.steps[*index].description.clone()).collect()
    }

    /// The question with this number.
    fn question(&self, id: DecisionId) -> Option<(&Key, &Decision)> {
        self.questions.iter().find(|(_, decision)| decision.id == id).map(|(key, decision)| (key, decision))
    }

    /// The questions.
    pub(super) fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.questions.iter().map(|(_, decision)| decision)
    }

    /// What the panes show. `word` is the consent word, should one be needed; `copy` the name of the copy.
    pub(super) fn summary(
        &self,
        revision: Revision,
        word: String,
        copy: Option<String>,
        held: bool,
    ) -> MigrationSummary {
        let plan = self.plan();
        let steps = self.migration.steps.iter().enumerate().map(|(index, step)| {
            let stake = self.stakes.iter().find(|stake| stake.step == index);
            MigrationStep {
                title: match stake.filter(|stake| !stake.samples.is_empty()) {
                    Some(stake) => format!("{}, such as {}", step.description, stake.samples.join(", ")),
                    None => step.description.clone(),
                },
                class: shown_class(step),
                statements: step.applied.iter().map(|statement| statement.text.clone()).collect(),
                rows: stake.map(|stake| stake.values),
                applied: false,
                object: step.object.to_string(),
                lock: step.change.lock().to_string(),
                chosen: plan.steps().contains(&index),
            }
        });
        MigrationSummary {
            revision,
            steps: steps.collect(),
            decisions: self.decisions().cloned().collect(),
            word: self.is_destructive().then_some(word),
            copy,
            held,
        }
    }
}

fn shown_class(step: &Step) -> StepClass {
    match (&step.change, step.class) {
        (Change::RenameColumn { .. } | Change::RenameTable { .. }, _) | (_, risk::StepClass::Question) => {
            StepClass::Question
        }
        (_, risk::StepClass::Safe) => StepClass::Safe,
        (_, risk::StepClass::NeedsValue) => StepClass::NeedsValue,
        (_, risk::StepClass::Destructive) => StepClass::Destructive,
    }
}

/// Computes the steps and questions for the answers so far.
///
/// # Errors
/// When the database cannot be asked about its rows.
pub(super) async fn review(
    connection: &Connection,
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    answered: &mut Answered,
) -> Result<Review, String> {
    let look = async |answered: &Answered, fitting: &[String]| {
        let (mut migration, renames) = difference(live, wanted, answered, fitting);
        settle(connection, &mut migration).await.map_err(|error| error.to_string())?;
        // What is at stake is worth knowing; not knowing it is no reason to hide the steps.
        let stakes = stakes(connection, &migration).await.unwrap_or_default();
        Ok::<_, String>((migration, renames, stakes))
    };
    let (mut migration, mut renames, mut stakes) = look(answered, &[]).await?;
    let fitting = fitting(&migration, &stakes);
    if !fitting.is_empty() {
        (migration, renames, stakes) = look(answered, &fitting).await?;
    }
    let questions = questions(&migration, &renames, &stakes, &fitting, wanted, answered);
    let chosen = chosen(&migration, &fitting, answered);
    Ok(Review { migration, chosen, questions, stakes })
}

/// The columns whose values can all be cast to their new type.
fn fitting(migration: &Migration, stakes: &[Stake]) -> Vec<String> {
    let fits = stakes.iter().filter(|stake| stake.misfits == Some(0));
    fits.filter_map(|stake| Some(migration.steps.get(stake.step)?.object.to_string())).collect()
}

/// Indices of the steps that run when the migration is applied now.
fn chosen(migration: &Migration, fitting: &[String], answered: &Answered) -> BTreeSet<usize> {
    let steps = migration.steps.iter().enumerate();
    let chosen = steps.filter(|(_, step)| match (&step.change, step.class) {
        (Change::RenameTable { old, .. }, _) => !answered.defers(KeyKind::RenameTable, &old.to_string()),
        (Change::RenameColumn { table, old, .. }, _) => {
            !answered.defers(KeyKind::RenameColumn, &object_of(table, old))
        }
        (Change::ReplaceColumn(_), _) if fitting.contains(&step.object.to_string()) => {
            answered.conversion(&step.object.to_string()) != KEEP
        }
        (_, risk::StepClass::Safe) => true,
        (_, risk::StepClass::Destructive) => {
            answered.option(KeyKind::Destructive, &step.object.to_string()) == Some(DO_IT)
        }
        (_, risk::StepClass::NeedsValue | risk::StepClass::Question) => false,
    });
    chosen.map(|(index, _)| index).collect()
}
