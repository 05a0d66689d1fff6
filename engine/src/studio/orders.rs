//! Orders as JSON lines, for scripts and agents: on standard input of a studio without a terminal, and on the socket
//! beside its database.
//!
//! `{"do": "answer", "about": "todos.notes", "choice": "keep for now"}`,
//! `{"do": "answer", "about": "todos.priority", "value": "0"}` (or `"expression"`), `{"do": "apply", "word": "todo/r16"}`,
//! `{"do": "undo"}`, `{"do": "copy", "name": "mine"}`, and so on: see [`Order`].

use serde::Deserialize;
use studio_events::{Choice, Command, Decision, StudioState};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Order {
    /// Answers a question: `about` is the table or column it is about, or its number.
    Answer {
        about: String,
        choice: Option<String>,
        value: Option<String>,
        expression: Option<String>,
    },
    /// Applies the pending migration.
    Apply {
        #[serde(default)]
        word: String,
    },
    Forget,
    Undo,
    Copy {
        name: Option<String>,
    },
    Restore {
        name: String,
    },
    DropCopy {
        name: String,
    },
    ListCopies,
    Reset,
    Seed,
    Rebuild,
    Test {
        pattern: Option<String>,
    },
    Persona {
        name: Option<String>,
    },
    Quit,
}

/// The command of a line, in view of the questions that wait.
///
/// # Errors
/// What is wrong with the line, and what would be right.
pub fn parse(line: &str, state: &StudioState) -> Result<Command, String> {
    let order: Order =
        serde_json::from_str(line).map_err(|error| format!("the order is not understood: {error}"))?;
    Ok(match order {
        Order::Answer { about, choice, value, expression } => {
            let wanted = match (choice, value, expression) {
                (Some(choice), None, None) => Wanted::Option(choice),
                (None, Some(value), None) => Wanted::Other(Choice::Value(value)),
                (None, None, Some(expression)) => Wanted::Other(Choice::Expression(expression)),
                _ => return Err("give one of `choice`, `value` and `expression`".to_owned()),
            };
            answer(&about, wanted, &state.decisions)?
        }
        Order::Apply { word } => Command::Migrate { consent: word, plan: None },
        Order::Forget => Command::ForgetAnswers,
        Order::Undo => Command::UndoMigration,
        Order::Copy { name } => Command::MakeCopy { name },
        Order::Restore { name } => Command::RestoreCopy { name },
        Order::DropCopy { name } => Command::DropCopy { name },
        Order::ListCopies => Command::ListCopies,
        Order::Reset => Command::ResetDatabase,
        Order::Seed => Command::Seed,
        Order::Rebuild => Command::Rebuild,
        Order::Test { pattern } => Command::RunTests(pattern),
        Order::Persona { name } => Command::SetPersona(name),
        Order::Quit => Command::Quit,
    })
}

enum Wanted {
    /// An option by its text or index, or `later`.
    Option(String),
    Other(Choice),
}

fn answer(about: &str, wanted: Wanted, decisions: &[Decision]) -> Result<Command, String> {
    let is_it = |decision: &&Decision| {
        let step = decision.step.as_ref();
        let names = step.into_iter().flat_map(|step| step.old.iter().chain([&step.object]));
        names.into_iter().any(|name| name == about) || decision.id.0.to_string() == about
    };
    let candidates: Vec<&Decision> = decisions.iter().filter(is_it).collect();
    if candidates.is_empty() {
        let known: Vec<&str> =
            decisions.iter().filter_map(|it| Some(it.step.as_ref()?.object.as_str())).collect();
        return Err(match known.as_slice() {
            [] => format!("nothing is asked about `{about}`; no question waits"),
            known => format!("nothing is asked about `{about}`; questions wait about: {}", known.join(", ")),
        });
    }
    let text = match wanted {
        Wanted::Option(text) => text,
        Wanted::Other(choice) => {
            let asked = candidates.iter().find(|decision| decision.options.is_empty());
            let asked = asked.ok_or_else(|| format!("no value is asked for about `{about}`"))?;
            return Ok(Command::Answer(asked.id, choice));
        }
    };
    if text == "later" {
        return Ok(Command::Answer(candidates[0].id, Choice::Defer));
    }
    let found = candidates.iter().find_map(|decision| {
        let by_text = decision.options.iter().position(|option| *option == text);
        let by_index = || text.parse().ok().filter(|index: &usize| *index < decision.options.len());
        Some(Command::Answer(decision.id, Choice::Option(by_text.or_else(by_index)?)))
    });
    found.ok_or_else(|| {
        let options: Vec<&str> =
            candidates.iter().flat_map(|decision| &decision.options).map(String::as_str).collect();
        format!("`{text}` is no answer about `{about}`; choose one of: {}, later", options.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::{DecisionId, DecisionKind, StepQuestion};

    fn state() -> StudioState {
        let decision = |id, options: &[&str], kind, object: &str, old: Option<&str>| Decision {
            id: DecisionId(id),
            question: String::new(),
            options: options.iter().map(|it| (*it).to_owned()).collect(),
            default: 0,
            answer: None,
            refused: None,
            step: Some(StepQuestion {
                step: 0,
                kind,
                object: object.to_owned(),
                old: old.map(str::to_owned),
                candidates: Vec::new(),
                value_type: None,
                rows: None,
                values: None,
                samples: Vec::new(),
            }),
        };
        StudioState {
            decisions: vec![
                decision(1, &["rename", "drop and add"], DecisionKind::Rename, "t.new", Some("t.old")),
                decision(2, &["do it", "keep for now"], DecisionKind::Destructive, "t.old", None),
                decision(3, &[], DecisionKind::Value, "t.size", None),
            ],
            ..StudioState::default()
        }
    }

    #[test]
    fn an_order_finds_its_question() {
        let answer = |line: &str| parse(line, &state());
        let option = |id, index| Ok(Command::Answer(DecisionId(id), Choice::Option(index)));
        assert_eq!(answer(r#"{"do":"answer","about":"t.old","choice":"drop and add"}"#), option(1, 1));
        assert_eq!(answer(r#"{"do":"answer","about":"t.old","choice":"do it"}"#), option(2, 0));
        assert_eq!(answer(r#"{"do":"answer","about":"2","choice":"1"}"#), option(2, 1));
        assert_eq!(
            answer(r#"{"do":"answer","about":"t.size","value":"7"}"#),
            Ok(Command::Answer(DecisionId(3), Choice::Value("7".to_owned())))
        );
        assert_eq!(
            answer(r#"{"do":"apply","word":"todo/r2"}"#),
            Ok(Command::Migrate { consent: "todo/r2".to_owned(), plan: None })
        );
    }

    #[test]
    fn a_wrong_order_says_what_would_be_right() {
        let error = |line: &str| parse(line, &state()).unwrap_err();
        assert!(error("{").starts_with("the order is not understood"));
        assert!(error(r#"{"do":"dance"}"#).contains("unknown variant `dance`"));
        let unknown = error(r#"{"do":"answer","about":"x","choice":"do it"}"#);
        assert_eq!(unknown, "nothing is asked about `x`; questions wait about: t.new, t.old, t.size");
        let wrong = error(r#"{"do":"answer","about":"t.old","choice":"eat"}"#);
        assert!(wrong.ends_with("rename, drop and add, do it, keep for now, later"), "{wrong}");
        assert!(error(r#"{"do":"answer","about":"t.old","value":"7"}"#).starts_with("no value"));
    }
}
