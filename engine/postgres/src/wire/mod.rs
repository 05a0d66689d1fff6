//! One connection: statements whose parameters and results travel as text, transactions whose `BEGIN` and
//! `COMMIT` cost no round trip of their own, and prepared statements for texts that come again and again.
//!
//! Futures of one connection that are polled together are sent back to back (pipelined), in the order of
//! their first poll.

mod error;
mod statements;
mod stopwatch;
mod text;
mod transaction;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio::sync::watch;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, CancelToken, Client, RowStream, SimpleQueryMessage};

use self::statements::{Choice, Statements};
use self::text::read_rows;
use crate::target::Target;
use crate::tls::Tls;

pub use self::error::{DbError, ServerError};
use self::stopwatch::Stopwatch;
pub use self::stopwatch::Times;
pub use self::text::TextParam;
pub use self::transaction::{Timed, Transaction, TransactionMode};

/// Rows of optional text, in the order the server sent them.
pub type Rows = Vec<Vec<Option<String>>>;

/// Notices kept per connection until they are taken.
const NOTICE_LIMIT: usize = 256;

/// Settings of a session, sent with the connection request, so that they cost no round trip.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Refuse writes (`default_transaction_read_only`).
    pub read_only: bool,
    /// Longest statement; `None` leaves it to the server.
    pub statement_timeout: Option<Duration>,
    /// A pooler in transaction mode sits between: prepare nothing, and keep to one transaction at a time.
    pub transaction_pooler: bool,
    /// Keep the server's notices for [`Connection::take_notices`] (plans of `auto_explain` come that way).
    pub keep_notices: bool,
}

/// A notice of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `LOG`, `NOTICE`, `WARNING`, ….
    pub severity: String,
    /// The text.
    pub message: String,
}

/// A connection. Shared references suffice for everything, which is what makes pipelining possible.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    tls: Arc<Tls>,
    options: SessionOptions,
    statements: Mutex<Statements>,
    notices: Arc<Mutex<VecDeque<Notice>>>,
    /// Statements sent to the server so far.
    sent: AtomicUsize,
    /// A future was dropped while its statement ran: the connection is busy with something nobody wants.
    abandoned: AtomicBool,
    /// A transaction was dropped without an end.
    open_transaction: AtomicBool,
    /// Some statement is worth preparing.
    wants_preparing: AtomicBool,
}

impl Connection {
    /// Connects. The session runs in UTC.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn connect(target: &Target, options: &SessionOptions) -> Result<Self, DbError> {
        Self::connect_listening(target, options, None).await
    }

    /// [`Connection::connect`], counting notifications (`NOTIFY`) that arrive.
    pub(crate) async fn connect_listening(
        target: &Target,
        options: &SessionOptions,
        notified: Option<watch::Sender<u64>>,
    ) -> Result<Self, DbError> {
        let mut config = target.config.clone();
        config.options(session_settings(config.get_options(), options));
        let (client, mut connection) = config.connect(Tls::clone(&target.tls)).await?;
        let notices = Arc::new(Mutex::new(VecDeque::new()));
        let sink = options.keep_notices.then(|| Arc::clone(&notices));
        tokio::spawn(async move {
            let mut gave_way = false;
            // Whoever is ready to run on this thread comes first: what they ask for leaves in one write with the rest.
            let mut next = poll_fn(|cx| {
                gave_way = !gave_way;
                if gave_way {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                connection.poll_message(cx)
            });
            while let Some(message) = (&mut next).await {
                match message {
                    Ok(AsyncMessage::Notice(notice)) => {
                        if let Some(sink) = &sink {
                            let mut kept = sink.lock().unwrap_or_else(PoisonError::into_inner);
                            if kept.len() == NOTICE_LIMIT {
                                kept.pop_front();
                            }
                            kept.push_back(Notice {
                                severity: notice.severity().to_owned(),
                                message: notice.message().to_owned(),
                            });
                        }
                    }
                    Ok(AsyncMessage::Notification(_)) => {
                        if let Some(notified) = &notified {
                            notified.send_modify(|count| *count = count.wrapping_add(1));
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(error = %crate::target::describe(&error), "a database connection ended");
                        break;
                    }
                }
            }
        });
        Ok(Self {
            client,
            tls: Arc::clone(&target.tls),
            options: options.clone(),
            statements: Mutex::new(Statements::new(!options.transaction_pooler)),
            notices,
            sent: AtomicUsize::new(0),
            abandoned: AtomicBool::new(false),
            open_transaction: AtomicBool::new(false),
            wants_preparing: AtomicBool::new(false),
        })
    }

    /// Runs one statement by itself and gives its rows, in one round trip. Result columns should be of type
    /// text or json; other common types are converted, the rest is refused.
    ///
    /// Do not use it between `BEGIN` and `COMMIT`; that is what [`Connection::transaction`] is for.
    ///
    /// # Errors
    /// When the server refuses the statement or the connection is lost.
    pub async fn run(&self, sql: &str, params: &[TextParam<'_>]) -> Result<Rows, DbError> {
        self.run_watched(sql, params, None).await
    }

    /// [`Connection::run`], and where the time went.
    pub async fn run_timed(&self, sql: &str, params: &[TextParam<'_>]) -> Timed {
        let watch = Stopwatch::since(Instant::now());
        let result = watch.first_poll(self.run_watched(sql, params, Some(&watch))).await;
        Timed { result, times: watch.marks().times(Duration::ZERO) }
    }

    async fn run_watched(
        &self,
        sql: &str,
        params: &[TextParam<'_>],
        watch: Option<&Stopwatch>,
    ) -> Result<Rows, DbError> {
        if self.options.transaction_pooler && self.options.read_only {
            // Session settings do not reach the server through a pooler.
            let transaction = self.transaction(TransactionMode::default());
            return Box::pin(transaction.run_and_commit(sql, params)).await;
        }
        self.end_dropped_transaction().await?;
        match self.execute(sql, params, watch).await {
            // The plan was for another schema, and is forgotten now.
            Err(error) if error.is_stale_plan() => Box::pin(self.execute(sql, params, watch)).await,
            other => other,
        }
    }

    /// Begins a transaction without talking to the server: `BEGIN` is sent with the first statement.
    pub fn transaction(&self, mode: TransactionMode) -> Transaction<'_> {
        Transaction::new(self, mode)
    }

    /// Runs any number of statements without parameters and ignores their results.
    ///
    /// # Errors
    /// At the first statement that the server refuses.
    pub async fn batch_execute(&self, sql: &str) -> Result<(), DbError> {
        self.end_dropped_transaction().await?;
        self.send_batch(sql).await
    }

    /// The first poll sends it.
    async fn send_batch(&self, sql: &str) -> Result<(), DbError> {
        let guard = self.sending();
        let result = self.client.batch_execute(sql).await;
        guard.done();
        Ok(result?)
    }

    /// Runs statements without parameters; the rows of all of them. Columns may have any type.
    ///
    /// # Errors
    /// At the first statement that the server refuses.
    pub async fn simple_query(&self, sql: &str) -> Result<Rows, DbError> {
        self.end_dropped_transaction().await?;
        let guard = self.sending();
        let result = self.client.simple_query(sql).await;
        guard.done();
        let mut rows = Vec::new();
        for message in result? {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect());
            }
        }
        Ok(rows)
    }

    /// Sends one statement. The first poll sends it; it never retries.
    async fn execute(
        &self,
        sql: &str,
        params: &[TextParam<'_>],
        watch: Option<&Stopwatch>,
    ) -> Result<Rows, DbError> {
        let guard = self.sending();
        let choice = {
            let mut statements = self.statements();
            let choice = statements.choose(sql, params);
            if statements.has_wanted() {
                self.wants_preparing.store(true, Ordering::Relaxed);
            }
            choice
        };
        let result = match &choice {
            Choice::Prepared(statement) => self.client.query_raw(statement, params).await,
            Choice::Typed => {
                self.client.query_typed_raw(sql, params.iter().map(|it| (it, it.ty.clone()))).await
            }
        };
        if let Some(watch) = watch {
            watch.answered();
        }
        let result = match result {
            Ok(stream) => collect(stream).await,
            Err(error) => Err(DbError::from(error)),
        };
        guard.done();
        if matches!(choice, Choice::Prepared(_)) && result.as_ref().is_err_and(DbError::is_stale_plan) {
            self.statements().forget(sql);
        }
        result
    }

    /// Whether the next run of this text would use a prepared statement (for traces).
    pub fn is_prepared(&self, sql: &str) -> bool {
        self.statements().is_prepared(sql)
    }

    /// Notices since the last call, oldest first. Empty unless [`SessionOptions::keep_notices`].
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// Number of statements sent so far, `BEGIN` and `COMMIT` included.
    pub fn statements_sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Forgets every prepared statement, for example after a migration.
    pub fn forget_statements(&self) {
        self.statements().clear();
    }

    /// Whether nothing runs on the connection and no transaction is open.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.abandoned.load(Ordering::SeqCst) && !self.open_transaction.load(Ordering::SeqCst)
    }

    /// Whether another statement may be sent while others run.
    pub(crate) fn is_shareable(&self) -> bool {
        // What is worth preparing is prepared between two loans.
        self.is_at_rest() && !self.wants_preparing.load(Ordering::Relaxed) && !self.is_closed()
    }

    /// Closes the connection. The server would first finish what it is doing, so it is asked not to.
    pub(crate) fn abandon(self) {
        if self.abandoned.load(Ordering::SeqCst)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (token, tls): (CancelToken, Tls) = (self.client.cancel_token(), Tls::clone(&self.tls));
            runtime.spawn(async move {
                let _ = token.cancel_query(tls).await;
            });
        }
    }

    /// Gets the connection ready for its next user; `false` when it must be thrown away. Statements that are worth it
    /// are prepared within `limit`.
    pub(crate) async fn recycle(&self, limit: Duration) -> bool {
        if self.is_closed() || !self.is_at_rest() {
            return false;
        }
        if !self.wants_preparing.swap(false, Ordering::Relaxed) {
            return true;
        }
        let wanted = self.statements().take_wanted();
        wanted.is_empty() || Box::pin(tokio::time::timeout(limit, self.prepare_all(wanted))).await.is_ok()
    }

    async fn prepare_all(&self, wanted: Vec<(Arc<str>, Vec<Type>)>) {
        for (sql, types) in wanted {
            let guard = self.sending();
            let prepared = self.client.prepare_typed(&sql, &types).await;
            guard.done();
            match prepared {
                Ok(statement) => self.statements().put(&sql, statement),
                // It will say so itself when it is run the next time.
                Err(_) => self.statements().forget(&sql),
            }
        }
    }

    /// Rolls back a transaction whose value was dropped before its end; usually there is none.
    async fn end_dropped_transaction(&self) -> Result<(), DbError> {
        if self.open_transaction.swap(false, Ordering::SeqCst) {
            Box::pin(self.send_batch("ROLLBACK")).await
        } else {
            Ok(())
        }
    }

    fn statements(&self) -> std::sync::MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sending(&self) -> Sending<'_> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        Sending { connection: self, done: false }
    }
}

/// Notices when a future is dropped half-way.
struct Sending<'a> {
    connection: &'a Connection,
    done: bool,
}

impl Sending<'_> {
    fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.connection.abandoned.store(true, Ordering::SeqCst);
        }
    }
}

async fn collect(stream: RowStream) -> Result<Rows, DbError> {
    let rows = stream.try_collect::<Vec<_>>().await?;
    read_rows(&rows)
}

/// The `options` of the connection request: the user's own first, ours after them so that ours count.
fn session_settings(given: Option<&str>, options: &SessionOptions) -> String {
    let mut text = given.unwrap_or_default().to_owned();
    let mut put = |name: &str, value: &str| {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&format!("-c {name}={value}"));
    };
    put("TimeZone", "UTC");
    if options.transaction_pooler {
        return text;
    }
    if options.read_only {
        put("default_transaction_read_only", "on");
    }
    if let Some(limit) = options.statement_timeout {
        put("statement_timeout", &limit.as_millis().to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_session_settings_come_last() {
        let mut options = SessionOptions { read_only: true, ..SessionOptions::default() };
        options.statement_timeout = Some(Duration::from_secs(30));
        assert_eq!(
            session_settings(Some("-c TimeZone=CET"), &options),
            "-c TimeZone=CET -c TimeZone=UTC -c default_transaction_read_only=on -c statement_timeout=30000"
        );
        options.transaction_pooler = true;
        assert_eq!(session_settings(None, &options), "-c TimeZone=UTC");
    }
}
