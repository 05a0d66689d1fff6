//! The manual page of the keys, generated from the action table.

use crate::action::{Keymap, actions};
use crate::overlay::scopes;

/// The whole manual: screens captured from real sessions, and the tables of [`keys`].
pub const PAGE: &str = include_str!("../MANUAL.md");

/// All actions with their default keys as Markdown.
pub fn keys() -> String {
    let keymap = Keymap::default();
    let mut text = String::from("# Keys\n\nA key map file rebinds actions by name: `trace.plan = P`.\n");
    for scope in scopes() {
        text.push_str(&format!("\n## {}\n\n| key | action | name |\n|---|---|---|\n", scope.title()));
        for row in actions().iter().filter(|row| row.scope == scope) {
            let keys = keymap.all_shown(row.action);
            let keys = keys.split(' ').filter(|key| !key.is_empty()).map(|key| format!("`{key}`"));
            let keys = keys.collect::<Vec<_>>().join(" ");
            text.push_str(&format!("| {keys} | {} | `{}` |\n", row.help, row.name));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_holds_the_tables_as_they_are_now() {
        let tables = keys();
        assert!(PAGE.ends_with(&tables), "run the ignored test `manual::capture` of the package exo-studio");
        for size in [120, 80] {
            let captures = PAGE.split("```text\n").skip(1).filter_map(|part| part.split("\n```").next());
            let fits = |capture: &&str| capture.lines().all(|line| crate::text::width(line) <= size);
            assert!(captures.filter(fits).count() >= 12, "captures at {size} columns");
        }
        // Every screen at both sizes: 36 rows at most, then 24 at most.
        let captures = PAGE.split("\n# Keys\n").next().unwrap_or_default();
        for screen in captures.split("\n## ").skip(1) {
            let title = screen.lines().next().unwrap_or_default();
            let shots: Vec<&str> =
                screen.split("```text\n").skip(1).filter_map(|part| part.split("\n```").next()).collect();
            assert_eq!(shots.len(), 2, "captures of {title}");
            for (shot, (width, height)) in shots.iter().zip([(120, 36), (80, 24)]) {
                let widest = shot.lines().map(crate::text::width).max().unwrap_or(0);
                assert!(widest <= width && shot.lines().count() <= height, "{title} at {width}×{height}");
            }
        }
        for title in ["Personas", "A failed service", "Start here", "Migration review", "Another studio"] {
            assert!(PAGE.contains(&format!("\n## {title}\n")), "{title}");
        }
    }

    #[test]
    fn the_manual_names_every_action_once() {
        let text = keys();
        for row in actions() {
            assert_eq!(text.matches(&format!("| `{}` |\n", row.name)).count(), 1, "{}", row.name);
        }
    }
}
