//! From key presses to actions. The defaults come from the table; a file may rebind actions by name.

use crate::action::{Action, ActionInfo, Key, Scope, actions};

/// Bindings of one session.
#[derive(Debug, Clone)]
pub(crate) struct Keymap {
    bindings: Vec<Binding>,
}

#[derive(Debug, Clone)]
struct Binding {
    scope: Scope,
    keys: Vec<Key>,
    action: Action,
}

/// What a sequence of keys means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// An action.
    Found(Action),
    /// The start of longer sequences: the next keys and their actions.
    Prefix(Vec<(Key, Action)>),
    /// Nothing.
    Unbound,
}

impl Default for Keymap {
    fn default() -> Self {
        let mut bindings = Vec::new();
        for row in actions() {
            bind(&mut bindings, row, row.keys.split_whitespace());
        }
        Self { bindings }
    }
}

fn bind<'a>(bindings: &mut Vec<Binding>, row: &ActionInfo, keys: impl Iterator<Item = &'a str>) {
    for text in keys {
        if let Some(keys) = Key::parse_sequence(text) {
            bindings.push(Binding { scope: row.scope, keys, action: row.action });
        }
    }
}

/// The keys of one scope are looked up before those of a later one.
fn rank(scope: Scope) -> u8 {
    match scope {
        Scope::Review => 0,
        Scope::Pane(_) => 1,
        Scope::List => 2,
        Scope::Engine => 3,
        Scope::Anywhere => 4,
    }
}

/// Two scopes that may be active together and must not share a key. The review is a screen of its own that may
/// take keys of panes and of `Anywhere`.
fn overlap(left: Scope, right: Scope) -> bool {
    match (left, right) {
        (Scope::Review, other) | (other, Scope::Review) => other == Scope::Review,
        (Scope::Pane(left), Scope::Pane(right)) => left == right,
        _ => true,
    }
}

impl Keymap {
    /// Applies a key map file: lines of `action.name = key key`, `#` starts a comment. Returns what is wrong
    /// with it, one message per line with its 1-based line number; wrong lines are left out.
    pub(crate) fn rebind(&mut self, text: &str) -> Vec<(u32, String)> {
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split_once(" #").map_or(line, |(line, _)| line).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(message) = self.rebind_line(line) {
                problems.push((number, message));
            }
        }
        problems
    }

    fn rebind_line(&mut self, line: &str) -> Result<(), String> {
        let (name, keys) =
            line.split_once('=').ok_or_else(|| format!("expected `action = keys`, found `{line}`"))?;
        let name = name.trim();
        let row = actions().iter().find(|row| row.name == name).ok_or_else(|| match nearest(name) {
            Some(near) => format!("no action is named `{name}`; did you mean `{near}`?"),
            None => format!("no action is named `{name}`"),
        })?;
        let mut fresh = Vec::new();
        for text in keys.split_whitespace() {
            let keys = Key::parse_sequence(text).ok_or_else(|| {
                format!("`{text}` is not a key: write x, Ctrl-x, Enter, Space, F1 or two letters such as gg")
            })?;
            let binding = Binding { scope: row.scope, keys, action: row.action };
            if let Some(other) = self.conflict(&binding) {
                return Err(format!(
                    "`{text}` of `{name}` is taken by `{}`",
                    crate::action::info(other).name
                ));
            }
            fresh.push(binding);
        }
        self.bindings.retain(|binding| binding.action != row.action);
        self.bindings.extend(fresh);
        Ok(())
    }

    fn conflict(&self, new: &Binding) -> Option<Action> {
        let clash = |old: &&Binding| {
            old.action != new.action
                && overlap(old.scope, new.scope)
                && (old.keys.starts_with(&new.keys) || new.keys.starts_with(&old.keys))
        };
        self.bindings.iter().find(clash).map(|old| old.action)
    }

    /// All pairs of actions that fight for a key.
    #[cfg(test)]
    pub(crate) fn conflicts(&self) -> Vec<(Action, Action)> {
        self.bindings.iter().filter_map(|one| self.conflict(one).map(|other| (one.action, other))).collect()
    }

    /// What `keys` mean while the scopes for which `active` holds are active.
    pub(crate) fn lookup(&self, keys: &[Key], active: impl Fn(Scope) -> bool) -> Lookup {
        let mut found: Option<&Binding> = None;
        let mut next = Vec::new();
        for binding in self.bindings.iter().filter(|binding| active(binding.scope)) {
            if binding.keys == keys {
                if found.is_none_or(|old| rank(binding.scope) < rank(old.scope)) {
                    found = Some(binding);
                }
            } else if let Some(key) = binding.keys.strip_prefix(keys).and_then(<[Key]>::first) {
                next.push((*key, binding.action));
            }
        }
        match found {
            Some(binding) => Lookup::Found(binding.action),
            None if next.is_empty() => Lookup::Unbound,
            None => Lookup::Prefix(next),
        }
    }

    /// The first key sequence of an action as text; empty without one.
    pub(crate) fn shown(&self, action: Action) -> String {
        self.bindings.iter().find(|binding| binding.action == action).map(sequence).unwrap_or_default()
    }

    /// All key sequences of an action as text.
    pub(crate) fn all_shown(&self, action: Action) -> String {
        let of_action = self.bindings.iter().filter(|binding| binding.action == action);
        of_action.map(sequence).collect::<Vec<_>>().join(" ")
    }
}

/// The name of an action that somebody who wrote `name` may have meant.
fn nearest(name: &str) -> Option<&'static str> {
    let names = actions().iter().map(|row| (distance(name, row.name), row.name));
    let (distance, near) = names.min()?;
    (distance * 3 <= name.chars().count().max(3)).then_some(near)
}

/// How many letters must be changed, put in or taken out to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, c) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in right.iter().enumerate() {
            let change = diagonal + usize::from(c != *other);
            diagonal = row[column + 1];
            row[column + 1] = change.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn sequence(binding: &Binding) -> String {
    binding.keys.iter().map(Key::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anywhere_or(pane: Scope) -> impl Fn(Scope) -> bool {
        move |scope| scope == pane || matches!(scope, Scope::Anywhere | Scope::Engine | Scope::List)
    }

    #[test]
    fn the_default_keys_do_not_fight() {
        assert_eq!(Keymap::default().conflicts(), []);
    }

    #[test]
    fn sequences_wait_for_their_end() {
        let keymap = Keymap::default();
        let active = anywhere_or(Scope::Pane(crate::Pane::Traces));
        let key = |text| Key::parse(text).unwrap();
        assert_eq!(keymap.lookup(&[key("x")], &active), Lookup::Found(Action::TracePlan));
        assert!(matches!(keymap.lookup(&[key("y")], &active), Lookup::Prefix(next) if next.len() == 4));
        assert_eq!(keymap.lookup(&[key("y"), key("s")], &active), Lookup::Found(Action::CopySql));
        assert_eq!(keymap.lookup(&[key("y"), key("k")], &active), Lookup::Unbound);
        assert_eq!(keymap.lookup(&[key("k")], &active), Lookup::Found(Action::Up));
    }

    #[test]
    fn a_file_rebinds_by_name_and_reports_what_is_wrong() {
        let mut keymap = Keymap::default();
        let problems = keymap
            .rebind("# mine\ntrace.plan = P\nquit = Q\nnope = x\nzoom\nrebuild = o # taken\nhelp = Foo");
        let lines: Vec<_> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [4, 5, 6, 7]);
        assert_eq!(problems[2].1, "`o` of `rebuild` is taken by `graphiql`");
        assert_eq!(problems[0].1, "no action is named `nope`");
        assert_eq!(
            Keymap::default().rebind("trace.plam = P")[0].1,
            "no action is named `trace.plam`; did you mean `trace.plan`?"
        );
        assert!(problems[3].1.starts_with("`Foo` is not a key: write"), "{}", problems[3].1);
        assert_eq!(keymap.shown(Action::TracePlan), "P");
        assert_eq!(keymap.shown(Action::Quit), "Q");
        assert_eq!(keymap.shown(Action::Rebuild), "R");
        assert_eq!(keymap.all_shown(Action::Palette), ": Ctrl-p");
    }
}
