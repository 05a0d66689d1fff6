//! Access coverage as text: which rules and conditions the tests did not see true or false.

use std::fmt::Write as _;

use studio_events::{AccessCoverage, ConditionCoverage, RuleCoverage};

/// One line: points and percent.
pub(super) fn summary(coverage: &AccessCoverage) -> String {
    let (seen, all) = coverage.points();
    let unseen = coverage.rules.iter().filter(|rule| rule.points().0 < rule.points().1).count();
    let rest = match unseen {
        0 => String::new(),
        1 => ", 1 rule not fully seen".to_owned(),
        count => format!(", {count} rules not fully seen"),
    };
    format!("access coverage: {seen} of {all} points, {} %{rest}", coverage.percent())
}

/// Every rule that was not fully seen (or every rule, when `all`), with its conditions.
pub(super) fn table(coverage: &AccessCoverage, all: bool, out: &mut String) {
    let mut project = "";
    for rule in &coverage.rules {
        let (seen, points) = rule.points();
        if seen == points && !all {
            continue;
        }
        if rule.project != project {
            project = &rule.project;
            let _ = writeln!(out, "  {project}");
        }
        let place = format!("{}:{}", rule.file, rule.line);
        let _ =
            writeln!(out, "  {} {}  {}  {seen}/{points}  {place}", rule.subject, rule.operation, rule.rule);
        if rule.conditions.is_empty() {
            let _ = writeln!(out, "    {}", asked(rule));
        }
        for condition in &rule.conditions {
            let _ = writeln!(out, "    {:<44} {}", condition.text, seen_as(condition));
        }
    }
}

fn asked(rule: &RuleCoverage) -> String {
    match rule.asked() {
        0 => "never asked".to_owned(),
        1 => "asked once".to_owned(),
        count => format!("asked {count} times"),
    }
}

fn seen_as(condition: &ConditionCoverage) -> String {
    let mut parts = Vec::new();
    for (word, count) in [("true", condition.seen_true), ("false", condition.seen_false)] {
        if count > 0 {
            parts.push(format!("{word} {count}×"));
        }
    }
    if condition.rows > 0 {
        parts.push(format!("left to SQL {}×", condition.rows));
    }
    let missing = condition.missing();
    match missing {
        ["true", "false"] => parts.push("never asked".to_owned()),
        [] => {}
        missing => parts.push(format!("never {}", missing.join(" or "))),
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_listed() {
        let condition = |text: &str, seen_true, seen_false, rows| ConditionCoverage {
            text: text.to_owned(),
            seen_true,
            seen_false,
            rows,
        };
        let rule = |operation: &str, allowed, conditions| RuleCoverage {
            subject: "Book".to_owned(),
            operation: operation.to_owned(),
            rule: "…".to_owned(),
            file: "src/index.exo".to_owned(),
            line: 7,
            allowed,
            conditions,
            ..RuleCoverage::default()
        };
        let coverage = AccessCoverage {
            rules: vec![
                rule("query", 2, vec![condition("self.published", 0, 0, 4)]),
                rule("create", 2, vec![condition("C.role == \"staff\"", 2, 0, 0), condition("C.x", 0, 0, 0)]),
                rule("delete", 0, vec![]),
            ],
        };
        assert_eq!(summary(&coverage), "access coverage: 3 of 7 points, 42 %, 2 rules not fully seen");
        let mut text = String::new();
        table(&coverage, false, &mut text);
        assert_eq!(
            text,
            "  Book create  …  1/4  src/index.exo:7\n    \
             C.role == \"staff\"                            true 2×, never false\n    \
             C.x                                          never asked\n  \
             Book delete  …  0/1  src/index.exo:7\n    never asked\n"
        );
        let mut text = String::new();
        table(&coverage, true, &mut text);
        assert!(text.contains("self.published                               left to SQL 4×\n"), "{text}");
    }
}
