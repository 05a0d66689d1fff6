//! What each command of a consumer makes the studio do.

use std::sync::Arc;

use studio_events::{Command, EventKind, LogLevel, Micros, QueryEvent};

use super::Actor;
use crate::studio::test_runs::Selection;
use crate::studio::{explain, port};

impl Actor {
    pub(super) async fn obey(&mut self, order: Command) {
        match order {
            Command::Quit => {}
            Command::Rebuild => self.rebuild().await,
            Command::Answer(id, choice) => self.answer(id, choice).await,
            Command::Migrate { consent, plan } => self.migrate(&consent, plan).await,
            Command::ForgetAnswers => self.forget_answers().await,
            Command::UndoMigration => self.undo().await,
            Command::MakeCopy { name } => self.make_copy(name).await,
            Command::RestoreCopy { name } => self.restore_copy(&name).await,
            Command::DropCopy { name } => self.drop_copy(&name).await,
            Command::ResetDatabase => self.reset().await,
            Command::ListCopies => self.list_copies(false).await,
            Command::Seed => self.seed().await,
            Command::Explain { trace, analyze } => match &self.database {
                Some(database) => {
                    let ir = self.server.serving().map(|serving| Arc::clone(&serving.ir));
                    self.on_demand.explain(&self.bus, &database.pool, ir, trace, analyze);
                }
                None => self.bus.log(LogLevel::Warn, "explain", "the database is not up"),
            },
            Command::ExplainAccess { trace, caller } => {
                self.on_demand.access(&self.bus, Arc::clone(&self.server), trace, caller);
            }
            Command::Replay { trace, write } => {
                explain::replay(&self.bus, Arc::clone(&self.server), &self.personas, trace, write)
            }
            Command::Query { number, sql, write } => match &self.database {
                Some(database) => self.queries.run(&database.pool, number, sql, write),
                None => {
                    let result = Err("the database is not up".to_owned());
                    self.bus.send(EventKind::Query(QueryEvent { number, sql, time: Micros(0), result }));
                }
            },
            Command::RunTests(pattern) => self.tests.run(Selection::Pattern(pattern)),
            Command::RunTestsNamed(names) => {
                self.tests.run(Selection::Named(names.into_iter().collect()));
            }
            Command::StopTests => self.tests.stop(),
            Command::WatchTests(on) => self.tests.watch(on).await,
            Command::SetPersona(name) => {
                if !self.personas.choose(name.as_deref()) {
                    self.bus.log(LogLevel::Warn, "persona", "there is no such persona in exo.toml");
                }
            }
            Command::CountRows => match (&self.database, &self.built) {
                (Some(database), Some(built)) => {
                    self.on_demand.count_rows(&self.bus, &database.pool, Arc::clone(&built.ir));
                }
                _ => self.bus.log(LogLevel::Warn, "schema", "there is nothing to count yet"),
            },
            Command::TakePort(port) => {
                self.listen_late(port).await;
                if self.listening.is_some() {
                    port::remember(&self.config.project.root, port);
                }
            }
            Command::RetryPort => self.listen_late(self.wanted_port).await,
            Command::RestartDatabase if self.starting => {
                self.bus.log(LogLevel::Info, "postgres", "it is being started already");
            }
            Command::RestartDatabase => {
                self.restarts = 0;
                if let Some(database) = self.database.take() {
                    database.stop().await;
                }
                self.start_database();
            }
            Command::UseDatabase(url) => self.use_database(url).await,
            Command::ResetLatency => {
                self.server.latency.reset();
                self.bus.send(EventKind::LatencyReset);
            }
        }
    }

    /// Listens when the first attempt found the port taken; a second socket is never opened.
    async fn listen_late(&mut self, port: u16) {
        if self.listening.is_some() {
            self.bus.log(LogLevel::Warn, "http", "the API is listening already");
        } else if let Err(error) = self.listen(port).await {
            self.bus.log(LogLevel::Error, "http", error.to_string());
        }
    }
}
