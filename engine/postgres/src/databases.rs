//! Databases of a server: create (also as a copy of another one), drop, list.

use std::time::{Duration, Instant};

use crate::pool::{Pool, PoolError, PoolOptions};
use crate::target::Target;
use crate::wire::{DbError, TextParam};
use tokio_postgres::types::Type;

/// Connections kept for this; creating databases from one template waits inside the server anyway.
const POOL_SIZE: usize = 4;

/// How long ended connections may take to go away before somebody else has to complain about them.
const DISCONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long connections that were just closed may take.
const CLOSING_LIMIT: Duration = Duration::from_millis(100);
/// Between two looks.
const DISCONNECT_POLL: Duration = Duration::from_millis(1);

/// Creates and drops databases through the maintenance database of a server.
#[derive(Debug, Clone)]
pub struct Databases {
    pool: Pool,
    target: Target,
    copying_files: bool,
}

/// Why a database could not be created, dropped or listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// No connection to the maintenance database.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The server refused.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A database as [`Databases::describe`] finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// Its name.
    pub name: String,
    /// Its comment; empty without one.
    pub comment: String,
    /// Bytes on the disk.
    pub bytes: u64,
}

impl Databases {
    /// `target` is a database that always exists, usually `postgres`.
    pub fn new(target: Target) -> Self {
        let pool = Pool::new(target.clone(), PoolOptions { size: POOL_SIZE, ..PoolOptions::default() });
        Self { pool, target, copying_files: false }
    }

    /// Whether new databases are made by copying files. That is the faster way on a server that does not
    /// wait for the disk, and the slower one on others.
    #[must_use]
    pub fn copying_files(self, yes: bool) -> Self {
        Self { copying_files: yes, ..self }
    }

    /// How to connect to a database of this server.
    pub fn target(&self, name: &str) -> Target {
        self.target.with_database(name)
    }

    /// Creates a database, empty or as a copy of `template`. Nobody may be connected to the template.
    ///
    /// # Errors
    /// When the name is taken (`42P04`), the template is in use (`55006`) or missing (`3D000`), ….
    pub async fn create(&self, name: &str, template: Option<&str>) -> Result<(), DatabaseError> {
        if let Some(template) = template {
            let sql = "SELECT pid::text FROM pg_catalog.pg_stat_activity WHERE datname = $1";
            self.until_unused(sql, template, CLOSING_LIMIT).await?;
        }
        let template = template.unwrap_or("template0");
        let strategy = if self.copying_files { " STRATEGY file_copy" } else { "" };
        let sql = format!("CREATE DATABASE {} TEMPLATE {}{strategy}", quoted(name), quoted(template));
        Ok(self.pool.get().await?.batch_execute(&sql).await?)
    }

    /// Drops a database, whoever is connected to it. A missing one is fine.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop(&self, name: &str) -> Result<(), DatabaseError> {
        self.disconnect(name).await?;
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        Ok(self.pool.get().await?.batch_execute(&sql).await?)
    }

    /// Ends every connection to a database and waits until they are gone, so that it can be copied or renamed.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn disconnect(&self, name: &str) -> Result<(), DatabaseError> {
        let sql =
            "SELECT pg_terminate_backend(pid)::text FROM pg_catalog.pg_stat_activity WHERE datname = $1";
        self.until_unused(sql, name, DISCONNECT_LIMIT).await
    }

    /// Runs `sql`, which gives one row per connection to the database, until there is none. The server waits
    /// for closing connections itself, but looks only every tenth of a second.
    async fn until_unused(&self, sql: &str, name: &str, limit: Duration) -> Result<(), DatabaseError> {
        let connection = self.pool.get().await?;
        let begin = Instant::now();
        while !connection.run(sql, &[TextParam::new(Type::TEXT, name)]).await?.is_empty()
            && begin.elapsed() < limit
        {
            tokio::time::sleep(DISCONNECT_POLL).await;
        }
        Ok(())
    }

    /// Gives a database another name. Nobody may be connected to it.
    ///
    /// # Errors
    /// When the name is taken or the database is in use.
    pub async fn rename(&self, name: &str, new_name: &str) -> Result<(), DatabaseError> {
        let sql = format!("ALTER DATABASE {} RENAME TO {}", quoted(name), quoted(new_name));
        Ok(self.pool.get().await?.batch_execute(&sql).await?)
    }

    /// Sets the comment of a database.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn comment(&self, name: &str, text: &str) -> Result<(), DatabaseError> {
        Ok(self.pool.get().await?.batch_execute(&comment_sql(name, text)).await?)
    }

    /// `incoming` takes the name of `current`, which is called `aside` from then on, and gets a comment: all of it or
    /// nothing, whoever dies meanwhile. Nobody may be connected to either.
    ///
    /// # Errors
    /// When a name is taken or a database is in use.
    pub async fn exchange(
        &self,
        current: &str,
        aside: &str,
        incoming: &str,
        comments: [&str; 2],
    ) -> Result<(), DatabaseError> {
        let rename =
            |from: &str, to: &str| format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to));
        let [kept, new] = comments;
        let sql = format!(
            "BEGIN; {}; {}; {}; {}; COMMIT",
            rename(current, aside),
            rename(incoming, current),
            comment_sql(aside, kept),
            comment_sql(current, new)
        );
        self.transaction(&sql).await
    }

    /// Gives a database another name and a comment, in one step.
    ///
    /// # Errors
    /// When the name is taken or the database is in use.
    pub async fn publish(&self, name: &str, new_name: &str, comment: &str) -> Result<(), DatabaseError> {
        let rename = format!("ALTER DATABASE {} RENAME TO {}", quoted(name), quoted(new_name));
        self.transaction(&format!("BEGIN; {rename}; {}; COMMIT", comment_sql(new_name, comment))).await
    }

    /// Runs a batch that begins and commits; a failure leaves no open transaction behind.
    async fn transaction(&self, sql: &str) -> Result<(), DatabaseError> {
        let connection = self.pool.get().await?;
        let result = connection.batch_execute(sql).await;
        if result.is_err() {
            // The connection may be gone; then there is nothing to roll back.
            let _ = connection.batch_execute("ROLLBACK").await;
        }
        Ok(result?)
    }

    /// Name, comment and size of every database but the templates of the server itself, sorted by name.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn describe(&self) -> Result<Vec<DatabaseInfo>, DatabaseError> {
        let sql = "SELECT datname::text, shobj_description(oid, 'pg_database'), pg_database_size(oid)::text \
                   FROM pg_catalog.pg_database WHERE datname NOT IN ('template0', 'template1') ORDER BY 1";
        let rows = self.pool.get().await?.run(sql, &[]).await?;
        let described = rows.into_iter().filter_map(|row| {
            let mut cells = row.into_iter();
            let name = cells.next().flatten()?;
            let comment = cells.next().flatten().unwrap_or_default();
            let bytes = cells.next().flatten().and_then(|text| text.parse().ok()).unwrap_or(0);
            Some(DatabaseInfo { name, comment, bytes })
        });
        Ok(described.collect())
    }

    /// The comment of a database; empty without one, or without such a database. Sizes, which take time, are not looked at.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn comment_of(&self, name: &str) -> Result<String, DatabaseError> {
        let params = [TextParam::new(Type::TEXT, name)];
        let sql =
            "SELECT shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = $1";
        let rows = self.pool.get().await?.run(sql, &params).await?;
        Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
    }

    /// Whether there is a database of this name.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn exists(&self, name: &str) -> Result<bool, DatabaseError> {
        let params = [TextParam::new(Type::TEXT, name)];
        let sql = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1";
        Ok(!self.pool.get().await?.run(sql, &params).await?.is_empty())
    }

    /// Names of all databases but the templates of the server itself, sorted.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn list(&self) -> Result<Vec<String>, DatabaseError> {
        let sql = "SELECT datname::text FROM pg_catalog.pg_database \
                   WHERE datname NOT IN ('template0', 'template1') ORDER BY 1";
        let rows = self.pool.get().await?.run(sql, &[]).await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    /// Creates the database unless it exists; whether it was created.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn ensure(&self, name: &str) -> Result<bool, DatabaseError> {
        if self.exists(name).await? {
            return Ok(false);
        }
        match self.create(name, None).await {
            // Somebody was faster.
            Err(DatabaseError::Db(error)) if error.sqlstate() == Some("42P04") => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Version of the server, such as `18.4`.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn server_version(&self) -> Result<String, DatabaseError> {
        let rows = self.pool.get().await?.run("SHOW server_version", &[]).await?;
        let text = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        Ok(text.split(' ').next().unwrap_or_default().to_owned())
    }

    /// Closes the connections.
    pub fn close(&self) {
        self.pool.close();
    }
}

fn comment_sql(name: &str, text: &str) -> String {
    let text = text.replace('\0', "").replace('\'', "''");
    format!("COMMENT ON DATABASE {} IS '{text}'", quoted(name))
}

/// An identifier; a zero character cannot be part of one and would end the statement early.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}
