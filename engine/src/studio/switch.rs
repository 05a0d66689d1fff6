//! Going over to another database while the studio runs. The new one is reached first, so a typing mistake in a URL
//! costs nothing.

use std::sync::Arc;

use studio_events::{DatabaseUrl, EventKind, LogLevel, ProblemSet, ProblemSource, SchemaEvent};

use super::actor::{Actor, Internal};
use super::database::{self, Database, DatabaseFailure};

impl Actor {
    /// Goes over to the database at the URL; with an empty one back to the project's own.
    pub(super) async fn use_database(&mut self, url: DatabaseUrl) {
        if self.starting {
            return self.refuse("database", "it is being started; try again when it is up");
        }
        self.switch += 1;
        if url.0.is_empty() {
            if self.database.as_ref().is_some_and(|database| database.databases.is_some()) {
                return self.refuse("database", "the project's own is in use already");
            }
            self.settings.database_url = None;
            self.leave_database().await;
            self.restarts = 0;
            return self.start_database();
        }
        let mut settings = self.settings.clone();
        settings.database_url = Some(url.0.clone());
        let (sender, number) = (self.internal.0.clone(), self.switch);
        self.bus.log(LogLevel::Info, "postgres", "connecting to another database");
        tokio::spawn(async move {
            let reached = database::reach(&settings, &url.0).await;
            // The actor is gone when the studio stops meanwhile.
            let _ = sender.send(Internal::Reached(number, url, reached.map(Box::new)));
        });
    }

    /// The other database answers, or does not.
    pub(super) async fn reached(
        &mut self,
        number: u64,
        url: DatabaseUrl,
        reached: Result<Box<(Database, EventKind)>, DatabaseFailure>,
    ) {
        let (database, ready) = match reached {
            Ok(reached) if number == self.switch && !self.starting => *reached,
            // Something else was asked for meanwhile.
            Ok(reached) => return reached.0.stop().await,
            Err(failure) => {
                let text = format!("the present one stays: {}", failure.message);
                return self.refuse("database", text);
            }
        };
        self.settings.database_url = Some(url.0);
        self.leave_database().await;
        self.restarts = 0;
        self.start += 1;
        self.bus.send(ready);
        self.adopt(self.start, Box::new(database)).await;
    }

    /// Lets go of the database and of what was known about it.
    async fn leave_database(&mut self) {
        // What is heard of it from here on is old.
        self.start += 1;
        if let Some(control) = self.control.take() {
            control.abort();
        }
        if let Some(database) = self.database.take() {
            database.stop().await;
        }
        self.served = None;
        self.reviewed = None;
        self.reversible = None;
        self.answered.forget();
        self.bus.send(EventKind::Schema(SchemaEvent::Pending(None)));
        self.bus.send(EventKind::Schema(SchemaEvent::Copies(Vec::new())));
        self.bus.send(EventKind::Schema(SchemaEvent::RowCounts(Vec::new())));
        for source in [ProblemSource::Database, ProblemSource::Disk] {
            self.bus.send(EventKind::Problems(ProblemSet { source, problems: Arc::new(Vec::new()) }));
        }
    }
}
