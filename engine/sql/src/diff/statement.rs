//! The statements of a change: the ones the contract prints, and the ones that are run.

use crate::convert::Conversion;
use crate::ddl;
use crate::schema::{
    Column, ColumnDefault, ColumnType, EnumType, ForeignKey, QualifiedName, quote_ident, quote_literal,
};

use super::answers::BackFill;
use super::change::{Change, ReplaceColumn};

/// One SQL statement of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it stands in the script.
    pub phase: Phase,
    /// The text, with its semicolon.
    pub text: String,
    /// Whether values are lost; printed behind `-- ` unless allowed.
    pub destructive: bool,
}

/// The three groups of a script, in order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Phase {
    Pre,
    Main,
    Post,
}

fn pre(text: String) -> Statement {
    Statement { phase: Phase::Pre, text, destructive: false }
}

fn main(text: String) -> Statement {
    Statement { phase: Phase::Main, text, destructive: false }
}

fn post(text: String) -> Statement {
    Statement { phase: Phase::Post, text, destructive: false }
}

fn destructive(statement: Statement) -> Statement {
    Statement { destructive: true, ..statement }
}

/// The contract's statements and those that are run: mostly the same, and then made once.
pub(super) fn both(change: &Change) -> (Vec<Statement>, Vec<Statement>) {
    let applied = applied(change);
    let differs = matches!(
        change,
        Change::SetNotNull { .. }
            | Change::DropNotNull { .. }
            | Change::SetDefault { .. }
            | Change::DropDefault { .. }
            | Change::ChangeKey { .. }
            | Change::ReplaceColumn(_)
            | Change::DropColumn { .. }
            | Change::RenameTable { .. }
    );
    (if differs { printed(change) } else { applied.clone() }, applied)
}

/// The contract's statements (4.6).
fn printed(change: &Change) -> Vec<Statement> {
    match change {
        Change::SetNotNull { silent: true, .. }
        | Change::DropNotNull { silent: true, .. }
        | Change::SetDefault { silent: true, .. }
        | Change::DropDefault { silent: true, .. } => Vec::new(),
        // The contract's text knows nothing of keys and of what leans on a column; running it takes care of both.
        Change::ChangeKey { .. } => Vec::new(),
        Change::ReplaceColumn(replace) if replace.converts => in_place(replace),
        Change::ReplaceColumn(replace) => {
            replaced(&ReplaceColumn { referenced_by: Vec::new(), ..(**replace).clone() })
        }
        Change::DropColumn { table, column, asked_for, takes_along, .. } => common(&Change::DropColumn {
            table: table.clone(),
            column: column.clone(),
            asked_for: *asked_for,
            referenced_by: Vec::new(),
            takes_along: takes_along.clone(),
        }),
        _ => filled(change).unwrap_or_else(|| common(change)),
    }
}

/// The statements that are run.
fn applied(change: &Change) -> Vec<Statement> {
    match change {
        Change::ReplaceColumn(replace) if replace.is_in_place() => in_place(replace),
        Change::ReplaceColumn(replace) => replaced(replace),
        // A sequence that goes by another name (an identity column's, or a renamed one) keeps it.
        Change::RenameTable { .. } => {
            let tolerant = |statement: Statement| Statement {
                text: statement.text.replacen("ALTER SEQUENCE ", "ALTER SEQUENCE IF EXISTS ", 1),
                ..statement
            };
            common(change).into_iter().map(tolerant).collect()
        }
        _ => filled(change).unwrap_or_else(|| common(change)),
    }
}

/// The plain text of a column that requires a value fails on the rows that exist; a given value lets them in.
fn filled(change: &Change) -> Option<Vec<Statement>> {
    match change {
        Change::AddColumn { table, column, sole_key, back_fill: Some(fill) }
            if !column.nullable && column.default.is_none() && !column.primary_key =>
        {
            let name = quote_ident(&column.name);
            let statements = match fill {
                BackFill::Value(value) => {
                    let value = ColumnDefault::Expression(format!("({value})"));
                    let with_value = Column { default: Some(value), ..column.clone() };
                    let definition = ddl::column_definition(&with_value, *sole_key);
                    vec![
                        format!("ALTER TABLE {} ADD {definition};", table.quoted()),
                        alter_column(table, &column.name, "DROP DEFAULT"),
                    ]
                }
                BackFill::PerRow(expression) => {
                    let optional = Column { nullable: true, ..column.clone() };
                    vec![
                        add_column(table, &optional, *sole_key),
                        format!("UPDATE {} SET {name} = ({expression});", table.quoted()),
                        alter_column(table, &column.name, "SET NOT NULL"),
                    ]
                }
            };
            Some(statements.into_iter().map(main).collect())
        }
        Change::SetNotNull { table, column, back_fill: Some(fill), .. } => {
            let (BackFill::Value(value) | BackFill::PerRow(value)) = fill;
            let name = quote_ident(&column.name);
            let update = format!("UPDATE {} SET {name} = ({value}) WHERE {name} IS NULL;", table.quoted());
            Some(vec![main(update), main(alter_column(table, &column.name, "SET NOT NULL"))])
        }
        _ => None,
    }
}

fn common(change: &Change) -> Vec<Statement> {
    match change {
        Change::CreateExtension(name) => vec![main(ddl::create_extension(name))],
        Change::DropExtension(name) => {
            vec![destructive(main(format!("DROP EXTENSION IF EXISTS {};", quote_ident(name))))]
        }
        Change::CreateSchema(name) => vec![main(ddl::create_schema(name))],
        Change::DropSchema(name) => {
            vec![destructive(main(format!("DROP SCHEMA IF EXISTS {} CASCADE;", quote_ident(name))))]
        }
        Change::CreateSequence(name) => vec![main(ddl::create_sequence(name))],
        Change::DropSequence(name) => {
            vec![destructive(main(format!("DROP SEQUENCE IF EXISTS {};", name.quoted())))]
        }
        Change::CreateEnum(ty) => vec![main(ddl::create_enum(ty))],
        Change::DropEnum(name) => vec![destructive(post(format!("DROP TYPE {} CASCADE;", name.quoted())))],
        Change::AddEnumValue { name, value } => {
            vec![main(format!("ALTER TYPE {} ADD VALUE {};", name.quoted(), quote_literal(value)))]
        }
        Change::ReplaceEnum { new, users, removed } => {
            replaced_enum(new, users, removed).into_iter().map(destructive).collect()
        }
        Change::CreateTable(table) => {
            let mut statements = vec![main(ddl::create_table(table))];
            statements.extend(ddl::table_post_statements(table).map(post));
            statements
        }
        Change::DropTable { table, asked_for } => {
            let name = table.name.quoted();
            let mut statements: Vec<Statement> = table
                .uniques
                .iter()
                .map(|unique| {
                    pre(format!("ALTER TABLE {name} DROP CONSTRAINT {};", quote_ident(&unique.name)))
                })
                .collect();
            statements.push(main(format!("DROP TABLE {name} CASCADE;")));
            statements.into_iter().map(|s| Statement { destructive: !asked_for, ..s }).collect()
        }
        Change::RenameTable { old, new, serial_columns } => {
            renamed_table(old, new, serial_columns).into_iter().map(main).collect()
        }
        Change::AddColumn { table, column, sole_key, .. } => {
            vec![main(add_column(table, column, *sole_key))]
        }
        Change::DropColumn { table, column, asked_for, referenced_by, .. } => {
            let mut statements: Vec<Statement> =
                referenced_by.iter().map(|(other, key)| pre(drop_constraint(other, &key.name))).collect();
            statements.push(main(drop_column(table, &column.name)));
            statements.into_iter().map(|s| Statement { destructive: !asked_for, ..s }).collect()
        }
        Change::RenameColumn { table, old, new } => vec![main(format!(
            "ALTER TABLE {} RENAME COLUMN {} TO {};",
            table.quoted(),
            quote_ident(old),
            quote_ident(new)
        ))],
        Change::ReplaceColumn(replace) => replaced(replace),
        Change::SetNotNull { table, column, .. } => {
            vec![main(alter_column(table, &column.name, "SET NOT NULL"))]
        }
        Change::DropNotNull { table, column, .. } => {
            vec![main(alter_column(table, &column.name, "DROP NOT NULL"))]
        }
        Change::SetDefault { table, column, old, .. } => {
            set_default(table, column, old.as_ref()).into_iter().map(main).collect()
        }
        Change::DropDefault { table, column, old, .. } => {
            drop_default(table, column, old).into_iter().map(main).collect()
        }
        Change::ChangeKey { table, old_constraint, new_columns, referenced_by } => {
            changed_key(table, old_constraint.as_deref(), new_columns, referenced_by)
        }
        Change::AddUnique { table, unique } => vec![main(ddl::add_unique(table, unique))],
        Change::DropUnique { table, unique } => vec![main(drop_constraint(table, &unique.name))],
        Change::AddForeignKey { table, key } => vec![post(ddl::add_foreign_key(table, key))],
        Change::DropForeignKey { table, key } => vec![main(drop_constraint(table, &key.name))],
        Change::CreateIndex { table, index } => vec![main(ddl::create_index(table, index))],
        Change::DropIndex { table, index } => {
            let name = QualifiedName { schema: table.schema.clone(), name: index.name.clone() };
            vec![main(format!("DROP INDEX {};", name.quoted()))]
        }
        Change::CreateFunction(function) => vec![main(ddl::create_function(function))],
        Change::ReplaceFunction(function) => {
            vec![main(ddl::create_function(function).replacen("CREATE", "CREATE OR REPLACE", 1))]
        }
        Change::DropFunction { name, .. } => {
            vec![main(format!("DROP FUNCTION {};", crate::schema::plain_ident(name)))]
        }
        Change::CreateTrigger { table, trigger } => vec![post(ddl::create_trigger(table, trigger))],
        Change::DropTrigger { table, trigger } => {
            let name = crate::schema::plain_ident(&trigger.name);
            vec![main(format!("DROP TRIGGER {name} on {};", table.quoted()))]
        }
    }
}

fn add_column(table: &QualifiedName, column: &Column, sole_key: bool) -> String {
    format!("ALTER TABLE {} ADD {};", table.quoted(), ddl::column_definition(column, sole_key))
}

fn drop_column(table: &QualifiedName, column: &str) -> String {
    format!("ALTER TABLE {} DROP COLUMN {};", table.quoted(), quote_ident(column))
}

fn drop_constraint(table: &QualifiedName, constraint: &str) -> String {
    format!("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {};", table.quoted(), quote_ident(constraint))
}

fn alter_column(table: &QualifiedName, column: &str, action: &str) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} {action};", table.quoted(), quote_ident(column))
}

/// Drop and add, then everything over the column that went with it.
fn replaced(replace: &ReplaceColumn) -> Vec<Statement> {
    let table = &replace.table;
    let mut statements: Vec<Statement> = Vec::new();
    for (other, key, stays) in &replace.referenced_by {
        statements.push(destructive(pre(drop_constraint(other, &key.name))));
        if *stays {
            statements.push(post(ddl::add_foreign_key(other, key)));
        }
    }
    statements.push(destructive(main(drop_column(table, &replace.old.name))));
    statements.push(main(add_column(table, &replace.new, replace.sole_key)));
    statements.extend(replace.uniques.iter().map(|unique| main(ddl::add_unique(table, unique))));
    statements.extend(replace.indexes.iter().map(|index| main(ddl::create_index(table, index))));
    statements.extend(replace.foreign_keys.iter().map(|key| post(ddl::add_foreign_key(table, key))));
    statements
}

/// The type is altered in place. A default has the old type, so it leaves and comes back in the new one. Values that
/// could get lost on the way are looked at first, while nobody can change them.
fn in_place(replace: &ReplaceColumn) -> Vec<Statement> {
    let (table, name) = (&replace.table, &replace.new.name);
    let serial = |column: &Column| column.default == Some(ColumnDefault::Serial);
    let ty = ddl::type_text(&replace.new.ty);
    let conversion = replace.conversion.as_ref().filter(|_| replace.converts);
    let cast = match (conversion, &replace.old.ty) {
        (Some(conversion), _) => format!(" USING {}", conversion.using(&quote_ident(name))),
        (None, ColumnType::Enum(_)) => format!(" USING {}::{ty}", quote_ident(name)),
        (None, _) => String::new(),
    };
    let mut statements = Vec::new();
    if let Some(conversion) = conversion {
        statements.push(format!("LOCK TABLE {};", table.quoted()));
        statements.push(all_fit(table, name, &ty, conversion));
    }
    let moves_default = replace.old.default.is_some() && !serial(&replace.old);
    if moves_default {
        statements.push(alter_column(table, name, "DROP DEFAULT"));
    }
    statements.push(alter_column(table, name, &format!("TYPE {ty}{cast}")));
    if serial(&replace.old) && serial(&replace.new) {
        // The sequence behind the column counts in the column's old width.
        statements.push(format!(
            "DO $$ BEGIN EXECUTE format('ALTER SEQUENCE %s AS {ty}', pg_get_serial_sequence({}, {})); END $$;",
            quote_literal(&table.quoted()),
            quote_literal(name)
        ));
    } else if !serial(&replace.old)
        && let Some(default) = ddl::default_expression(&replace.new)
    {
        statements.push(alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    statements.into_iter().map(main).collect()
}

/// Fails when a value has no equal one in the new type.
fn all_fit(table: &QualifiedName, column: &str, ty: &str, conversion: &Conversion) -> String {
    let message = format!("a value of {table}.{column} does not fit {ty}");
    let body = format!(
        "BEGIN IF EXISTS (SELECT FROM {} WHERE NOT {}) THEN RAISE EXCEPTION USING MESSAGE = {}; END IF; END",
        table.quoted(),
        conversion.survives(&quote_ident(column)),
        quote_literal(&message)
    );
    // A label may hold dollar signs.
    let mut tag = String::from("$fit$");
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("DO {tag} {body} {tag};")
}

/// A column becomes serial by getting a sequence that starts behind its greatest value.
fn set_default(table: &QualifiedName, column: &Column, old: Option<&ColumnDefault>) -> Vec<String> {
    let name = &column.name;
    let mut statements = Vec::new();
    if old == Some(&ColumnDefault::Serial) {
        statements.push(alter_column(table, name, "DROP IDENTITY IF EXISTS"));
    }
    match ddl::default_expression(column) {
        Some(default) => statements.push(alter_column(table, name, &format!("SET DEFAULT {default}"))),
        None => {
            let sequence = serial_sequence(table, name);
            let quoted = sequence.quoted();
            let (t, c) = (table.quoted(), quote_ident(name));
            let literal = quote_literal(&quoted);
            statements.push(format!("CREATE SEQUENCE IF NOT EXISTS {quoted} OWNED BY {t}.{c};"));
            statements.push(alter_column(table, name, &format!("SET DEFAULT nextval({literal}::regclass)")));
            statements.push(format!("SELECT setval({literal}, COALESCE(MAX({c}), 0) + 1, false) FROM {t};"));
        }
    }
    statements
}

fn drop_default(table: &QualifiedName, column: &Column, old: &ColumnDefault) -> Vec<String> {
    let mut statements = Vec::new();
    if *old == ColumnDefault::Serial {
        statements.push(alter_column(table, &column.name, "DROP IDENTITY IF EXISTS"));
    }
    statements.push(alter_column(table, &column.name, "DROP DEFAULT"));
    statements
}

fn serial_sequence(table: &QualifiedName, column: &str) -> QualifiedName {
    QualifiedName { schema: table.schema.clone(), name: format!("{}_{column}_seq", table.name) }
}

fn renamed_table(old: &QualifiedName, new: &QualifiedName, serial_columns: &[String]) -> Vec<String> {
    let mut statements = Vec::new();
    let mut now = old.clone();
    if old.schema != new.schema {
        let schema = quote_ident(new.schema_name());
        statements.push(format!("ALTER TABLE {} SET SCHEMA {schema};", old.quoted()));
        now.schema = new.schema.clone();
    }
    if old.name != new.name {
        let from = now.quoted();
        statements.push(format!("ALTER TABLE {from} RENAME TO {};", quote_ident(&new.name)));
        for column in serial_columns {
            let from = serial_sequence(&now, column).quoted();
            let to = quote_ident(&serial_sequence(new, column).name);
            statements.push(format!("ALTER SEQUENCE {from} RENAME TO {to};"));
        }
    }
    statements
}

/// The old type steps aside, the new one takes its name, every column is cast by its text. The old type goes last,
/// when columns that are dropped in the same run are gone.
fn replaced_enum(new: &EnumType, users: &[(QualifiedName, Column)], removed: &[String]) -> Vec<Statement> {
    let aside = QualifiedName { schema: new.name.schema.clone(), name: format!("{}__old", new.name.name) };
    let mut statements = vec![
        main(format!("ALTER TYPE {} RENAME TO {};", new.name.quoted(), quote_ident(&aside.name))),
        main(ddl::create_enum(new)),
    ];
    for (table, column) in users {
        let default = ddl::default_expression(column);
        if default.is_some() {
            statements.push(main(alter_column(table, &column.name, "DROP DEFAULT")));
        }
        let ty = ddl::type_text(&column.ty);
        let text = if matches!(column.ty, ColumnType::Array(_)) { "text[]" } else { "text" };
        let cast = format!("TYPE {ty} USING {}::{text}::{ty}", quote_ident(&column.name));
        statements.push(main(alter_column(table, &column.name, &cast)));
        let lost = matches!(&column.default, Some(ColumnDefault::Quoted(label)) if removed.contains(label));
        if let Some(default) = default.filter(|_| !lost) {
            statements.push(main(alter_column(table, &column.name, &format!("SET DEFAULT {default}"))));
        }
    }
    statements.push(post(format!("DROP TYPE {};", aside.quoted())));
    statements
}

fn changed_key(
    table: &QualifiedName,
    old_constraint: Option<&str>,
    new_columns: &[String],
    referenced_by: &[(QualifiedName, ForeignKey)],
) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let Some(constraint) = old_constraint {
        statements.push(destructive(main(format!(
            "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE;",
            table.quoted(),
            quote_ident(constraint)
        ))));
        statements.extend(referenced_by.iter().map(|(other, key)| post(ddl::add_foreign_key(other, key))));
    }
    if !new_columns.is_empty() {
        let columns: Vec<String> = new_columns.iter().map(|column| quote_ident(column)).collect();
        let text = format!("ALTER TABLE {} ADD PRIMARY KEY ({});", table.quoted(), columns.join(", "));
        statements.push(main(text));
    }
    statements
}
