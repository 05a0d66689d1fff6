//! A bounded pool of connections to one database. For another database make another pool.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{
    self, Manager, Metrics, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};

use tokio::sync::watch;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::lanes::{Claim, Lanes, PATIENCE, Pace, Way};
use crate::target::Target;
use crate::wire::{Connection, DbError, Rows, SessionOptions, TextParam};

/// Longest time for preparing statements on an idle connection.
const PREPARE_LIMIT: Duration = Duration::from_secs(2);

/// Size and limits of a pool.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Most connections (`EXO_CONNECTION_POOL_SIZE`).
    pub size: usize,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Longest time for making a connection.
    pub connect_timeout: Duration,
    /// Settings of every session.
    pub session: SessionOptions,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            size: 10,
            acquire_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(15),
            session: SessionOptions::default(),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// All connections were in use for too long.
    #[error("no database connection became free within {waited:?} (the pool has {size})")]
    Exhausted {
        /// The limit.
        waited: Duration,
        /// Size of the pool.
        size: usize,
    },
    /// The server did not answer in time.
    #[error("the database did not accept a connection within {waited:?}")]
    ConnectTimeout {
        /// The limit.
        waited: Duration,
    },
    /// The server cannot be reached or refused.
    #[error("cannot connect to the database: {0}")]
    Connect(DbError),
    /// The pool was closed, because the database changed or the studio stops.
    #[error("the database connections were closed")]
    Closed,
}

/// Why a read has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There was no connection for it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// It failed.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// The pool. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: managed::Pool<Connector>,
    options: Arc<PoolOptions>,
    schema: Arc<AtomicU64>,
    /// Every connection on loan holds it for reading, a pause for writing.
    gate: Arc<RwLock<()>>,
    lanes: Arc<Lanes>,
}

/// A pool hands out nothing as long as this lives.
#[derive(Debug)]
pub struct Pause {
    _gate: OwnedRwLockWriteGuard<()>,
    _claim: Claim,
}

/// A connection on loan. It goes back when dropped; one that was left in the middle of something is closed
/// instead, so that no lock outlives the request that took it.
#[derive(Debug)]
pub struct PooledConnection(
    Option<managed::Object<Connector>>,
    #[expect(dead_code, reason = "held")] OwnedRwLockReadGuard<()>,
);

impl Deref for PooledConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0.as_ref().expect("invariant: there is a connection until drop").connection
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let Some(object) = self.0.take()
            && !object.connection.is_at_rest()
        {
            managed::Object::take(object).connection.abandon();
        }
    }
}

/// A connection that listens.
#[derive(Debug)]
pub struct Listening {
    _connection: Connection,
    notified: watch::Receiver<u64>,
}

impl Listening {
    /// Waits until something was notified since the last call; `false` when the connection was lost.
    pub async fn notified(&mut self) -> bool {
        self.notified.changed().await.is_ok()
    }
}

/// How busy a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Most connections.
    pub max: usize,
    /// Connections made.
    pub open: usize,
    /// Connections nobody uses.
    pub idle: usize,
    /// Requests that wait for one.
    pub waiting: usize,
}

#[derive(Debug)]
struct Connector {
    target: Target,
    session: SessionOptions,
    schema: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Pooled {
    /// Boxed, because it moves with every loan.
    connection: Box<Connection>,
    /// Number of the schema its prepared statements were made for.
    schema: u64,
}

impl Manager for Connector {
    type Type = Pooled;
    type Error = DbError;

    async fn create(&self) -> Result<Pooled, DbError> {
        let schema = self.schema.load(Ordering::SeqCst);
        // Boxed, so that requests do not carry its state around: nearly all of them get a connection that is open.
        let connection = Box::pin(Connection::connect(&self.target, &self.session)).await?;
        Ok(Pooled { connection: Box::new(connection), schema })
    }

    /// Asks the server nothing: a dead connection is known to be closed, and a test query would double the
    /// round trips of every request.
    async fn recycle(&self, pooled: &mut Pooled, _: &Metrics) -> RecycleResult<DbError> {
        let schema = self.schema.load(Ordering::SeqCst);
        if pooled.schema != schema {
            pooled.connection.forget_statements();
            pooled.schema = schema;
        }
        if pooled.connection.recycle(PREPARE_LIMIT).await {
            Ok(())
        } else {
            Err(RecycleError::message("not usable any more"))
        }
    }
}

impl Pool {
    /// Makes a pool. Connections are made when they are needed.
    pub fn new(target: Target, options: PoolOptions) -> Self {
        let schema = Arc::new(AtomicU64::new(0));
        let connector = Connector { target, session: options.session.clone(), schema: Arc::clone(&schema) };
        let size = options.size.max(1);
        let inner = managed::Pool::builder(connector)
            .max_size(size)
            .queue_mode(QueueMode::Lifo)
            .timeouts(Timeouts {
                wait: Some(options.acquire_timeout),
                create: Some(options.connect_timeout),
                // Whatever takes time has its own limit.
                recycle: None,
            })
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("invariant: a pool with timeouts has a runtime");
        // Behind a pooler in transaction mode each statement may run on another server connection.
        let lanes = Arc::new(Lanes::new(size, !options.session.transaction_pooler));
        Self {
            inner,
            options: Arc::new(PoolOptions { size, ..options }),
            schema,
            gate: Arc::default(),
            lanes,
        }
    }

    /// Runs one statement that changes nothing, by itself, in one round trip. Statements whose pace is known to be short
    /// share connections; nobody notices, except that it is faster.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(&self, sql: &str, params: &[TextParam<'_>], pace: &Pace) -> Result<Rows, ReadError> {
        if !self.lanes.are_for(pace) {
            return Box::pin(self.read_alone(sql, params, pace)).await;
        }
        let schema = self.schema.load(Ordering::SeqCst);
        let seat = match self.lanes.way(schema) {
            Way::Seat(seat) => Some(seat),
            Way::Open => match Box::pin(self.get_at_once()).await? {
                Some(connection) => Some(self.lanes.open(connection, schema)),
                None => self.lanes.join(schema),
            },
            Way::Wait => None,
        };
        if let Some(seat) = seat {
            tokio::select! {
                biased;
                result = seat.run(sql, params, pace) => return Ok(result?),
                // Something is slow: until that has passed, statements like this one stay away from others.
                () = seat.patience() => pace.note(PATIENCE),
            }
        }
        Box::pin(self.read_later(sql, params, pace)).await
    }

    /// On a connection that nobody joins.
    async fn read_alone(&self, sql: &str, params: &[TextParam<'_>], pace: &Pace) -> Result<Rows, ReadError> {
        let connection = self.get().await?;
        let sent = Instant::now();
        let result = connection.run(sql, params).await;
        pace.note(sent.elapsed());
        Ok(result?)
    }

    /// On the next connection that becomes free.
    async fn read_later(&self, sql: &str, params: &[TextParam<'_>], pace: &Pace) -> Result<Rows, ReadError> {
        let schema = self.schema.load(Ordering::SeqCst);
        let connection = self.wait().await?;
        // Those who come after it may join it, or they would all wait for the same few connections.
        Ok(self.lanes.open(connection, schema).run(sql, params, pace).await?)
    }

    /// A connection, waiting for one if all are in use.
    ///
    /// # Errors
    /// See [`PoolError`].
    pub async fn get(&self) -> Result<PooledConnection, PoolError> {
        if let Some(connection) = self.get_at_once().await? {
            return Ok(connection);
        }
        let _claim = self.lanes.claim();
        self.wait().await
    }

    /// The next connection that becomes free.
    async fn wait(&self) -> Result<PooledConnection, PoolError> {
        let exhausted = || self.exhausted();
        let gate = Arc::clone(&self.gate).read_owned();
        let gate = tokio::time::timeout(self.options.acquire_timeout, gate).await.map_err(|_| exhausted())?;
        let taken = self.inner.get().await;
        taken.map(|it| PooledConnection(Some(it), gate)).map_err(|error| self.refusal(error))
    }

    /// A connection that is free, or can be made because there may be more; `None` if all are in use.
    async fn get_at_once(&self) -> Result<Option<PooledConnection>, PoolError> {
        let Ok(gate) = Arc::clone(&self.gate).try_read_owned() else { return Ok(None) };
        // A timer costs more than taking a connection that is free.
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..self.inner.timeouts() };
        match self.inner.timeout_get(&at_once).await {
            Ok(it) => Ok(Some(PooledConnection(Some(it), gate))),
            Err(managed::PoolError::Timeout(TimeoutType::Wait)) => Ok(None),
            Err(error) => Err(self.refusal(error)),
        }
    }

    fn exhausted(&self) -> PoolError {
        PoolError::Exhausted { waited: self.options.acquire_timeout, size: self.options.size }
    }

    fn refusal(&self, error: managed::PoolError<DbError>) -> PoolError {
        match error {
            managed::PoolError::Timeout(TimeoutType::Wait) => self.exhausted(),
            managed::PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => {
                PoolError::ConnectTimeout { waited: self.options.connect_timeout }
            }
            managed::PoolError::Backend(error) => PoolError::Connect(error),
            managed::PoolError::Closed => PoolError::Closed,
            managed::PoolError::NoRuntimeSpecified => {
                PoolError::Connect(DbError::Connection("no runtime".to_owned()))
            }
            managed::PoolError::PostCreateHook(error) => {
                PoolError::Connect(DbError::Connection(error.to_string()))
            }
        }
    }

    /// A connection of its own that listens on a channel; it does not count as one of the pool.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, or does not answer in time.
    pub async fn listen(&self, channel: &str) -> Result<Listening, PoolError> {
        let (sender, notified) = watch::channel(0);
        let connector = self.inner.manager();
        let connecting = async {
            let session = SessionOptions::default();
            let connection = Connection::connect_listening(&connector.target, &session, Some(sender)).await?;
            let quoted = channel.replace('"', "\"\"");
            connection.batch_execute(&format!("LISTEN \"{quoted}\"")).await?;
            Ok(connection)
        };
        let waited = self.options.connect_timeout;
        match tokio::time::timeout(waited, connecting).await {
            Ok(Ok(connection)) => Ok(Listening { _connection: connection, notified }),
            Ok(Err(error)) => Err(PoolError::Connect(error)),
            Err(_) => Err(PoolError::ConnectTimeout { waited }),
        }
    }

    /// Tells the pool that the schema changed: prepared statements are made anew.
    pub fn schema_changed(&self) {
        self.schema.fetch_add(1, Ordering::SeqCst);
    }

    /// Closes idle connections now and the others when they come back. Nobody gets one any more.
    pub fn close(&self) {
        self.inner.close();
        self.lanes.close();
    }

    /// Waits until no connection is in use, then closes the idle ones and hands out no other while the result lives:
    /// whoever asks waits. `None` when some are still in use after `limit`.
    pub async fn pause(&self, limit: Duration) -> Option<Pause> {
        let claim = self.lanes.claim();
        let gate = Arc::clone(&self.gate).write_owned();
        let gate = tokio::time::timeout(limit, gate).await.ok()?;
        let _ = self.inner.retain(|_, _| false);
        Some(Pause { _gate: gate, _claim: claim })
    }

    /// How busy the pool is.
    pub fn status(&self) -> PoolStatus {
        let status = self.inner.status();
        PoolStatus {
            max: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: status.waiting,
        }
    }

    /// The options it was made with.
    pub fn options(&self) -> &PoolOptions {
        &self.options
    }
}
