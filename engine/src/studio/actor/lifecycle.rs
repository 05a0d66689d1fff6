//! The database as a service of the studio: started, restarted after it died, given up when that does not help.

use std::path::Path;
use std::time::{Duration, Instant};

use studio_events::{
    Choice, DatabaseEvent, Decision, DecisionEvent, DecisionId, EventKind, LogLevel, plural,
};

use studio_postgres::find_server;

use super::{Actor, Internal, disk};
use crate::studio::database::{self, Database, DatabaseFailure};
use crate::studio::{StudioError, control};
use crate::upgrade;

/// How often a database that died is started again.
const RESTARTS: u32 = 3;
/// Time before the first of these starts; the others wait four times as long as the one before.
const RESTART_PAUSE: Duration = Duration::from_millis(100);
/// A database that ran as long as this was sound.
const SOUND: Duration = Duration::from_secs(60);
/// Number of the question about data of another version.
const VERSION_QUESTION: DecisionId = DecisionId(1);

impl Actor {
    /// Starts the database after a while; the time grows with every attempt that went wrong.
    pub(in crate::studio) fn start_database(&mut self) {
        self.start += 1;
        self.starting = true;
        let number = self.start;
        let pause = match self.restarts {
            0 => Duration::ZERO,
            attempt => RESTART_PAUSE * 4_u32.saturating_pow(attempt - 1),
        };
        let set_aside = self.set_aside;
        let sender = self.internal.0.clone();
        let root = self.config.project.root.clone();
        let settings = self.settings.clone();
        let durable = self.toml.postgres.durable;
        let executable = self.config.executable.clone();
        let bus = self.bus.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let asked = database::Wanted { durable, set_aside };
            let result = database::start(&root, &settings, asked, &executable, &bus).await;
            // The actor is gone when the studio stops meanwhile; dropping the database stops the server.
            let _ = sender.send(Internal::Database(number, result.map(Box::new)));
        });
    }

    /// Takes a database over: the model follows it.
    pub(in crate::studio) async fn adopt(&mut self, number: u64, database: Box<Database>) {
        if let Some(exited) = database.exited() {
            let sender = self.internal.0.clone();
            tokio::spawn(async move {
                let exit = exited.await;
                let _ = sender.send(Internal::DatabaseLost(number, exit.status, exit.log));
            });
        }
        if let Some(folder) = database.socket_dir() {
            match control::listen(folder, self.commands.clone(), self.bus.clone()) {
                Ok(task) => {
                    if let Some(old) = self.control.replace(task) {
                        old.abort();
                    }
                }
                Err(error) => {
                    self.bus.log(LogLevel::Warn, "control", format!("no socket for orders: {error}"));
                }
            }
        }
        if let Some(address) = &self.address {
            database.announce(address);
        }
        match database.state_dir().map(Path::to_owned) {
            Some(folder) => self.watch_disk(&folder),
            None => self.disk = None,
        }
        self.waits_for_space = false;
        self.database = Some(database);
        self.database_since = Some(Instant::now());
        self.set_aside = false;
        self.served = None;
        if self.server.serving().is_some() {
            // It still asks the database of before.
            self.serve_what_fits(false).await;
        }
        self.advance().await;
        self.list_copies(true).await;
    }

    pub(super) fn database_failed(&mut self, failure: DatabaseFailure) -> Result<(), StudioError> {
        if let Some(found) = &failure.other_version
            && self.config.interactive
        {
            self.ask_about_version(found);
        }
        // Where there was a database before, the studio waits for space; at the first start only somebody who looks on does.
        if let Some(folder) = &failure.full_disk
            && (self.config.interactive || self.database_since.is_some())
            && disk::is_full(folder)
        {
            self.watch_disk(folder);
            self.wait_for_space(failure.log);
            return Ok(());
        }
        self.bus.send(EventKind::Database(DatabaseEvent::Failed {
            attempt: self.restarts + 1,
            message: failure.message.clone(),
            log_tail: failure.log,
        }));
        if !self.config.interactive {
            return Err(StudioError::Database(failure.message));
        }
        Ok(())
    }

    /// Starting again and again would not help.
    fn wait_for_space(&mut self, log_tail: Vec<String>) {
        self.waits_for_space = true;
        let folder = self.disk_folder().map(|folder| folder.display().to_string()).unwrap_or_default();
        self.bus.send(EventKind::Database(DatabaseEvent::Failed {
            attempt: self.restarts + 1,
            message: format!(
                "there is no space left on the disk of {folder}; nothing that was stored is lost, and the database starts \
                 again by itself once there is some"
            ),
            log_tail,
        }));
    }

    /// Data of another major version is never touched without a word.
    fn ask_about_version(&self, found: &str) {
        let mut options = vec!["leave it".to_owned(), "start empty, keep the old data beside it".to_owned()];
        if let Some(folder) = find_server(found) {
            let folder = folder.display();
            options.push(format!(
                "move the data with the Postgres {found} in {folder}, keep the old one beside it"
            ));
        }
        self.bus.send(EventKind::Decision(DecisionEvent::Asked(Box::new(Decision {
            id: VERSION_QUESTION,
            question: format!("the data of this project is of Postgres {found}"),
            options,
            default: 0,
            answer: None,
            refused: None,
            step: None,
        }))));
    }

    /// Takes the answer to a question that is not about a migration. Whether there was one.
    pub(in crate::studio) fn answer_version(&mut self, id: DecisionId, choice: &Choice) -> bool {
        if id != VERSION_QUESTION || self.database.is_some() {
            return false;
        }
        match choice {
            Choice::Option(1) => {
                self.set_aside = true;
                self.restarts = 0;
                self.start_database();
            }
            Choice::Option(2) => self.move_data(),
            Choice::Option(_) | Choice::Value(_) | Choice::Expression(_) | Choice::Defer => {}
        }
        true
    }

    /// Dumps the data with a server of its version and loads it into the bundled one, then starts that.
    fn move_data(&mut self) {
        self.restarts = 0;
        let sender = self.internal.0.clone();
        let root = self.config.project.root.clone();
        let executable = self.config.executable.clone();
        let durable = self.toml.postgres.durable;
        let bus = self.bus.clone();
        tokio::spawn(async move {
            let config = || upgrade::cluster_config(&root, durable, &executable);
            let say = |stage: &str| {
                let stage = stage.to_owned();
                bus.send(EventKind::Database(DatabaseEvent::Starting { stage }));
            };
            let moved = upgrade::upgrade(&root, None, config, say).await;
            let _ = sender.send(Internal::Moved(
                moved
                    .map(|moved| {
                        format!(
                            "{} and {} are moved from Postgres {}; the old data is kept in {}{}",
                            plural(moved.dumped.tables, "table"),
                            plural(moved.dumped.rows, "row"),
                            moved.from,
                            moved.kept.display(),
                            match moved.dumped.left_out.as_slice() {
                                [] => String::new(),
                                left_out => format!("; not moved: {}", left_out.join(", ")),
                            }
                        )
                    })
                    .map_err(|error| error.to_string()),
            ));
        });
    }

    pub(super) fn data_moved(&mut self, moved: Result<String, String>) {
        match moved {
            Ok(text) => {
                self.bus.log(LogLevel::Info, "postgres", text);
                self.start_database();
            }
            Err(message) => self.bus.send(EventKind::Database(DatabaseEvent::Failed {
                attempt: 1,
                message,
                log_tail: Vec::new(),
            })),
        }
    }

    pub(super) fn database_lost(&mut self, status: String, log_tail: Vec<String>) {
        self.database = None;
        if self.database_since.is_some_and(|since| since.elapsed() > SOUND) {
            // It ran well for a time: this is another fault than the last one.
            self.restarts = 0;
        }
        if self.disk_folder().is_some_and(disk::is_full) {
            return self.wait_for_space(log_tail);
        }
        self.restarts += 1;
        if self.restarts > RESTARTS {
            self.bus.send(EventKind::Database(DatabaseEvent::Failed {
                attempt: self.restarts,
                message: format!(
                    "Postgres ended again and again ({status}); press r in Services to try once more"
                ),
                log_tail,
            }));
            return;
        }
        self.bus.send(EventKind::Database(DatabaseEvent::Restarting {
            attempt: self.restarts,
            of: RESTARTS,
            reason: status,
        }));
        self.start_database();
    }
}
