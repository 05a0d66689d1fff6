//! Which statement texts are worth preparing on this connection.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::TextParam;

/// Statement texts remembered per connection; the least recently used one goes first, and the server is
/// told to forget it.
const LIMIT: NonZeroUsize = NonZeroUsize::new(256).expect("invariant: 256 is not zero");
/// A text is prepared when it was seen this many times.
const WORTH: u32 = 3;

/// Prepared statements of a connection and the counts that lead to them.
#[derive(Debug)]
pub(super) struct Statements {
    known: LruCache<Arc<str>, Known>,
    /// Texts that should be prepared when the connection is idle. Preparing costs a round trip and would
    /// come between pipelined statements, so it never happens while running one.
    wanted: Vec<Arc<str>>,
    enabled: bool,
}

#[derive(Debug)]
struct Known {
    types: Vec<Type>,
    seen: u32,
    prepared: Option<Statement>,
}

/// How to send a statement.
#[derive(Debug)]
pub(super) enum Choice {
    /// Text and types in the same message: nothing is kept at the server.
    Typed,
    /// By reference.
    Prepared(Statement),
}

impl Statements {
    pub(super) fn new(enabled: bool) -> Self {
        Self { known: LruCache::new(LIMIT), wanted: Vec::new(), enabled }
    }

    /// Counts the text and says how to send it.
    pub(super) fn choose(&mut self, sql: &str, params: &[TextParam<'_>]) -> Choice {
        if !self.enabled {
            return Choice::Typed;
        }
        let types = || params.iter().map(|it| it.ty.clone());
        let Some(known) = self.known.get_mut(sql) else {
            self.known.put(Arc::from(sql), Known { types: types().collect(), seen: 1, prepared: None });
            return Choice::Typed;
        };
        if !known.types.iter().eq(params.iter().map(|it| &it.ty)) {
            // The same text for other types is another statement.
            *known = Known { types: types().collect(), seen: 1, prepared: None };
            return Choice::Typed;
        }
        if let Some(statement) = &known.prepared {
            return Choice::Prepared(statement.clone());
        }
        known.seen = known.seen.saturating_add(1);
        if known.seen == WORTH {
            self.wanted.push(Arc::from(sql));
        }
        Choice::Typed
    }

    /// Whether some text should be prepared.
    pub(super) fn has_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Texts to prepare now, with their parameter types.
    pub(super) fn take_wanted(&mut self) -> Vec<(Arc<str>, Vec<Type>)> {
        let wanted = std::mem::take(&mut self.wanted);
        wanted
            .into_iter()
            .filter_map(|sql| {
                let known = self.known.peek(&*sql).filter(|it| it.prepared.is_none() && it.seen >= WORTH)?;
                Some((sql, known.types.clone()))
            })
            .collect()
    }

    /// Whether the text has a prepared statement. Does not count as a use.
    pub(super) fn is_prepared(&self, sql: &str) -> bool {
        self.known.peek(sql).is_some_and(|it| it.prepared.is_some())
    }

    /// Keeps a statement, unless its text was pushed out meanwhile.
    pub(super) fn put(&mut self, sql: &str, statement: Statement) {
        if let Some(known) = self.known.peek_mut(sql) {
            known.prepared = Some(statement);
        }
    }

    /// Begins counting anew.
    pub(super) fn forget(&mut self, sql: &str) {
        self.known.pop(sql);
    }

    /// Begins counting anew for every text.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.wanted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wanted_once_it_was_seen_often_enough_with_the_same_types() {
        let mut statements = Statements::new(true);
        let int = [TextParam::new(Type::INT4, "1")];
        let text = [TextParam::new(Type::TEXT, "1")];
        for params in [&int, &int, &text, &text, &text, &text] {
            assert!(matches!(statements.choose("select $1", params), Choice::Typed));
        }
        let wanted = statements.take_wanted();
        assert_eq!(wanted.len(), 1);
        assert_eq!(wanted[0].1, vec![Type::TEXT]);
        assert!(statements.take_wanted().is_empty());
    }

    #[test]
    fn the_number_of_remembered_texts_is_bounded() {
        let mut statements = Statements::new(true);
        for round in 0..3 {
            for number in 0..300 {
                statements.choose(&format!("select {number}"), &[]);
            }
            assert_eq!(statements.known.len(), LIMIT.get(), "round {round}");
        }
        assert!(statements.take_wanted().is_empty(), "every text was pushed out before it came again");
    }

    #[test]
    fn nothing_is_prepared_behind_a_pooler() {
        let mut statements = Statements::new(false);
        for _ in 0..10 {
            statements.choose("select 1", &[]);
        }
        assert!(statements.take_wanted().is_empty());
    }
}
