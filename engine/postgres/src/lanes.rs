//! Connections that several short reads share at a time.
//!
//! Each statement of its own on a connection of its own costs the server, and this program, a wake-up per statement.
//! Statements that are sent on a connection where others still run cost one for several. So reads that are known to be
//! short travel together on a few *lanes*. What is known to be short can turn out long: whoever waits behind such a
//! statement goes away after [`PATIENCE`] and asks again on a connection of his own, which is why only statements that
//! change nothing may come here.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::pool::PooledConnection;
use crate::wire::{DbError, Rows, TextParam};

/// Statements that take longer on average do not share a connection.
const SHORT: Duration = Duration::from_micros(1500);
/// How long a statement waits behind others before it is sent again elsewhere.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);
/// Statements under way on one lane.
const DEPTH: usize = 8;
/// Lanes per core: more statements at a time than that only take the cores away from each other.
const PER_CORE: usize = 2;

/// How long a statement takes, learned from its runs. Nothing is known at first.
#[derive(Debug, Default)]
pub struct Pace(AtomicU32);

impl Pace {
    /// What runs elsewhere have shown.
    pub fn known(time: Duration) -> Self {
        let pace = Self::default();
        pace.note(time);
        pace
    }

    fn is_short(&self) -> bool {
        let known = self.0.load(Ordering::Relaxed);
        known != 0 && u128::from(known) <= SHORT.as_nanos()
    }

    /// Takes a run into the moving average.
    pub(crate) fn note(&self, time: Duration) {
        let time = u32::try_from(time.as_nanos()).unwrap_or(u32::MAX).max(1);
        let known = self.0.load(Ordering::Relaxed);
        // An update that gets lost between two threads is no loss.
        let next = if known == 0 { time } else { known - known / 8 + time / 8 };
        self.0.store(next.max(1), Ordering::Relaxed);
    }
}

/// The lanes of a pool.
#[derive(Debug)]
pub(crate) struct Lanes {
    open: Mutex<Vec<Arc<Lane>>>,
    /// Most lanes; zero where connections must not be shared.
    limit: usize,
    /// Those who wait for a connection of their own, or for all of them: nobody may join a lane meanwhile.
    claims: AtomicUsize,
}

#[derive(Debug)]
struct Lane {
    connection: PooledConnection,
    /// Number of the schema it was taken for.
    schema: u64,
    /// Changed under the lock of [`Lanes::open`] only.
    under_way: AtomicUsize,
    began: Instant,
    /// When its last answer came: nanoseconds since `began`.
    answered: Mutex<Duration>,
}

/// A place on a lane, for one statement.
#[derive(Debug)]
pub(crate) struct Seat<'l> {
    lanes: &'l Lanes,
    lane: Arc<Lane>,
    /// Others were there before.
    is_behind: bool,
}

/// Where a short statement goes.
#[derive(Debug)]
pub(crate) enum Way<'l> {
    /// Along with others.
    Seat(Seat<'l>),
    /// To a lane that has to be opened.
    Open,
    /// To the next connection that becomes free.
    Wait,
}

/// Somebody waits for a connection of his own.
#[derive(Debug)]
pub(crate) struct Claim(Arc<Lanes>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.claims.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Lanes {
    /// For a pool of this size.
    pub(crate) fn new(pool_size: usize, may_share: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let limit = if may_share { pool_size.min(cores * PER_CORE) } else { 0 };
        Self { open: Mutex::default(), limit, claims: AtomicUsize::new(0) }
    }

    /// Keeps others from joining lanes while the result lives, so that connections come back.
    pub(crate) fn claim(self: &Arc<Self>) -> Claim {
        self.claims.fetch_add(1, Ordering::SeqCst);
        Claim(Arc::clone(self))
    }

    /// Whether statements of this pace share connections.
    pub(crate) fn are_for(&self, pace: &Pace) -> bool {
        self.limit > 0 && pace.is_short()
    }

    /// Where a short statement goes now.
    pub(crate) fn way(&self, schema: u64) -> Way<'_> {
        let open = self.lock();
        if self.claims.load(Ordering::SeqCst) == 0 && open.len() < self.limit {
            return Way::Open;
        }
        self.least(&open, schema).map_or(Way::Wait, Way::Seat)
    }

    /// A seat on a lane that is open.
    pub(crate) fn join(&self, schema: u64) -> Option<Seat<'_>> {
        self.least(&self.lock(), schema)
    }

    /// A lane on this connection, and the first seat there.
    pub(crate) fn open(&self, connection: PooledConnection, schema: u64) -> Seat<'_> {
        let lane = Arc::new(Lane {
            connection,
            schema,
            under_way: AtomicUsize::new(1),
            began: Instant::now(),
            answered: Mutex::default(),
        });
        self.lock().push(Arc::clone(&lane));
        Seat { lanes: self, lane, is_behind: false }
    }

    /// Nobody joins a lane any more.
    pub(crate) fn close(&self) {
        self.claims.fetch_add(1, Ordering::SeqCst);
    }

    fn least(&self, open: &[Arc<Lane>], schema: u64) -> Option<Seat<'_>> {
        if self.claims.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let busy = |lane: &&Arc<Lane>| lane.under_way.load(Ordering::Relaxed);
        let usable = open.iter().filter(|lane| lane.schema == schema && lane.connection.is_shareable());
        let lane = usable.min_by_key(busy).filter(|lane| busy(lane) < DEPTH)?;
        let before = lane.under_way.fetch_add(1, Ordering::Relaxed);
        Some(Seat { lanes: self, lane: Arc::clone(lane), is_behind: before > 0 })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat<'_> {
    /// Comes to an end when the statement of this seat has been kept waiting too long behind others, if there are any.
    pub(crate) fn patience(&self) -> impl Future<Output = ()> + use<> {
        let patience = self.is_behind.then(|| Box::pin(tokio::time::sleep(PATIENCE)));
        async {
            match patience {
                Some(patience) => patience.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Runs a statement that changes nothing.
    pub(crate) async fn run(
        &self,
        sql: &str,
        params: &[TextParam<'_>],
        pace: &Pace,
    ) -> Result<Rows, DbError> {
        let sent = self.lane.began.elapsed();
        let result = self.lane.connection.run(sql, params).await;
        let answered = self.lane.began.elapsed();
        let before = {
            let mut last = self.lane.answered.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *last, answered)
        };
        // Its own time begins when the one before it was through.
        pace.note(answered.saturating_sub(sent.max(before)));
        result
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut open = self.lanes.lock();
        if self.lane.under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            // The connection goes back to the pool with the last reference, which is this one.
            open.retain(|lane| !Arc::ptr_eq(lane, &self.lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_short_once_it_was_seen_to_be() {
        let pace = Pace::default();
        assert!(!pace.is_short(), "nothing is known yet");
        pace.note(Duration::from_micros(200));
        assert!(pace.is_short());
        pace.note(Duration::from_millis(200));
        assert!(!pace.is_short(), "one long run is enough to go alone");
        for _ in 0..100 {
            pace.note(Duration::from_micros(200));
        }
        assert!(pace.is_short(), "and many short ones to come back");
    }
}
