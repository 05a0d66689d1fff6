//! The state of planning one request: the model, the caller, the statement under construction.

use std::sync::Arc;

use studio_model::ir::{AccessExpr, ColumnId, ColumnType, Entity, EntityId, Ir};
use studio_sql::expr::{Alias, Expr, ParamId, SqlType};
use studio_sql::print::{print, print_expr};
use studio_sql::select::Source;
use studio_sql::write::Cte;

use super::fresh::Fresh;
use super::predicate::Pred;
use super::{Param, ParamOrigin, PlanOptions, Statement};
use crate::access::{AccessLog, Caller, Explaining, HookQuestion, Input, Reviewing, Truth};
use crate::error::RequestError;

/// Why planning a root field ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The field fails with this error.
    Error(RequestError),
    /// The whole plan has to wait for a context query.
    NeedsQuery(String),
    /// The whole plan has to wait for a component.
    NeedsDecision(Box<HookQuestion>),
}

impl From<RequestError> for Stop {
    fn from(error: RequestError) -> Self {
        Self::Error(error)
    }
}

/// Result of a planning function.
pub(crate) type Planned<T> = Result<T, Stop>;

/// A table in a statement and the name its current row goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) entity: EntityId,
    pub(crate) alias: Alias<'a>,
}

/// The planner of one request.
pub(crate) struct Planner<'a, 'l> {
    pub(crate) ir: &'a Ir,
    pub(crate) caller: Caller<'a>,
    pub(crate) log: &'l mut dyn AccessLog,
    pub(crate) options: PlanOptions,
    /// Values of the statement under construction, by [`ParamId`].
    params: Vec<Option<Param>>,
    /// Table names in use in the statement under construction.
    used: Vec<(Option<&'a str>, &'a str)>,
    serial: u32,
    /// Tables the statement under construction reads, in order of use.
    touched: Vec<EntityId>,
    /// Rows that the statement under construction inserts.
    pub(crate) fresh: Fresh<'a>,
    /// Conditions of the rule being solved and what they came to, while somebody listens.
    pub(crate) seen: Vec<(&'a AccessExpr, Truth)>,
    /// Variables whose values rules looked at.
    pub(crate) inspected: Vec<Arc<str>>,
    /// The rule being solved, while somebody listens.
    pub(crate) explaining: Explaining,
    /// Objects of the mutation that others will stand below.
    pub(crate) parents: Vec<Input<'a>>,
    /// Rules that components decide.
    pub(crate) hooks: Reviewing<'a>,
}

impl<'a, 'l> Planner<'a, 'l> {
    pub(crate) fn new(
        ir: &'a Ir,
        caller: Caller<'a>,
        log: &'l mut dyn AccessLog,
        options: PlanOptions,
    ) -> Self {
        Self {
            ir,
            caller,
            log,
            options,
            params: Vec::new(),
            used: Vec::new(),
            serial: 0,
            touched: Vec::new(),
            fresh: Fresh::default(),
            seen: Vec::new(),
            inspected: Vec::new(),
            explaining: Explaining::default(),
            parents: Vec::new(),
            hooks: Reviewing::default(),
        }
    }

    pub(crate) fn entity(&self, id: EntityId) -> &'a Entity {
        &self.ir.entities[id]
    }

    /// A new alias for an entity's table.
    pub(crate) fn row(&mut self, entity: EntityId) -> Row<'a> {
        let table = &self.entity(entity).table;
        self.touched.push(entity);
        Row { entity, alias: self.alias(table.schema.as_deref(), &table.name) }
    }

    /// A row that no part of the statement refers to; it takes no alias.
    pub(crate) fn unprinted_row(&self, entity: EntityId) -> Row<'a> {
        let table = &self.entity(entity).table;
        Row { entity, alias: Alias { schema: table.schema.as_deref(), table: &table.name, serial: 0 } }
    }

    /// A new alias with this stem.
    pub(crate) fn alias(&mut self, schema: Option<&'a str>, table: &'a str) -> Alias<'a> {
        let serial = if self.used.contains(&(schema, table)) {
            self.serial += 1;
            self.serial
        } else {
            self.used.push((schema, table));
            0
        };
        Alias { schema, table, serial }
    }

    /// A column of a row.
    pub(crate) fn column(&self, row: Row<'a>, column: ColumnId) -> Expr<'a> {
        Expr::Column(row.alias, &self.entity(row.entity).columns[column].name)
    }

    /// The type of a column.
    pub(crate) fn column_type(&self, entity: EntityId, column: ColumnId) -> &'a ColumnType {
        &self.entity(entity).columns[column].ty
    }

    /// Adds a value to the statement under construction.
    pub(crate) fn bind(&mut self, param: Param) -> Expr<'a> {
        self.params.push(Some(param));
        Expr::Param(ParamId(self.params.len() - 1))
    }

    /// How many values the statement under construction has so far; see [`Self::attribute`].
    pub(crate) fn bound(&self) -> usize {
        self.params.len()
    }

    /// Says where the values that were bound since then came from.
    pub(crate) fn attribute(&mut self, since: usize, origin: &ParamOrigin) {
        for param in self.params[since..].iter_mut().flatten() {
            param.origin = origin.clone();
        }
    }

    /// Adds a value for a column, with the cast its type needs.
    pub(crate) fn bind_for(&mut self, param: Param, ty: &ColumnType) -> Expr<'a> {
        let bound = self.bind(param);
        self.cast_param(bound, ty)
    }

    /// Enums and vectors travel as another type and are cast in the statement (graphql-and-sql 3.7).
    pub(crate) fn cast_param(&self, bound: Expr<'a>, ty: &ColumnType) -> Expr<'a> {
        match ty {
            ColumnType::Vector(_) => bound.cast(SqlType::Vector),
            ColumnType::Enum(id) => {
                let enum_type = &self.ir.enums[*id];
                bound.cast(SqlType::Named { schema: enum_type.schema.as_deref(), name: &enum_type.db_name })
            }
            ColumnType::Array(element) => {
                let mut innermost = &**element;
                while let ColumnType::Array(inner) = innermost {
                    innermost = inner;
                }
                match innermost {
                    ColumnType::Enum(id) => {
                        let enum_type = &self.ir.enums[*id];
                        let named =
                            SqlType::Named { schema: enum_type.schema.as_deref(), name: &enum_type.db_name };
                        bound.cast(SqlType::Array(Box::new(named)))
                    }
                    _ => bound,
                }
            }
            _ => bound,
        }
    }

    /// The table of a row, for `FROM`.
    pub(crate) fn source(row: Row<'a>) -> Source<'a> {
        Source::Table(row.alias)
    }

    /// How many table uses there were so far; see [`Self::touched_since`].
    pub(crate) fn uses(&self) -> usize {
        self.touched.len()
    }

    /// Whether the table that one of these parts writes was used since then.
    pub(crate) fn touched_since(&self, uses: usize, written: &[Cte<'a>]) -> bool {
        self.touched[uses..].iter().any(|used| {
            let table = &self.entity(*used).table;
            written
                .iter()
                .any(|cte| cte.name.table == table.name && cte.name.schema == table.schema.as_deref())
        })
    }

    /// A name for the `WITH` part that writes an entity's table.
    pub(crate) fn written_name(&mut self, entity: EntityId) -> Alias<'a> {
        let table = &self.entity(entity).table;
        self.alias(table.schema.as_deref(), &table.name)
    }

    /// Prints a finished statement and starts the next one.
    pub(crate) fn finish(&mut self, statement: &studio_sql::write::Statement<'a>) -> Statement {
        let printed = print(statement);
        let mut values = std::mem::take(&mut self.params);
        let params = printed
            .params
            .iter()
            .map(|id| values[id.0].take().expect("invariant: the printer reports each parameter once"))
            .collect();
        self.used.clear();
        self.touched.clear();
        self.fresh = Fresh::default();
        self.serial = 0;
        Statement { text: Arc::from(printed.text), params }
    }

    /// Drops what was built for a statement that will not be needed.
    pub(crate) fn abandon(&mut self) {
        self.params.clear();
        self.touched.clear();
        self.fresh = Fresh::default();
        self.used.clear();
        self.serial = 0;
    }

    /// A condition as SQL text with its values, for the log; leaves the statement under construction as it was.
    /// `outer` is the entity of the rule, `current` that of the row the condition speaks about.
    pub(crate) fn describe(
        &mut self,
        current: EntityId,
        outer: EntityId,
        pred: Pred<'a>,
    ) -> (String, Vec<Param>) {
        let used = std::mem::take(&mut self.used);
        let uses = self.touched.len();
        let serial = std::mem::replace(&mut self.serial, 0);
        let outer_row = self.row(outer);
        let row = if current == outer { outer_row } else { self.row(current) };
        let printed = self.lower_described(pred, row, outer_row).map(|expr| print_expr(&expr));
        self.used = used;
        self.touched.truncate(uses);
        self.serial = serial;
        let Some(printed) = printed else { return ("TRUE".to_owned(), Vec::new()) };
        let values = printed.params.iter().filter_map(|id| self.params[id.0].clone()).collect();
        (printed.text, values)
    }
}
