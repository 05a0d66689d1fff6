//! A line typed above the hints for one purpose. `Esc` leaves it and keeps what was typed for the next time.

use crossterm::event::KeyCode;
use studio_events::{Budget, Choice, Command, DatabaseUrl, DecisionId, StudioState};

use crate::action::Key;
use crate::effect::Effect;
use crate::ui::Ui;

/// What is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) purpose: Purpose,
    pub(crate) text: String,
}

/// What for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The latency limit of an operation; nothing removes it.
    Budget {
        /// The operation.
        operation: String,
    },
    /// A statement to run.
    Sql,
    /// A value for the rows there are, of a migration.
    Value {
        /// The question's number.
        id: u32,
        /// The question.
        question: String,
    },
    /// The name of a copy of the database.
    CopyName,
    /// The URL of another database.
    Database,
}

impl Purpose {
    /// The words before the line.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Budget { operation } => format!("budget of {operation}"),
            Self::Sql => "SQL, read-only".to_owned(),
            Self::Value { question, .. } => question.clone(),
            Self::CopyName => "name of the copy".to_owned(),
            Self::Database => "database URL".to_owned(),
        }
    }

    /// What Enter does.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Budget { .. } => "writes it to exo.toml, such as p95 < 10 ms; empty removes it",
            Self::Sql => "runs it in a read-only transaction",
            Self::Value { .. } => "takes the value; = in front makes it an SQL expression",
            Self::CopyName => "makes the copy; empty names it after the revision",
            Self::Database => "connects, read-only without --read-write; empty: the project's own",
        }
    }

    /// Letters are not recorded, and what is secret of them is not shown.
    pub(crate) fn is_secret(&self) -> bool {
        match self {
            Self::Budget { .. } | Self::Sql | Self::Value { .. } | Self::CopyName => false,
            Self::Database => true,
        }
    }
}

impl Prompt {
    /// What is shown of the text.
    pub(crate) fn shown(&self) -> String {
        if self.purpose.is_secret() { without_secrets(&self.text) } else { self.text.clone() }
    }
}

/// A URL as it is typed, with `*` for its password: what follows the user's name up to the last `@`, or to the end as
/// long as there is none, and values of the query.
fn without_secrets(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.rfind('@').unwrap_or(url.len());
    let password = url.get(start..end).and_then(|user| user.find(':')).map(|at| start + at + 1);
    let query = url.get(end..).and_then(|rest| rest.find('?')).map(|at| end + at + 1);
    let mut in_value = false;
    let mask = |(at, c): (usize, char)| {
        if query.is_some_and(|query| at >= query) {
            match c {
                '&' => in_value = false,
                '=' if !in_value => {
                    in_value = true;
                    return c;
                }
                _ => {}
            }
            return if in_value { '*' } else { c };
        }
        let secret = password.is_some_and(|password| (password..end).contains(&at));
        if secret { '*' } else { c }
    };
    url.char_indices().map(mask).collect()
}

impl Ui {
    /// Opens a prompt with what was typed into it before, or with `suggestion`.
    pub(crate) fn ask(&mut self, purpose: Purpose, suggestion: String) {
        let draft = self.drafts.iter().position(|draft| draft.purpose == purpose);
        let text = draft.map_or(suggestion, |at| self.drafts.remove(at).text);
        self.prompt = Some(Prompt { purpose, text });
    }

    /// What is typed now must not be recorded.
    pub(crate) fn types_a_secret(&self) -> bool {
        self.prompt.as_ref().is_some_and(|prompt| prompt.purpose.is_secret())
    }

    /// Closes the prompt and keeps what was typed.
    pub(crate) fn leave_prompt(&mut self) {
        if let Some(prompt) = self.prompt.take().filter(|prompt| !prompt.text.is_empty()) {
            self.drafts.retain(|draft| draft.purpose != prompt.purpose);
            self.drafts.push(prompt);
        }
    }

    /// A key while a prompt is open.
    pub(crate) fn type_prompt(&mut self, key: Key, state: &StudioState) -> Vec<Effect> {
        self.toast = None;
        let Some(prompt) = &mut self.prompt else { return Vec::new() };
        match key.code {
            KeyCode::Esc => self.leave_prompt(),
            KeyCode::Enter => return self.submit(state),
            KeyCode::Backspace => {
                prompt.text.pop();
            }
            KeyCode::Char('u') if key.ctrl => prompt.text.clear(),
            KeyCode::Char('w') if key.ctrl => {
                let kept = prompt.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                prompt.text.truncate(kept);
            }
            KeyCode::Char(c) if !key.ctrl => prompt.text.push(c),
            _ => {}
        }
        Vec::new()
    }

    /// Does what the prompt is for; what cannot be done leaves it open.
    fn submit(&mut self, _: &StudioState) -> Vec<Effect> {
        let Some(prompt) = self.prompt.clone() else { return Vec::new() };
        let text = prompt.text.trim().to_owned();
        match prompt.purpose {
            Purpose::Budget { operation } => {
                if !text.is_empty()
                    && let Err(wrong) = Budget::parse(&operation, &text)
                {
                    self.say(wrong, 6);
                    return Vec::new();
                }
                self.prompt = None;
                vec![Effect::Budget { operation, limit: text }]
            }
            Purpose::Value { id, .. } => {
                self.prompt = None;
                let choice = match text.strip_prefix('=') {
                    Some(expression) => Choice::Expression(expression.trim().to_owned()),
                    None => Choice::Value(text),
                };
                vec![Effect::Send(Command::Answer(DecisionId(id), choice))]
            }
            Purpose::CopyName => {
                self.prompt = None;
                vec![Effect::Send(Command::MakeCopy { name: (!text.is_empty()).then_some(text) })]
            }
            Purpose::Database => {
                if !text.is_empty() && !["postgres://", "postgresql://"].iter().any(|it| text.starts_with(it))
                {
                    self.say("a URL looks like postgres://user:password@host:5432/name", 6);
                    return Vec::new();
                }
                self.prompt = None;
                vec![Effect::Send(Command::UseDatabase(DatabaseUrl(text)))]
            }
            Purpose::Sql if text.is_empty() => Vec::new(),
            Purpose::Sql => {
                self.prompt = None;
                self.run_sql(text)
            }
        }
    }

    /// Runs a statement read-only; the result opens when it is there.
    pub(crate) fn run_sql(&mut self, sql: String) -> Vec<Effect> {
        let number = self.next_query();
        let (sql_shown, write) = (sql.clone(), false);
        self.overlay = Some(crate::overlay::Overlay::Query { number, sql: sql_shown, write, scroll: 0 });
        vec![Effect::Send(Command::Query { number, sql, write })]
    }

    /// A number for the next statement, by which its result is known.
    pub(crate) fn next_query(&mut self) -> u64 {
        self.queries += 1;
        self.queries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown_while_they_are_typed() {
        let shown = [
            ("postgres://anna", "postgres://anna"),
            ("postgres://anna:se", "postgres://anna:**"),
            ("postgres://anna:s/e@c", "postgres://anna:***@c"),
            ("postgres://anna:se@host:5432/db", "postgres://anna:**@host:5432/db"),
            ("postgres://anna@host:5432/db", "postgres://anna@host:5432/db"),
            ("postgres://h@x/db?password=a=b&sslmode=x", "postgres://h@x/db?password=***&sslmode=*"),
        ];
        for (typed, wanted) in shown {
            assert_eq!(without_secrets(typed), wanted);
        }
    }
}
