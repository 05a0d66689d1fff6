//! The one place where SQL becomes text: quoting, parameter numbers, parentheses.

use std::fmt::Write as _;

use crate::expr::{Alias, Expr, ParamId, SqlType};
use crate::select::{Item, Join, JoinKind, OrderBy, Select, Source};
use crate::write::{Delete, Insert, InsertSource, Statement, Update};

/// Postgres refuses calls with more than 100 arguments: pairs per `json_build_object`.
const PAIRS_PER_CALL: usize = 50;
/// Identifiers are cut at 63 bytes; an alias keeps its serial number by giving up part of a long table name.
const ALIAS_STEM: usize = 48;

/// A printed statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// SQL with `$1…$n`.
    pub text: String,
    /// Which value stands behind each number, in order.
    pub params: Vec<ParamId>,
}

/// Prints a statement.
pub fn print(statement: &Statement<'_>) -> Printed {
    let mut printer = Printer { out: String::with_capacity(512), ..Printer::default() };
    printer.statement(statement);
    Printed { text: printer.out, params: printer.params }
}

/// Prints one expression, for traces: parameters stay `$n`.
pub fn print_expr(expr: &Expr<'_>) -> Printed {
    let mut printer = Printer::default();
    printer.expr(expr);
    Printed { text: printer.out, params: printer.params }
}

#[derive(Default)]
struct Printer {
    out: String,
    params: Vec<ParamId>,
    /// Number given to each value, by its index; 0 where none was given yet.
    numbers: Vec<usize>,
}

impl Printer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            each(self, item);
        }
    }

    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::Select(select) => self.select(select),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
        }
    }

    fn ident(&mut self, name: &str) {
        self.out.push('"');
        if name.contains('"') {
            self.out.push_str(&name.replace('"', "\"\""));
        } else {
            self.out.push_str(name);
        }
        self.out.push('"');
    }

    fn text(&mut self, text: &str) {
        // A backslash needs no care: standard_conforming_strings is on since Postgres 9.1, and the texts printed
        // here are GraphQL names and fixed words, never values of a client.
        self.out.push('\'');
        if text.contains('\'') {
            self.out.push_str(&text.replace('\'', "''"));
        } else {
            self.out.push_str(text);
        }
        self.out.push('\'');
    }

    fn alias(&mut self, alias: Alias<'_>) {
        if alias.schema.is_none() && alias.serial == 0 {
            self.ident(alias.table);
            return;
        }
        let mut stem = alias.table;
        if alias.serial > 0 && stem.len() > ALIAS_STEM {
            let mut end = ALIAS_STEM;
            while !stem.is_char_boundary(end) {
                end -= 1;
            }
            stem = &stem[..end];
        }
        self.out.push('"');
        if let Some(schema) = alias.schema {
            self.out.push_str(&schema.replace('"', "\"\""));
            self.out.push('#');
        }
        self.out.push_str(&stem.replace('"', "\"\""));
        if alias.serial > 0 {
            let _ = write!(self.out, "${}", alias.serial);
        }
        self.out.push('"');
    }

    fn table(&mut self, alias: Alias<'_>) {
        if let Some(schema) = alias.schema {
            self.ident(schema);
            self.out.push('.');
        }
        self.ident(alias.table);
    }

    fn table_with_alias(&mut self, alias: Alias<'_>) {
        self.table(alias);
        if alias.schema.is_some() || alias.serial > 0 {
            self.push(" AS ");
            self.alias(alias);
        }
    }

    fn param(&mut self, id: ParamId) {
        if self.numbers.len() <= id.0 {
            self.numbers.resize(id.0 + 1, 0);
        }
        if self.numbers[id.0] == 0 {
            self.params.push(id);
            self.numbers[id.0] = self.params.len();
        }
        let number = self.numbers[id.0];
        self.out.push('$');
        self.number(number);
    }

    fn number(&mut self, number: usize) {
        let _ = write!(self.out, "{number}");
    }

    /// An expression as an operand: parenthesised unless it cannot be misread.
    fn operand(&mut self, expr: &Expr<'_>) {
        let bare = match expr {
            Expr::Binary(..)
            | Expr::Any(..)
            | Expr::All(..)
            | Expr::Not(..)
            | Expr::IsNull { .. }
            | Expr::In(..) => false,
            Expr::And(parts) | Expr::Or(parts) => match parts.as_slice() {
                [] => true,
                [only] => return self.operand(only),
                _ => false,
            },
            Expr::Int(number) => *number >= 0,
            Expr::Column(..)
            | Expr::Name(..)
            | Expr::Param(..)
            | Expr::Text(..)
            | Expr::Bool(..)
            | Expr::Null
            | Expr::Cast(..)
            | Expr::Call(..)
            | Expr::Exists(..)
            | Expr::Scalar(..)
            | Expr::JsonObject(..)
            | Expr::JsonList(..)
            | Expr::Row(..) => true,
        };
        if bare {
            self.expr(expr);
        } else {
            self.out.push('(');
            self.expr(expr);
            self.out.push(')');
        }
    }

    /// A part of AND/OR: only nested AND/OR need parentheses.
    fn logical_part(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::And(_) | Expr::Or(_) => self.operand(expr),
            _ => self.expr(expr),
        }
    }

    fn expr(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::Column(alias, name) => {
                self.alias(*alias);
                self.out.push('.');
                self.ident(name);
            }
            Expr::Name(name) => self.ident(name),
            Expr::Param(id) => self.param(*id),
            Expr::Text(text) => self.text(text),
            Expr::Int(number) => {
                let _ = write!(self.out, "{number}");
            }
            Expr::Bool(true) => self.push("TRUE"),
            Expr::Bool(false) => self.push("FALSE"),
            Expr::Null => self.push("NULL"),
            Expr::Cast(inner, ty) => {
                self.operand(inner);
                self.push("::");
                self.sql_type(ty);
            }
            Expr::Call(function, args) => {
                self.push(function.name());
                self.out.push('(');
                self.list(args, |printer, arg| printer.expr(arg));
                self.out.push(')');
            }
            Expr::Binary(left, op, right) => {
                self.operand(left);
                self.out.push(' ');
                self.push(op.symbol());
                self.out.push(' ');
                self.operand(right);
            }
            Expr::Any(left, op, array) => self.quantified(left, op.symbol(), " ANY(", array),
            Expr::All(left, op, array) => self.quantified(left, op.symbol(), " ALL(", array),
            Expr::Not(inner) => {
                self.push("NOT (");
                self.expr(inner);
                self.out.push(')');
            }
            Expr::And(parts) => self.logical(parts, " AND ", "TRUE"),
            Expr::Or(parts) => self.logical(parts, " OR ", "FALSE"),
            Expr::IsNull { expr, negated } => {
                self.operand(expr);
                self.push(if *negated { " IS NOT NULL" } else { " IS NULL" });
            }
            Expr::In(left, select) => {
                match left.as_slice() {
                    [only] => self.operand(only),
                    several => {
                        self.out.push('(');
                        self.list(several, |printer, part| printer.expr(part));
                        self.out.push(')');
                    }
                }
                self.push(" IN (");
                self.select(select);
                self.out.push(')');
            }
            Expr::Exists(select) => {
                self.push("EXISTS (");
                self.select(select);
                self.out.push(')');
            }
            Expr::Scalar(select) => {
                self.out.push('(');
                self.select(select);
                self.out.push(')');
            }
            Expr::JsonObject(members) => self.json_object(members),
            Expr::JsonList(inner) => {
                self.push("COALESCE(json_agg(");
                self.expr(inner);
                self.push("), '[]'::json)");
            }
            Expr::Row(alias) => {
                self.alias(*alias);
                self.push(".*");
            }
        }
    }

    fn quantified(&mut self, left: &Expr<'_>, op: &str, quantifier: &str, array: &Expr<'_>) {
        self.operand(left);
        self.out.push(' ');
        self.push(op);
        self.push(quantifier);
        self.expr(array);
        self.out.push(')');
    }

    fn logical(&mut self, parts: &[Expr<'_>], glue: &str, empty: &str) {
        match parts {
            [] => self.push(empty),
            [only] => self.expr(only),
            several => {
                for (index, part) in several.iter().enumerate() {
                    if index > 0 {
                        self.push(glue);
                    }
                    self.logical_part(part);
                }
            }
        }
    }

    /// Beyond 50 members the object is glued together from several calls as text: key order is response order,
    /// which `jsonb` would lose.
    fn json_object(&mut self, members: &[(std::borrow::Cow<'_, str>, Expr<'_>)]) {
        if members.len() <= PAIRS_PER_CALL {
            return self.json_build_object(members);
        }
        let last = members.len().div_ceil(PAIRS_PER_CALL) - 1;
        self.out.push('(');
        for (index, chunk) in members.chunks(PAIRS_PER_CALL).enumerate() {
            if index > 0 {
                self.push(" || ',' || ");
            }
            // The text of an object is `{…}`: drop the brace on each side where a neighbour follows.
            if index > 0 {
                self.push("substr(");
            }
            if index < last {
                self.push("left(");
            }
            self.json_build_object(chunk);
            self.push("::text");
            if index < last {
                self.push(", -1)");
            }
            if index > 0 {
                self.push(", 2)");
            }
        }
        self.push(")::json");
    }

    fn json_build_object(&mut self, members: &[(std::borrow::Cow<'_, str>, Expr<'_>)]) {
        self.push("json_build_object(");
        self.list(members, |printer, (key, value)| {
            printer.text(key);
            printer.push(", ");
            // A bare string constant has no type of its own; json_build_object needs one.
            match value {
                Expr::Text(text) => {
                    printer.text(text);
                    printer.push("::text");
                }
                _ => printer.expr(value),
            }
        });
        self.out.push(')');
    }

    fn sql_type(&mut self, ty: &SqlType<'_>) {
        match ty {
            SqlType::Text => self.push("text"),
            SqlType::Real => self.push("real"),
            SqlType::Bytea => self.push("bytea"),
            SqlType::Vector => self.push("vector"),
            SqlType::Named { schema, name } => {
                if let Some(schema) = schema {
                    self.ident(schema);
                    self.out.push('.');
                }
                self.ident(name);
            }
            SqlType::Array(element) => {
                self.sql_type(element);
                self.push("[]");
            }
        }
    }

    fn select(&mut self, select: &Select<'_>) {
        if !select.with.is_empty() {
            self.push("WITH ");
            self.list(&select.with, |printer, cte| {
                printer.alias(cte.name);
                printer.push(" AS (");
                printer.statement(&cte.body);
                printer.out.push(')');
            });
            self.out.push(' ');
        }
        self.push("SELECT ");
        self.items(&select.columns);
        if let Some(from) = &select.from {
            self.push(" FROM ");
            self.source(from);
        }
        for join in &select.joins {
            self.join(join);
        }
        self.filter(select.filter.as_ref());
        if !select.order.is_empty() {
            self.push(" ORDER BY ");
            self.list(&select.order, Self::order_by);
        }
        if let Some(limit) = &select.limit {
            self.push(" LIMIT ");
            self.expr(limit);
        }
        if let Some(offset) = &select.offset {
            self.push(" OFFSET ");
            self.expr(offset);
        }
    }

    fn items(&mut self, items: &[Item<'_>]) {
        self.list(items, |printer, item| match item {
            Item::Expr(expr) => printer.expr(expr),
            Item::Named(expr, name) => {
                printer.expr(expr);
                printer.push(" AS ");
                printer.ident(name);
            }
            Item::AllOf(alias) => {
                printer.alias(*alias);
                printer.push(".*");
            }
            Item::All => printer.out.push('*'),
        });
    }

    fn order_by(&mut self, order: &OrderBy<'_>) {
        self.expr(&order.expr);
        self.push(if order.descending { " DESC" } else { " ASC" });
    }

    fn filter(&mut self, filter: Option<&Expr<'_>>) {
        if let Some(filter) = filter {
            self.push(" WHERE ");
            self.expr(filter);
        }
    }

    fn join(&mut self, join: &Join<'_>) {
        self.push(match join.kind {
            JoinKind::Left => " LEFT JOIN ",
            JoinKind::Inner => " JOIN ",
        });
        self.source(&join.source);
        self.push(" ON ");
        self.expr(&join.on);
    }

    fn source(&mut self, source: &Source<'_>) {
        match source {
            Source::Table(alias) => self.table_with_alias(*alias),
            Source::Cte { name, alias } => {
                self.alias(*name);
                if name != alias {
                    self.push(" AS ");
                    self.alias(*alias);
                }
            }
            Source::Select(select, alias) => {
                self.out.push('(');
                self.select(select);
                self.push(") AS ");
                self.alias(*alias);
            }
            Source::Unnest { arrays, ordinality, alias, columns } => {
                self.push("unnest(");
                self.list(arrays, |printer, array| printer.expr(array));
                self.out.push(')');
                if *ordinality {
                    self.push(" WITH ORDINALITY");
                }
                self.function_alias(*alias, columns);
            }
            Source::Function { call, alias, columns } => {
                self.expr(call);
                self.push(" WITH ORDINALITY");
                self.function_alias(*alias, columns);
            }
        }
    }

    fn function_alias(&mut self, alias: Alias<'_>, columns: &[std::borrow::Cow<'_, str>]) {
        self.push(" AS ");
        self.alias(alias);
        self.out.push('(');
        self.list(columns, |printer, column| printer.ident(column));
        self.out.push(')');
    }

    fn insert(&mut self, insert: &Insert<'_>) {
        self.push("INSERT INTO ");
        // The condition of a conflict speaks of the row that is there under the alias.
        if insert.conflict.is_some() {
            self.table_with_alias(insert.table);
        } else {
            self.table(insert.table);
        }
        match &insert.source {
            InsertSource::Defaults => self.push(" DEFAULT VALUES"),
            InsertSource::Values(rows) => {
                self.insert_columns(&insert.columns);
                self.push("VALUES ");
                self.list(rows, |printer, row| {
                    printer.out.push('(');
                    printer.list(row, |printer, cell| match cell {
                        Some(expr) => printer.expr(expr),
                        None => printer.push("DEFAULT"),
                    });
                    printer.out.push(')');
                });
            }
            InsertSource::Select(select) => {
                self.insert_columns(&insert.columns);
                self.select(select);
            }
        }
        if let Some(conflict) = &insert.conflict {
            self.push(" ON CONFLICT");
            self.insert_columns(&conflict.columns);
            self.push("DO UPDATE SET ");
            self.list(&conflict.set, |printer, (column, value)| {
                printer.ident(column);
                printer.push(" = ");
                printer.expr(value);
            });
            self.filter(conflict.filter.as_ref());
        }
        self.returning(&insert.returning);
    }

    fn insert_columns(&mut self, columns: &[&str]) {
        self.push(" (");
        self.list(columns, |printer, column| printer.ident(column));
        self.push(") ");
    }

    fn update(&mut self, update: &Update<'_>) {
        self.push("UPDATE ");
        self.table_with_alias(update.table);
        self.push(" SET ");
        self.list(&update.set, |printer, (column, value)| {
            printer.ident(column);
            printer.push(" = ");
            printer.expr(value);
        });
        if let Some(other) = update.from {
            self.push(" FROM ");
            self.table_with_alias(other);
        }
        self.filter(update.filter.as_ref());
        self.returning(&update.returning);
    }

    fn delete(&mut self, delete: &Delete<'_>) {
        self.push("DELETE FROM ");
        self.table_with_alias(delete.table);
        self.filter(delete.filter.as_ref());
        self.returning(&delete.returning);
    }

    fn returning(&mut self, items: &[Item<'_>]) {
        if !items.is_empty() {
            self.push(" RETURNING ");
            self.items(items);
        }
    }
}

#[cfg(test)]
mod tests;
