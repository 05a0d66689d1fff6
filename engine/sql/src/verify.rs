//! Says in sentences where a live database does not fit a model (graphql-and-sql.md 4.7).

use crate::diff::{Change, DiffOptions, diff};
use crate::schema::{DatabaseSchema, QualifiedName};

/// The sentences; none when the database is compatible. Things the model does not use are mostly fine and left out.
pub fn verify(live: &DatabaseSchema, wanted: &DatabaseSchema, options: &DiffOptions) -> Vec<String> {
    diff(live, wanted, options).steps.iter().flat_map(|step| sentences(&step.change)).collect()
}

fn sentences(change: &Change) -> Vec<String> {
    let sentence = match change {
        Change::CreateSchema(name) => {
            format!("The schema `{name}` exists in the model, but does not exist in the database.")
        }
        Change::CreateTable(table) => format!(
            "The table `{}` exists in the model, but does not exist in the database.",
            table.name.quoted()
        ),
        Change::CreateEnum(ty) => {
            format!(
                "The enum `{}` exists in the model, but does not exist in the database.",
                ty.name.quoted()
            )
        }
        Change::AddEnumValue { name, value } => format!(
            "The value `{value}` of the enum `{}` exists in the model, but does not exist in the database.",
            name.quoted()
        ),
        Change::ReplaceEnum { new, removed, .. } => {
            let name = new.name.quoted();
            return removed
                .iter()
                .map(|value| {
                    format!("The value `{value}` of the enum `{name}` exists in the database, but does not exist in the model.")
                })
                .collect();
        }
        Change::CreateSequence(name) => {
            format!("The sequence `{name}` exists in the model, but does not exist in the database.")
        }
        Change::CreateExtension(name) => format!("The model requires the extension `{name}`."),
        Change::AddColumn { table, column, .. } => missing_column(table, &column.name),
        Change::DropColumn { table, column, .. } => {
            if column.nullable {
                return Vec::new();
            }
            extra_column(table, &column.name)
        }
        Change::ReplaceColumn(replace) => {
            let mut sentences = Vec::new();
            if !replace.old.nullable {
                sentences.push(extra_column(&replace.table, &replace.old.name));
            }
            sentences.push(missing_column(&replace.table, &replace.new.name));
            return sentences;
        }
        Change::CreateIndex { table, index } => format!(
            "The index `{}` in the table `{}` exists in the model, but does not exist in the database table.",
            index.name,
            table.quoted()
        ),
        Change::SetDefault { table, column, silent: false, .. } => {
            let value = crate::ddl::default_expression(column)
                .unwrap_or_else(|| format!("nextval('{}_{}_seq'::regclass)", table.name, column.name));
            format!(
                "The default value for column `{}` in table `{}` does not match `{value}`",
                column.name,
                table.quoted()
            )
        }
        Change::DropDefault { table, column, silent: false, .. } => {
            format!("The column `{}` in table `{}` is not set in the model.", column.name, table.quoted())
        }
        Change::AddUnique { table, unique } => format!(
            "The model requires a unique constraint named `{}` for the following columns in table `{}`: {}",
            unique.name,
            table.quoted(),
            unique.columns.join(", ")
        ),
        Change::DropUnique { table, unique } => format!(
            "Extra unique constaint `{}` in table `{}` found that is not require by the model.",
            unique.name,
            table.quoted()
        ),
        Change::AddForeignKey { table, key } => format!(
            "The model requires a foreign key constraint in table `{}` for the following columns: {}",
            table.quoted(),
            key.own_columns().collect::<Vec<_>>().join(", ")
        ),
        Change::DropForeignKey { table, key } => format!(
            "Extra foreign key constraint `{}` in table `{}` found that is not require by the model.",
            key.name,
            table.quoted()
        ),
        Change::SetNotNull { table, column, silent: false, .. } => format!(
            "The model requires that the column `{}` in table `{}` is not nullable. All records in the database \
             must have a non-null value for this column before migration.",
            column.name,
            table.quoted()
        ),
        Change::DropNotNull { table, column, silent: false } => format!(
            "The model requires that the column `{}` in table `{}` is nullable.",
            column.name,
            table.quoted()
        ),
        Change::ChangeKey { table, new_columns, .. } if !new_columns.is_empty() => format!(
            "The model requires a primary key in table `{}` for the following columns: {}",
            table.quoted(),
            new_columns.join(", ")
        ),
        Change::CreateTrigger { table, trigger } => {
            format!("The model requires a trigger named `{}` on table `{}`", trigger.name, table.quoted())
        }
        Change::DropTrigger { table, trigger } => format!(
            "The trigger `{}` on table `{}` exists in the database, but does not exist in the model.",
            trigger.name,
            table.quoted()
        ),
        Change::CreateFunction(function) => {
            format!("The model requires a function named `{}`", function.name)
        }
        Change::ReplaceFunction(function) => {
            format!("The model requires a function named `{}` with body `{}`", function.name, function.body)
        }
        Change::DropFunction { name, .. } => {
            format!("The function `{name}` exists in the database, but does not exist in the model.")
        }
        Change::DropExtension(_)
        | Change::DropSchema(_)
        | Change::DropSequence(_)
        | Change::DropEnum(_)
        | Change::DropTable { .. }
        | Change::RenameTable { .. }
        | Change::RenameColumn { .. }
        | Change::DropIndex { .. }
        | Change::ChangeKey { .. }
        | Change::SetNotNull { .. }
        | Change::DropNotNull { .. }
        | Change::SetDefault { .. }
        | Change::DropDefault { .. } => return Vec::new(),
    };
    vec![sentence]
}

fn missing_column(table: &QualifiedName, column: &str) -> String {
    format!(
        "The column `{column}` in the table `{}` exists in the model, but does not exist in the database table.",
        table.quoted()
    )
}

fn extra_column(table: &QualifiedName, column: &str) -> String {
    format!(
        "The non-nullable column `{column}` in the table `{}` exists in the database table, but does not exist \
         in the model.",
        table.quoted()
    )
}
