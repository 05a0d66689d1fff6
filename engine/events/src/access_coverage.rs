//! Which access rules, and which conditions of each, the tests saw true and false.

use serde::{Deserialize, Serialize};

/// What a run of tests saw of the access rules of one or more models.
///
/// A condition is a smallest part of a rule that is true or false (`AuthContext.role == "staff"`). It has two
/// points: seen true and seen false. When the rows decide, the database was asked with the condition, and both
/// count as seen. A rule without conditions (`true`) has one point: it was asked at all. Rules that close an
/// operation for everybody cannot be asked and are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessCoverage {
    /// By project, then in the order of the model.
    pub rules: Vec<RuleCoverage>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCoverage {
    /// Name of the project; empty for the one that was opened.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub project: String,
    /// What it protects: `Todo`, `Todo.secret`, `Reports.monthly`.
    pub subject: String,
    /// For what: `query`, `create`, `update`, `delete` or `call`.
    pub operation: String,
    /// The rule as written.
    pub rule: String,
    /// File of the model, from the project.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// How often it let everything through.
    pub allowed: u64,
    /// How often it refused.
    pub denied: u64,
    /// How often the rows decided.
    pub rows: u64,
    /// Its conditions, in the order they are written.
    pub conditions: Vec<ConditionCoverage>,
}

/// One condition of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionCoverage {
    /// As written, such as `AuthContext.role == "staff"`.
    pub text: String,
    /// How often it held.
    pub seen_true: u64,
    /// How often it did not hold.
    pub seen_false: u64,
    /// How often the rows decided.
    pub rows: u64,
}

impl ConditionCoverage {
    /// What no test saw: `true`, `false`, both, or nothing is missing.
    pub fn missing(&self) -> &'static [&'static str] {
        match (self.rows > 0 || self.seen_true > 0, self.rows > 0 || self.seen_false > 0) {
            (true, true) => &[],
            (false, true) => &["true"],
            (true, false) => &["false"],
            (false, false) => &["true", "false"],
        }
    }
}

impl RuleCoverage {
    /// How often it was asked.
    pub fn asked(&self) -> u64 {
        self.allowed + self.denied + self.rows
    }

    /// Points seen, and points there are.
    pub fn points(&self) -> (usize, usize) {
        if self.conditions.is_empty() {
            return (usize::from(self.asked() > 0), 1);
        }
        let missing: usize = self.conditions.iter().map(|condition| condition.missing().len()).sum();
        let all = 2 * self.conditions.len();
        (all - missing, all)
    }
}

impl AccessCoverage {
    /// Points seen, and points there are.
    pub fn points(&self) -> (usize, usize) {
        self.rules.iter().map(RuleCoverage::points).fold((0, 0), |(seen, all), (s, a)| (seen + s, all + a))
    }

    /// Points seen in percent, rounded down; 100 when there is nothing to see.
    pub fn percent(&self) -> usize {
        match self.points() {
            (_, 0) => 100,
            (seen, all) => seen * 100 / all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_percent() {
        let condition = |seen_true, seen_false, rows| ConditionCoverage {
            text: String::new(),
            seen_true,
            seen_false,
            rows,
        };
        let rule = |asked, conditions| RuleCoverage { allowed: asked, conditions, ..RuleCoverage::default() };
        assert_eq!(AccessCoverage::default().percent(), 100);
        let coverage = AccessCoverage {
            rules: vec![
                rule(0, vec![]),
                rule(3, vec![]),
                rule(1, vec![condition(1, 0, 0), condition(0, 0, 1), condition(0, 0, 0)]),
            ],
        };
        assert_eq!(coverage.points(), (1 + 3, 2 + 6));
        assert_eq!(coverage.percent(), 50);
        let missing: Vec<_> = coverage.rules[2].conditions.iter().map(ConditionCoverage::missing).collect();
        assert_eq!(missing, [&["false"][..], &[], &["true", "false"]]);
    }
}
