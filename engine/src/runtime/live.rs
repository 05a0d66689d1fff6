//! Live queries, an extension: who waits for data to change, and who says that it did.
//!
//! One connection per server listens on [`CHANNEL`]. Mutations notify it after their commit, so that every server on
//! the same database hears of them; other programs may do the same with `NOTIFY`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use studio_postgres::Pool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::server::Server;

/// The channel that changes are told on.
pub const CHANNEL: &str = "exo_live";
/// Most live queries at a time.
const SEATS: usize = 1000;
/// Pause before listening again after the connection was lost.
const PAUSE: Duration = Duration::from_millis(500);

/// Who waits for changes.
#[derive(Debug)]
pub struct Live {
    changes: watch::Sender<u64>,
    seats: Arc<Semaphore>,
    listening: AtomicBool,
}

impl Default for Live {
    fn default() -> Self {
        let (changes, seats) = (watch::channel(0).0, Arc::new(Semaphore::new(SEATS)));
        Self { changes, seats, listening: AtomicBool::new(false) }
    }
}

/// A place among those who wait.
#[derive(Debug)]
pub struct Seat {
    changes: watch::Receiver<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// What follows is about changes from now on.
    pub fn look(&mut self) {
        self.changes.mark_unchanged();
    }

    /// Waits for a change since the last look; `false` when there will be none any more.
    pub async fn changed(&mut self) -> bool {
        self.changes.changed().await.is_ok()
    }
}

impl Live {
    /// Takes a seat, and begins to listen with the first one; `None` when all are taken.
    pub fn seat(server: &Arc<Server>) -> Option<Seat> {
        let live = &server.live;
        let permit = Arc::clone(&live.seats).try_acquire_owned().ok()?;
        let changes = live.changes.subscribe();
        if !live.listening.swap(true, Ordering::SeqCst) {
            tokio::spawn(listen(Arc::downgrade(server)));
        }
        Some(Seat { changes, _permit: permit })
    }

    /// Something changed here: everybody looks again.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Tells every server on this database that a mutation was committed. It is no part of the mutation: that has been
/// answered for already, whatever becomes of this.
pub(super) async fn notify(pool: &Pool) {
    let told = async {
        let lease = pool.get().await.map_err(|error| error.to_string())?;
        let sql = format!("SELECT pg_notify('{CHANNEL}', '')");
        lease.run(&sql, &[]).await.map_err(|error| error.to_string())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, "live queries were not told of a mutation");
    }
}

/// Listens for as long as the server is there, on whatever database it serves.
async fn listen(server: std::sync::Weak<Server>) {
    loop {
        let Some(pool) = server.upgrade().map(|server| server.serving().map(|it| it.pool.clone())) else {
            return;
        };
        match pool {
            Some(pool) => match pool.listen(CHANNEL).await {
                Ok(mut listening) => {
                    // What happened before is not known.
                    loop {
                        let Some(server) = server.upgrade() else { return };
                        server.live.changed();
                        drop(server);
                        if !listening.notified().await {
                            break;
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "cannot listen for changes"),
            },
            None => tracing::debug!("nothing is served yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
