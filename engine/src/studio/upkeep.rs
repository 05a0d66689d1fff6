//! The actor's part about the database: following the model, decisions, copies, undo, seeds.

use std::sync::Arc;
use std::time::Instant;

use studio_events::{
    Choice, DecisionEvent, DecisionId, EventKind, LogLevel, Problem, ProblemSet, ProblemSource, Revision,
    SchemaEvent, ServingEvent,
};

use studio_sql::diff::DiffOptions;
use studio_sql::schema::DatabaseSchema;
use studio_sql::verify::verify;

use super::actor::Actor;
use super::migrate::{self, Reviewed, Subject, micros};
use super::{build, policy, seed};
use crate::bus;
use crate::copies::{BY_HAND, Copies, CopyRequest};
use crate::derived::Derived;
use crate::runtime::serving::Serving;

/// The studio's steps and answers are borrowed apart from each other, which a method could not do.
macro_rules! subject {
    ($actor:ident, $built:ident, $database:ident) => {
        Subject {
            database: $database,
            derived: &$built.serving,
            revision: $built.revision,
            from: $actor.server.serving().map(|serving| serving.revision),
            word: format!("{}/{}", $actor.config.project.name, $built.revision),
            held: $database.held.as_deref() == Some($built.hash.to_string().as_str()),
            policy: $actor.config.policy.as_ref(),
            bus: &$actor.bus,
        }
    };
}

impl Actor {
    pub(super) fn problems(&self, source: ProblemSource, problems: Vec<Problem>) {
        let problems = Arc::new(problems);
        if source == ProblemSource::Database && self.server.serving().is_none() {
            // Whoever asks meanwhile is told why.
            self.server.set_problems(Arc::clone(&problems));
        }
        self.bus.send(EventKind::Problems(ProblemSet { source, problems }));
    }

    pub(super) fn refuse(&self, order: &str, reason: impl Into<String>) {
        let (order, reason) = (order.to_owned(), reason.into());
        self.bus.send(EventKind::Schema(SchemaEvent::Refused { order, reason }));
    }

    /// Brings the database to the newest model and serves it, as far as that is safe or the policy says so.
    pub(super) async fn advance(&mut self) {
        let (Some(built), Some(database)) = (&self.built, &mut self.database) else { return };
        let back = self.served == Some(built.hash);
        if back && self.reviewed.as_ref().is_none_or(|reviewed| reviewed.pending.is_none()) {
            return;
        }
        let hash = built.hash.to_string();
        if database.held.as_deref().is_some_and(|held| held != hash) {
            // Another model than the one whose steps were undone.
            database.held = None;
            if let Some(databases) = &database.databases
                && let Err(error) = Copies::new(databases.clone()).note(|meta| meta.held = None).await
            {
                self.bus.log(LogLevel::Warn, "migration", error.to_string());
            }
        }
        if self.answered_for != Some(built.hash) {
            self.answered.forget();
            self.answered_for = Some(built.hash);
        }
        if back {
            // What waited for a model that was taken back waits no more.
            return self.look_again().await;
        }
        let subject = subject!(self, built, database);
        match subject.advance(&mut self.answered).await {
            Ok(reviewed) => {
                self.publish(reviewed);
                self.follow_policy().await;
                self.serve_if_possible().await;
            }
            Err(error) => self.cannot_follow(&error),
        }
    }

    fn publish(&mut self, mut reviewed: Reviewed) {
        if let Some(before) = reviewed.reversible.take() {
            self.reversible = Some(before);
        }
        self.problems(ProblemSource::Database, reviewed.problems.clone());
        self.bus.send(EventKind::Schema(SchemaEvent::Pending(reviewed.pending.clone())));
        self.reviewed = Some(reviewed);
    }

    /// Answers what the policy file answers, and applies it.
    async fn follow_policy(&mut self) {
        let Some(policy) = self.config.policy.clone() else { return };
        let mut answered = false;
        loop {
            let (Some(built), Some(database), Some(reviewed)) = (&self.built, &self.database, &self.reviewed)
            else {
                return;
            };
            let Some(pending) = reviewed.pending.as_ref().filter(|pending| !pending.held) else { break };
            // One at a time: an answer may change the other questions.
            let Some((id, choice)) = policy::answers(pending, &policy).into_iter().next() else { break };
            let subject = subject!(self, built, database);
            match subject.answer(reviewed, id, choice, &mut self.answered).await {
                Ok(Some(reviewed)) => {
                    answered = true;
                    self.publish(reviewed);
                }
                Ok(None) => break,
                Err(error) => {
                    self.cannot_follow(&error);
                    return;
                }
            }
        }
        if answered {
            self.apply(None).await;
        }
    }

    async fn serve_if_possible(&mut self) {
        let (Some(built), Some(database), Some(reviewed)) = (&self.built, &mut self.database, &self.reviewed)
        else {
            return;
        };
        if !reviewed.can_serve {
            self.bus.send(EventKind::Idle);
            return;
        }
        if database.fresh {
            let problems =
                seed::seed(database, &self.config.project, &self.server, &built.serving, &self.bus).await;
            let problems = Arc::new(problems);
            self.bus.send(EventKind::Problems(ProblemSet { source: ProblemSource::Seed, problems }));
        }
        let serving = Arc::new(Serving::new(built.revision, &built.serving, database.pool.clone()));
        let from = self.server.swap(serving).map(|old| old.revision);
        self.served = Some(built.hash);
        if from != Some(built.revision) {
            self.before = self.now.take();
        }
        self.now = Some((built.revision, Arc::clone(&built.serving)));
        self.bus.send(EventKind::Serving(ServingEvent::Swapped { from, to: built.revision }));
        build::write_ir(&self.config.project, &built.ir, &self.bus);
        self.bus.send(EventKind::Idle);
    }

    /// Applies what is chosen. `typed` is the consent word; `None` where a policy stands for it.
    async fn apply(&mut self, typed: Option<&str>) {
        let (Some(built), Some(database)) = (&self.built, &mut self.database) else { return };
        let subject = subject!(self, built, database);
        match subject.apply(typed, &mut self.answered).await {
            Ok(()) => {
                self.answered.forget();
                // From here the copy that was made leads back.
                self.reversible = None;
                self.end_hold().await;
                self.list_copies(true).await;
            }
            Err(error) => {
                self.bus.log(LogLevel::Error, "migration", error);
                self.look_again().await;
                return;
            }
        }
        let (Some(built), Some(database)) = (&self.built, &mut self.database) else { return };
        let subject = subject!(self, built, database);
        match subject.advance(&mut self.answered).await {
            Ok(reviewed) => self.publish(reviewed),
            Err(error) => self.cannot_follow(&error),
        }
    }

    async fn end_hold(&mut self) {
        let Some(database) = &mut self.database else { return };
        if database.held.take().is_some()
            && let Some(databases) = &database.databases
            && let Err(error) = Copies::new(databases.clone()).note(|meta| meta.held = None).await
        {
            self.bus.log(LogLevel::Warn, "migration", error.to_string());
        }
    }

    /// Applies by order of the user.
    pub(super) async fn migrate(&mut self, consent: &str, plan: Option<Revision>) {
        let Some(pending) = self.reviewed.as_ref().and_then(|reviewed| reviewed.pending.as_ref()) else {
            return self.refuse("migration", "nothing is pending any more");
        };
        if plan.is_some_and(|plan| plan != pending.revision) {
            return self.refuse("migration", "another revision waits by now: look at its steps, then apply");
        }
        self.apply(Some(consent)).await;
        self.serve_if_possible().await;
    }

    async fn look_again(&mut self) {
        let (Some(built), Some(database)) = (&self.built, &self.database) else { return };
        let subject = subject!(self, built, database);
        match subject.look_again(&mut self.answered).await {
            Ok(reviewed) => self.publish(reviewed),
            Err(error) => self.bus.log(LogLevel::Error, "migration", error),
        }
    }

    pub(super) async fn forget_answers(&mut self) {
        self.answered.forget();
        self.look_again().await;
    }

    pub(super) async fn answer(&mut self, id: DecisionId, choice: Choice) {
        if self.answer_version(id, &choice) {
            self.bus.send(EventKind::Decision(DecisionEvent::Answered { id, choice }));
            return;
        }
        let found = match (&self.built, &self.database, &self.reviewed) {
            (Some(built), Some(database), Some(reviewed)) => {
                let subject = subject!(self, built, database);
                subject.answer(reviewed, id, choice.clone(), &mut self.answered).await
            }
            _ => Ok(None),
        };
        match found {
            Ok(Some(reviewed)) => self.publish(reviewed),
            Ok(None) => self.bus.send(EventKind::Decision(DecisionEvent::Answered { id, choice })),
            Err(error) => self.bus.log(LogLevel::Error, "migration", error),
        }
    }

    pub(super) async fn retry_seed(&mut self) {
        let (Some(built), Some(database)) = (&self.built, &mut self.database) else { return };
        if !database.fresh || self.served != Some(built.hash) {
            return;
        }
        self.run_seeds().await;
    }

    /// Returns what went wrong.
    async fn run_seeds(&mut self) -> Option<String> {
        let (Some(built), Some(database)) = (&self.built, &mut self.database) else { return None };
        let problems =
            seed::seed(database, &self.config.project, &self.server, &built.serving, &self.bus).await;
        let wrong = problems.first().map(|problem| problem.message.clone());
        self.problems(ProblemSource::Seed, problems);
        wrong
    }

    /// Runs the seeds by order.
    pub(super) async fn seed(&mut self) {
        let bundled = self.database.as_ref().is_some_and(|database| database.databases.is_some());
        match &self.built {
            Some(_) if seed::files(&self.config.project).is_empty() => {
                self.refuse("seed", "there are no tests/init*.gql and tests/init*.sql");
            }
            Some(built) if self.served == Some(built.hash) && bundled => {
                if let Some(wrong) = self.run_seeds().await {
                    self.refuse("seed", wrong);
                }
            }
            Some(_) if !bundled => self.refuse("seed", "only the bundled database is seeded"),
            Some(_) | None => {
                self.refuse(
                    "seed",
                    "the newest model is not served yet; correct the model or answer its migration",
                );
            }
        }
    }

    fn copies(&self, order: &str) -> Option<Copies> {
        let copies = match &self.database {
            None => Err("the database is not up"),
            Some(database) => match &database.databases {
                Some(databases) => Ok(Copies::new(databases.clone())),
                None => Err("no copies are made of a database of your own; use its backups"),
            },
        };
        copies.map_err(|reason| self.refuse(order, reason)).ok()
    }

    /// Tells which copies there are; after a new one, removes those that are too old.
    pub(super) async fn list_copies(&self, expire: bool) {
        let Some(databases) = self.database.as_ref().and_then(|database| database.databases.clone()) else {
            return;
        };
        let copies = Copies::new(databases);
        if expire {
            match copies.expire(bus::now()).await {
                Ok(gone) if gone.is_empty() => {}
                Ok(gone) => {
                    self.bus.log(LogLevel::Info, "copies", format!("expired: {}", gone.join(", ")));
                }
                Err(error) => self.bus.log(LogLevel::Warn, "copies", error.to_string()),
            }
        }
        match copies.list().await {
            Ok(list) => self.bus.send(EventKind::Schema(SchemaEvent::Copies(list))),
            Err(error) => self.bus.log(LogLevel::Warn, "copies", error.to_string()),
        }
    }

    fn request<'a>(&self, name: &'a str, automatic: bool, reason: &'a str) -> CopyRequest<'a> {
        let revision = self.server.serving().map(|serving| serving.revision);
        CopyRequest { name, automatic, reason, revision, undo: false, at: bus::now() }
    }

    pub(super) async fn make_copy(&mut self, name: Option<String>) {
        let Some(copies) = self.copies("copy") else { return };
        let revision = self.server.serving().map_or_else(|| "copy".to_owned(), |it| it.revision.to_string());
        let request = self.request(name.as_deref().unwrap_or(&revision), name.is_none(), BY_HAND);
        let started = Instant::now();
        let made = match self.paused().await {
            Ok(_pause) => copies.make(request).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match made {
            Ok(copy) => {
                let (name, bytes, time) = (copy.name, copy.bytes, micros(started));
                self.bus.send(EventKind::Schema(SchemaEvent::Copied { name, bytes, time }));
                self.list_copies(true).await;
            }
            Err(error) => self.refuse("copy", error),
        }
    }

    async fn paused(&self) -> Result<[studio_postgres::Pause; 2], String> {
        let database = self.database.as_ref().ok_or("the database is not up")?;
        let databases = database.databases.as_ref().ok_or("it is not ours")?;
        database.pause(databases).await
    }

    pub(super) async fn drop_copy(&mut self, name: &str) {
        let Some(copies) = self.copies("drop") else { return };
        match copies.drop(name).await {
            Ok(()) => self.list_copies(false).await,
            Err(error) => self.refuse("drop", error.to_string()),
        }
    }

    pub(super) async fn restore_copy(&mut self, name: &str) {
        let Some(copies) = self.copies("restore") else { return };
        let request = self.request("before-restore", true, "before restore");
        let started = Instant::now();
        let done = match self.paused().await {
            Ok(_pause) => copies.restore(name, request).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match done {
            Ok(kept) => self.replaced(name, kept, started, false).await,
            Err(error) => self.refuse("restore", error),
        }
    }

    pub(super) async fn reset(&mut self) {
        let Some(copies) = self.copies("reset") else { return };
        let request = self.request("before-reset", true, "before reset");
        let started = Instant::now();
        let done = match self.paused().await {
            Ok(_pause) => copies.reset(request).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match done {
            Ok(kept) => self.replaced("empty", kept, started, false).await,
            Err(error) => self.refuse("reset", error),
        }
    }

    /// Goes back to before the last migration. One that was safe needs no copy to go back: its steps are reversed.
    pub(super) async fn undo(&mut self) {
        let Some(copies) = self.copies("undo") else { return };
        let held = self.built.as_ref().map(|built| built.hash.to_string());
        if let Some(before) = self.reversible.take() {
            return self.reverse(&copies, &before, held).await;
        }
        let request = self.request("before-undo", true, "before undo");
        let started = Instant::now();
        let done = match self.paused().await {
            Ok(_pause) => copies.undo(held, request).await,
            Err(error) => return self.refuse("undo", error),
        };
        match done {
            Ok((copy, kept)) => self.replaced(&copy, kept, started, true).await,
            Err(error) => self.refuse("undo", error.to_string()),
        }
    }

    async fn reverse(&mut self, copies: &Copies, before: &DatabaseSchema, held: Option<String>) {
        let started = Instant::now();
        let request = self.request("before-undo", true, "before undo");
        let made = match self.paused().await {
            Ok(_pause) => copies.make(request).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let kept = match made {
            Ok(copy) => copy.name,
            Err(error) => return self.refuse("undo", error),
        };
        let (Some(built), Some(database)) = (&self.built, &self.database) else { return };
        let subject = subject!(self, built, database);
        let reversed = match subject.reverse(before).await {
            Ok(()) => copies.note(|meta| meta.held = held).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match reversed {
            Ok(()) => self.replaced("the schema before", kept, started, true).await,
            Err(error) => self.refuse("undo", error),
        }
    }

    /// Another database stands behind the name now.
    async fn replaced(&mut self, from: &str, kept: String, started: Instant, undo: bool) {
        let meta = match self.copies("restore") {
            Some(copies) => copies.meta().await,
            None => return,
        };
        let Some(database) = &mut self.database else { return };
        match meta {
            Ok(meta) => database.remember(meta),
            Err(error) => self.bus.log(LogLevel::Error, "copies", error.to_string()),
        }
        database.pool.schema_changed();
        let (from, time) = (from.to_owned(), micros(started));
        self.bus.send(EventKind::Schema(SchemaEvent::Restored { from, kept, time, undo }));
        self.list_copies(true).await;
        self.served = None;
        self.reversible = None;
        self.answered.forget();
        self.serve_what_fits(undo).await;
        self.advance().await;
    }

    /// The tables were exchanged below the API, or the whole database: the revision that fits them answers from now on, or
    /// none. After an undo the one before is asked first.
    pub(super) async fn serve_what_fits(&mut self, undo: bool) {
        let Some(database) = &self.database else { return };
        let live = match migrate::live_schema(database).await {
            Ok(live) => live,
            Err(error) => {
                self.bus.log(LogLevel::Error, "database", error);
                return self.withdraw();
            }
        };
        let known = [self.now.take(), self.before.take()];
        let mut known: Vec<_> = known.into_iter().flatten().collect();
        if undo {
            known.reverse();
        }
        let options = DiffOptions::default();
        let fits = |derived: &Derived| verify(&live, &derived.tables, &options).is_empty();
        let served = self.server.serving().map(|serving| serving.revision);
        if let Some(at) = known.iter().position(|(_, derived)| fits(derived)) {
            let (revision, derived) = known.swap_remove(at);
            let serving = Arc::new(Serving::new(revision, &derived, database.pool.clone()));
            let from = self.server.swap(serving).map(|old| old.revision);
            if served != Some(revision) {
                self.bus.send(EventKind::Serving(ServingEvent::Swapped { from, to: revision }));
            }
            self.now = Some((revision, derived));
            self.before = known.pop().filter(|_| !undo);
        } else {
            self.withdraw();
        }
    }

    /// Nothing is served from now on.
    fn withdraw(&self) {
        if let Some(old) = self.server.withdraw() {
            self.bus.send(EventKind::Serving(ServingEvent::Withdrawn { from: old.revision }));
        }
    }

    /// The database cannot be compared or changed.
    fn cannot_follow(&self, error: &str) {
        let is_serving = self.server.serving().is_some();
        self.problems(ProblemSource::Database, vec![migrate::problem(error, is_serving)]);
    }
}
