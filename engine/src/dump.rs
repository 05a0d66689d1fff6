//! A database as one SQL script: tables, rows, then constraints. What models can express is in it; the rest is named.

use std::io::{self, Write};

use studio_postgres::inspect::{InspectError, InspectScope, inspect, other_indexes};
use studio_postgres::{Connection, DbError};
use studio_sql::ddl::create_script;
use studio_sql::schema::{ColumnDefault, Table, quote_ident, quote_literal};

/// Rows fetched at once.
const PAGE: usize = 1000;

/// Why a dump ended early.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The schema could not be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// A query failed.
    #[error("cannot read the rows: {0}")]
    Database(#[from] DbError),
    /// The output could not be written.
    #[error("cannot write the dump: {0}")]
    Io(#[from] io::Error),
}

/// What a dump came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dumped {
    /// Tables.
    pub tables: usize,
    /// Rows.
    pub rows: u64,
    /// Objects that are not in it, in words.
    pub left_out: Vec<String>,
}

/// Writes the database as it is at one moment. With `data_only` the tables have to exist where it is loaded.
///
/// # Errors
/// [`DumpError`]; the output is incomplete then.
pub async fn dump(
    connection: &Connection,
    data_only: bool,
    out: &mut (dyn Write + Send),
) -> Result<Dumped, DumpError> {
    connection.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let result = write(connection, data_only, out).await;
    connection.batch_execute("ROLLBACK").await?;
    result
}

async fn write(
    connection: &Connection,
    data_only: bool,
    out: &mut (dyn Write + Send),
) -> Result<Dumped, DumpError> {
    let live = inspect(connection, &InspectScope::All).await?;
    let script = create_script(&live);
    let mut dumped =
        Dumped { tables: live.tables.len(), left_out: left_out(connection).await?, ..Dumped::default() };
    let other = other_indexes(connection).await?.into_iter();
    dumped.left_out.extend(other.map(|it| format!("index {} of {} ({})", it.name, it.table, it.reason)));
    let block = |out: &mut (dyn Write + Send), statements: &[String]| -> io::Result<()> {
        statements.iter().try_for_each(|statement| writeln!(out, "{statement}\n"))
    };
    if !data_only {
        block(out, &script.pre)?;
        block(out, &script.main)?;
    }
    for table in &live.tables {
        dumped.rows += rows(connection, table, out).await?;
    }
    if !data_only {
        block(out, &script.post)?;
    }
    for table in &live.tables {
        for column in table.columns.iter().filter(|column| column.default == Some(ColumnDefault::Serial)) {
            let (name, quoted) = (table.name.quoted(), quote_ident(&column.name));
            writeln!(
                out,
                "SELECT setval(pg_get_serial_sequence({}, {}), (SELECT COALESCE(max({quoted}), 0) + 1 FROM {name}), false);\n",
                quote_literal(&name),
                quote_literal(&column.name),
            )?;
        }
    }
    for sequence in &live.sequences {
        let sql = format!("SELECT last_value::text, is_called::text FROM {}", sequence.quoted());
        if let Some([Some(value), Some(called)]) = connection.run(&sql, &[]).await?.first().map(Vec::as_slice)
        {
            let name = quote_literal(&sequence.quoted());
            writeln!(out, "SELECT setval({name}::regclass, {value}, {called});\n")?;
        }
    }
    out.flush()?;
    Ok(dumped)
}

/// One INSERT per row, every value as a literal without a type: the column gives it one.
async fn rows(
    connection: &Connection,
    table: &Table,
    out: &mut (dyn Write + Send),
) -> Result<u64, DumpError> {
    if table.columns.is_empty() {
        return Ok(0);
    }
    let name = table.name.quoted();
    let columns: Vec<String> = table.columns.iter().map(|column| quote_ident(&column.name)).collect();
    let head = format!("INSERT INTO {name} ({}) OVERRIDING SYSTEM VALUE VALUES (", columns.join(", "));
    let values: Vec<String> =
        columns.iter().map(|column| format!("quote_nullable({column}::text)")).collect();
    connection
        .batch_execute(&format!(
            "DECLARE dump NO SCROLL CURSOR FOR SELECT concat_ws(', ', {}) FROM {name}",
            values.join(", ")
        ))
        .await?;
    let mut count = 0;
    loop {
        let page = connection.simple_query(&format!("FETCH {PAGE} FROM dump")).await?;
        if page.is_empty() {
            break;
        }
        for row in page.into_iter().flatten().flatten() {
            writeln!(out, "{head}{row});")?;
            count += 1;
        }
    }
    connection.batch_execute("CLOSE dump").await?;
    if count > 0 {
        writeln!(out)?;
    }
    Ok(count)
}

/// Objects of the user that [`inspect`] does not read.
async fn left_out(connection: &Connection) -> Result<Vec<String>, DbError> {
    let own = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";
    let sql = format!(
        "SELECT 'view ' || c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
           WHERE c.relkind IN ('v', 'm') AND {own} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid \
             AND d.deptype = 'e') \
         UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p \
           JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {own} AND p.proname !~ '^exograph_update_' \
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') \
         UNION ALL SELECT 'check ' || k.conname || ' of ' || k.conrelid::regclass FROM pg_constraint k \
           JOIN pg_namespace n ON n.oid = k.connamespace WHERE k.contype IN ('c', 'x') AND k.conrelid <> 0 AND {own} \
         UNION ALL SELECT 'trigger ' || t.tgname || ' of ' || t.tgrelid::regclass FROM pg_trigger t \
           WHERE NOT t.tgisinternal AND t.tgname !~ '^exograph_on_update_' \
         ORDER BY 1"
    );
    let rows = connection.simple_query(&sql).await?;
    Ok(rows.into_iter().flatten().flatten().collect())
}
