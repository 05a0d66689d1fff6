//! The difference between two schemas, as ordered steps (graphql-and-sql.md 4.6).
//!
//! [`diff`] compares; the resulting [`Migration`] prints the contract's script and hands out plans to run. What a
//! plan may contain follows from the risk class of each step: nothing destructive without consent.

mod answers;
mod change;
mod compare;
mod lock;
mod plan;
mod probe;
mod scope;
mod statement;
mod table;

pub use answers::{AnswerError, Answers, BackFill, ColumnRename, TableRename};
pub use change::{Change, Object, ReplaceColumn};
pub use lock::Lock;
pub use plan::{Consent, ConsentedPlan, DestructiveChange};
pub use probe::{COUNT_LIMIT, Probe, StakeQuery};
pub use scope::{Scope, ScopePattern};
pub use statement::{Phase, Statement};

use crate::ddl::Script;
use crate::rename::{ColumnProposal, TableProposal};
use crate::risk::StepClass;
use crate::schema::DatabaseSchema;

/// What a difference looks at, and what is already decided.
#[derive(Debug, Clone, Default)]
pub struct DiffOptions {
    /// The part of the database that is compared.
    pub scope: Scope,
    /// Decisions.
    pub answers: Answers,
}

/// An ordered list of steps from one schema to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migration {
    /// The steps in the order of 4.5.
    pub steps: Vec<Step>,
    /// Pairs of a vanished and a new column that may be a rename; nobody answered yet.
    pub column_proposals: Vec<ColumnProposal>,
    /// Pairs of a vanished and a new table that may be a rename; nobody answered yet.
    pub table_proposals: Vec<TableProposal>,
    /// All pairs of columns whose types fit, also unlikely ones, best first.
    pub column_candidates: Vec<ColumnProposal>,
    /// All pairs of tables, also unlikely ones, best first.
    pub table_candidates: Vec<TableProposal>,
}

/// One difference with its statements and its risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The difference itself.
    pub change: Change,
    /// What it takes to run it.
    pub class: StepClass,
    /// Statements of the contract's script. May be empty.
    pub printed: Vec<Statement>,
    /// Statements that are run. The same as the printed ones, except where another way keeps more data.
    pub applied: Vec<Statement>,
    /// One human line.
    pub description: String,
    /// What the step is about.
    pub object: Object,
    /// Indices of steps that have to run before or together with this one.
    pub needs: Vec<usize>,
}

/// The steps from `live` to `wanted`.
pub fn diff(live: &DatabaseSchema, wanted: &DatabaseSchema, options: &DiffOptions) -> Migration {
    let found = compare::compare(live, wanted, options);
    let table_proposals = crate::rename::best_tables(&found.tables);
    let in_question = |change: &Change| {
        // A column that waits to be answered about may still turn out to be any of the new ones that fit.
        found.columns.iter().any(|proposal| match change {
            Change::AddColumn { table, column, .. } => {
                proposal.table == *table && proposal.new.name == column.name
            }
            _ => false,
        }) || table_proposals
            .iter()
            .any(|proposal| matches!(change, Change::CreateTable(table) if table.name == proposal.new))
    };
    let mut steps: Vec<Step> = found
        .changes
        .into_iter()
        .map(|change| {
            let class = crate::risk::classify(&change);
            let class = if in_question(&change) { StepClass::Question } else { class };
            let (printed, applied) = statement::both(&change);
            Step {
                class,
                printed,
                applied,
                description: change.description(),
                object: change.object(),
                needs: Vec::new(),
                change,
            }
        })
        .collect();
    plan::relax_constraints_over_new_columns(&mut steps);
    plan::link(&mut steps, wanted);
    Migration {
        steps,
        column_proposals: crate::rename::best_columns(&found.columns),
        table_proposals,
        column_candidates: found.columns,
        table_candidates: found.tables,
    }
}

/// Vanished tables in scope that no answer covers, and answers that fit nothing. A file of answers has to be
/// complete (4.6).
pub fn check_answers(
    live: &DatabaseSchema,
    wanted: &DatabaseSchema,
    options: &DiffOptions,
) -> Result<(), AnswerError> {
    compare::check_answers(live, wanted, options)
}

impl Migration {
    /// Whether the two schemas agree.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether every step may run at once without asking.
    pub fn is_additive(&self) -> bool {
        self.steps.iter().all(|step| step.class == StepClass::Safe)
    }

    /// Whether the values of a column might be cast to its new type.
    pub fn converts(&self) -> bool {
        let has_one =
            |step: &Step| matches!(&step.change, Change::ReplaceColumn(it) if it.conversion.is_some());
        self.steps.iter().any(has_one)
    }

    /// The same steps for a server that cannot tell which values fit a type.
    #[must_use]
    pub fn without_conversions(&self) -> Self {
        let mut migration = self.clone();
        for step in &mut migration.steps {
            if let Change::ReplaceColumn(replace) = &mut step.change {
                replace.conversion = None;
            }
        }
        migration
    }

    /// The steps nothing runs without consent.
    pub fn destructive_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.class == StepClass::Destructive)
    }

    /// Statements of the safe steps, in order of execution; steps that need a held-back step are held back too.
    pub fn safe_statements(&self) -> Vec<String> {
        self.safe_plan().statements().map(str::to_owned).collect()
    }

    /// The contract's script: all pre-, main and post-statements. Destructive statements are commented out
    /// unless they are allowed.
    pub fn script(&self, allow_destructive: bool) -> Script {
        let mut script = Script::default();
        for statement in self.steps.iter().flat_map(|step| &step.printed) {
            let text = if statement.destructive && !allow_destructive {
                format!("-- {}", statement.text)
            } else {
                statement.text.clone()
            };
            match statement.phase {
                Phase::Pre => script.pre.push(text),
                Phase::Main => script.main.push(text),
                Phase::Post => script.post.push(text),
            }
        }
        script
    }

    /// Descriptions of the steps whose statements in the contract's script are not those that are run: the script may
    /// lose more, or fail where something leans on a column.
    pub fn run_differently(&self) -> impl Iterator<Item = &str> {
        let steps = self.steps.iter().filter(|step| step.printed != step.applied);
        let kept = steps.filter(|step| !matches!(step.change, Change::RenameTable { .. }));
        kept.map(|step| step.description.as_str())
    }

    /// The first destructive statement of the contract's script, for `Destructive change detected: …`.
    pub fn first_destructive_statement(&self) -> Option<&str> {
        let statements = self.steps.iter().flat_map(|step| &step.printed);
        statements.filter(|statement| statement.destructive).map(|statement| statement.text.as_str()).next()
    }
}
