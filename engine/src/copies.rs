//! Named copies of a project's database, beside it on the same server: made, listed, restored, expired.
//!
//! What is known about a database is kept as its comment: it travels with the name and needs no table of ours. Every
//! change of names is one transaction, so that a process killed at any moment leaves the database whole, under its
//! name, and at most a half-made copy that the next start removes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use studio_events::{CopySummary, Revision, Timestamp};
use studio_postgres::{DatabaseError, Databases};

/// Name of the project's database on the bundled server.
pub const NAME: &str = "app";
/// A copy being made, or a database being filled: of no use after a crash.
const UNFINISHED: &str = "app_unfinished";
/// What a database was called before names were exchanged in one step; kept should one be left.
const SEEDING: &str = "app_seeding";
/// What a comment of ours begins with.
const MARK: &str = "exo-studio: ";
/// Longest name of a copy.
const LONGEST_NAME: usize = 40;
/// Copies that were made by themselves go after this time.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Above this the oldest copies go.
const MOST_BYTES: u64 = 4 << 30;

/// What is known about a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Seeds ran in it: hash of their files, empty if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeded: Option<String>,
    /// The last migration was undone: steps to the model with this hash wait for an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// It is a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyMeta>,
}

/// What is known about a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyMeta {
    /// Microseconds since 1970.
    pub at: u64,
    /// Why it was made.
    pub reason: String,
    /// Revision of the database then.
    pub revision: Option<u32>,
    /// Undoing the last migration goes back to it.
    #[serde(default)]
    pub undo: bool,
}

impl Meta {
    /// Reads the comment of a database; a foreign one says nothing.
    pub fn parse(comment: &str) -> Self {
        let Some(text) = comment.strip_prefix(MARK) else { return Self::default() };
        // Earlier versions wrote a word.
        if text.starts_with("seeded") {
            return Self { seeded: Some(String::new()), ..Self::default() };
        }
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The comment.
    pub fn to_comment(&self) -> String {
        format!("{MARK}{}", serde_json::to_string(self).unwrap_or_default())
    }
}

/// Why something about copies could not be done.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The server refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No such copy.
    #[error("there is no copy `{0}`; `exo-studio db list` shows those there are")]
    Missing(String),
    /// A copy of this name exists.
    #[error("there is a copy `{0}` already; choose another name or remove it with `exo-studio db drop {0}`")]
    Taken(String),
    /// The name cannot be used.
    #[error("`{0}` cannot name a copy: use up to {LONGEST_NAME} letters, digits, `.`, `_` and `-`")]
    Name(String),
    /// No migration to undo.
    #[error("no migration was applied that can be undone; `exo-studio db list` shows the copies there are")]
    NothingToUndo,
}

/// The copies of one project's database.
#[derive(Debug, Clone)]
pub struct Copies {
    databases: Databases,
}

fn full(name: &str) -> String {
    format!("{NAME}@{name}")
}

impl Copies {
    /// Copies on this server.
    pub fn new(databases: Databases) -> Self {
        Self { databases }
    }

    /// All copies, newest first.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn list(&self) -> Result<Vec<CopySummary>, CopyError> {
        let mut copies: Vec<CopySummary> = self
            .databases
            .describe()
            .await?
            .into_iter()
            .filter_map(|info| {
                let name = info.name.strip_prefix(NAME)?.strip_prefix('@')?.to_owned();
                let meta = Meta::parse(&info.comment).copy;
                // Copies of earlier versions carry no comment.
                let meta = meta.unwrap_or(CopyMeta {
                    at: 0,
                    reason: "by an earlier version".to_owned(),
                    revision: None,
                    undo: false,
                });
                Some(CopySummary {
                    name,
                    at: Timestamp(meta.at),
                    bytes: info.bytes,
                    reason: meta.reason,
                    revision: meta.revision.map(Revision),
                    undo: meta.undo,
                })
            })
            .collect();
        copies.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.name.cmp(&b.name)));
        // Only the newest one is before the last migration.
        let mut seen = false;
        for copy in &mut copies {
            let first = copy.undo && !seen;
            seen |= copy.undo;
            copy.undo = first;
        }
        Ok(copies)
    }

    /// What is known about the project's database itself.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn meta(&self) -> Result<Meta, CopyError> {
        self.meta_of(NAME).await
    }

    async fn meta_of(&self, database: &str) -> Result<Meta, CopyError> {
        Ok(Meta::parse(&self.databases.comment_of(database).await?))
    }

    /// Notes something about the project's database.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note(&self, change: impl FnOnce(&mut Meta)) -> Result<(), CopyError> {
        let mut meta = self.meta().await?;
        change(&mut meta);
        Ok(self.databases.comment(NAME, &meta.to_comment()).await?)
    }

    /// Checks a name given by a user and that it is free; without one, or with `automatic`, finds a free one.
    async fn free(&self, wanted: &str, automatic: bool) -> Result<String, CopyError> {
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if wanted.is_empty() || wanted.len() > LONGEST_NAME || !wanted.chars().all(usable) {
            return Err(CopyError::Name(wanted.to_owned()));
        }
        let taken = self.databases.list().await?;
        if !taken.contains(&full(wanted)) {
            return Ok(wanted.to_owned());
        }
        if !automatic {
            return Err(CopyError::Taken(wanted.to_owned()));
        }
        let numbered = (2..u32::MAX).map(|number| format!("{wanted}-{number}"));
        let free = numbered.into_iter().find(|name| !taken.contains(&full(name)));
        free.ok_or_else(|| CopyError::Taken(wanted.to_owned()))
    }

    /// Makes a copy. Nobody may use the database meanwhile; whoever is connected is disconnected.
    ///
    /// # Errors
    /// When the name is wrong or taken, or the server refuses (a full disk, for example).
    pub async fn make(&self, request: CopyRequest<'_>) -> Result<CopySummary, CopyError> {
        let name = self.free(request.name, request.automatic).await?;
        self.databases.drop(UNFINISHED).await?;
        let meta = Meta { copy: Some(request.meta()), ..self.meta().await? };
        self.databases.disconnect(NAME).await?;
        if let Err(error) = self.databases.create(UNFINISHED, Some(NAME)).await {
            // What a failed copy left is dropped now or by the next attempt.
            let _ = self.databases.drop(UNFINISHED).await;
            return Err(error.into());
        }
        self.databases.publish(UNFINISHED, &full(&name), &meta.to_comment()).await?;
        let copies = self.list().await?;
        copies.into_iter().find(|copy| copy.name == name).ok_or(CopyError::Missing(name))
    }

    /// Replaces the database by a copy, which stays. Returns the name of the copy that holds what was there.
    ///
    /// # Errors
    /// When there is no such copy or the server refuses; then nothing changed.
    pub async fn restore(&self, name: &str, kept: CopyRequest<'_>) -> Result<String, CopyError> {
        let source = full(name);
        if !self.databases.exists(&source).await? {
            return Err(CopyError::Missing(name.to_owned()));
        }
        let restored = Meta { copy: None, ..self.meta_of(&source).await? };
        self.replace(Some(&source), restored, kept).await
    }

    /// Replaces the database by an empty one. Returns the name of the copy that holds what was there.
    ///
    /// # Errors
    /// When the server refuses; then nothing changed.
    pub async fn reset(&self, kept: CopyRequest<'_>) -> Result<String, CopyError> {
        self.replace(None, Meta::default(), kept).await
    }

    /// The database before the last migration takes its place again; the steps to `held` wait from then on.
    /// Returns the copy that was restored and the one that holds what was there.
    ///
    /// # Errors
    /// When there is nothing to undo, or the server refuses; then nothing changed.
    pub async fn undo(
        &self,
        held: Option<String>,
        kept: CopyRequest<'_>,
    ) -> Result<(String, String), CopyError> {
        let copies = self.list().await?;
        let copy = copies.into_iter().find(|copy| copy.undo).ok_or(CopyError::NothingToUndo)?;
        let source = full(&copy.name);
        let mut meta = self.meta_of(&source).await?;
        let restored = Meta { copy: None, held, ..meta.clone() };
        let kept = self.replace(Some(&source), restored, kept).await?;
        if let Some(copy) = &mut meta.copy {
            copy.undo = false;
        }
        self.databases.comment(&source, &meta.to_comment()).await?;
        Ok((copy.name, kept))
    }

    async fn replace(
        &self,
        source: Option<&str>,
        meta: Meta,
        kept: CopyRequest<'_>,
    ) -> Result<String, CopyError> {
        let name = self.free(kept.name, true).await?;
        self.databases.drop(UNFINISHED).await?;
        if let Some(source) = source {
            self.databases.disconnect(source).await?;
        }
        if let Err(error) = self.databases.create(UNFINISHED, source).await {
            let _ = self.databases.drop(UNFINISHED).await;
            return Err(error.into());
        }
        self.install(UNFINISHED, &full(&name), meta, kept).await?;
        Ok(name)
    }

    /// `incoming` becomes the project's database; the present one goes on as the copy `aside`.
    async fn install(
        &self,
        incoming: &str,
        aside: &str,
        meta: Meta,
        kept: CopyRequest<'_>,
    ) -> Result<(), CopyError> {
        let old = Meta { copy: Some(kept.meta()), ..self.meta().await? };
        self.databases.disconnect(incoming).await?;
        self.databases.disconnect(NAME).await?;
        let comments = [old.to_comment(), meta.to_comment()];
        let comments = [comments[0].as_str(), comments[1].as_str()];
        Ok(self.databases.exchange(NAME, aside, incoming, comments).await?)
    }

    /// `filled` takes the place of the project's database, which is dropped: for a database that was filled in a copy.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn adopt(&self, filled: &str, seeded: String) -> Result<(), CopyError> {
        let meta = Meta { seeded: Some(seeded), copy: None, ..self.meta().await? };
        self.databases.drop(UNFINISHED).await?;
        self.databases.disconnect(filled).await?;
        self.databases.disconnect(NAME).await?;
        let comments = ["", &meta.to_comment()];
        self.databases.exchange(NAME, UNFINISHED, filled, comments).await?;
        Ok(self.databases.drop(UNFINISHED).await?)
    }

    /// Removes a copy.
    ///
    /// # Errors
    /// When there is no such copy or the server refuses.
    pub async fn drop(&self, name: &str) -> Result<(), CopyError> {
        let database = full(name);
        if !self.databases.exists(&database).await? {
            return Err(CopyError::Missing(name.to_owned()));
        }
        Ok(self.databases.drop(&database).await?)
    }

    /// Removes what a killed process left half done. A database whose names were being exchanged by an earlier
    /// version gets its name back.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn recover(&self) -> Result<(), CopyError> {
        let names = self.databases.list().await?;
        let has = |name: &str| names.iter().any(|known| known == name);
        if !has(NAME) && has(SEEDING) {
            return Ok(self.databases.rename(SEEDING, NAME).await?);
        }
        for leftover in [UNFINISHED, SEEDING] {
            if has(leftover) {
                self.databases.drop(leftover).await?;
            }
        }
        Ok(())
    }

    /// Removes copies that are too old or too many, never the newest one and never one that was made by hand.
    /// Returns their names.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn expire(&self, now: Timestamp) -> Result<Vec<String>, CopyError> {
        let gone = expired(&self.list().await?, now);
        for name in &gone {
            self.drop(name).await?;
        }
        Ok(gone)
    }
}

/// Names of the copies that go; `copies` are in order, newest first.
fn expired(copies: &[CopySummary], now: Timestamp) -> Vec<String> {
    let mut bytes = 0_u64;
    let mut gone = Vec::new();
    let keep_micros = u64::try_from(KEPT.as_micros()).unwrap_or(u64::MAX);
    for (position, copy) in copies.iter().enumerate() {
        bytes = bytes.saturating_add(copy.bytes);
        let old = now.0.saturating_sub(copy.at.0) > keep_micros;
        if position > 0 && copy.reason != BY_HAND && (old || bytes > MOST_BYTES) {
            bytes = bytes.saturating_sub(copy.bytes);
            gone.push(copy.name.clone());
        }
    }
    gone
}

/// Reason of the copies users ask for.
pub const BY_HAND: &str = "by hand";

/// A copy to be made.
#[derive(Debug, Clone, Copy)]
pub struct CopyRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name may get a number when it is taken.
    pub automatic: bool,
    /// Why.
    pub reason: &'a str,
    /// Revision of the database.
    pub revision: Option<Revision>,
    /// It is the state before a migration.
    pub undo: bool,
    /// Now.
    pub at: Timestamp,
}

impl CopyRequest<'_> {
    fn meta(&self) -> CopyMeta {
        CopyMeta {
            at: self.at.0,
            reason: self.reason.to_owned(),
            revision: self.revision.map(|revision| revision.0),
            undo: self.undo,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(name: &str, at_days: u64, reason: &str, bytes: u64) -> CopySummary {
        CopySummary {
            name: name.to_owned(),
            at: Timestamp(at_days * 86_400_000_000),
            bytes,
            reason: reason.to_owned(),
            revision: None,
            undo: false,
        }
    }

    #[test]
    fn old_and_too_many_copies_go_but_never_the_newest_or_one_made_by_hand() {
        let gib = 1 << 30;
        let now = Timestamp(100 * 86_400_000_000);
        let copies = [
            copy("newest", 80, "before r9", 9 * gib),
            copy("mine", 70, BY_HAND, gib),
            copy("old", 60, "before r2", 1),
        ];
        assert_eq!(expired(&copies, now), ["old"]);
        let copies = [
            copy("a", 99, "before r9", 2 * gib),
            copy("b", 98, "before r8", gib),
            copy("c", 97, "before r7", 2 * gib),
            copy("d", 96, "before r6", gib / 2),
        ];
        assert_eq!(expired(&copies, now), ["c"], "what fits stays");
        assert_eq!(expired(&[], now), [""; 0]);
    }

    #[test]
    fn comments_are_read_back_and_foreign_ones_say_nothing() {
        let meta = Meta {
            seeded: Some("ab".to_owned()),
            held: None,
            copy: Some(CopyMeta { at: 5, reason: "it's".to_owned(), revision: Some(3), undo: true }),
        };
        assert_eq!(Meta::parse(&meta.to_comment()), meta);
        assert_eq!(Meta::parse("exo-studio: seeded").seeded.as_deref(), Some(""));
        assert_eq!(Meta::parse("my database"), Meta::default());
    }
}
