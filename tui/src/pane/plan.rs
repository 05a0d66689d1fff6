//! The text of EXPLAIN as a tree: what each node cost, where most of the time went.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::text::{clean, cut, left, line, right, width};
use crate::theme::Theme;

/// One node of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
struct Node {
    /// Nesting; the root has 0.
    depth: usize,
    /// Its words, without numbers.
    name: String,
    /// Rows the planner expected.
    estimated: Option<f64>,
    /// Rows per loop, loops, and milliseconds of all loops together; with ANALYZE only.
    actual: Option<(f64, f64, f64)>,
    /// Conditions, buffers and the like.
    notes: Vec<String>,
    /// Milliseconds without the nodes below; with ANALYZE only.
    own: f64,
}

/// A plan as read.
#[derive(Debug, Default, PartialEq)]
struct Plan {
    nodes: Vec<Node>,
    /// Lines after the tree: planning time and so on.
    rest: Vec<String>,
}

/// The number after `key` in `text`.
fn number(text: &str, key: &str) -> Option<f64> {
    let (_, rest) = text.split_once(key)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

impl Node {
    fn read(depth: usize, text: &str) -> Self {
        let name = text.split("  (").next().unwrap_or(text).trim().to_owned();
        let costs = text.split_once("(cost=").map(|(_, rest)| rest);
        let estimated = costs.and_then(|costs| number(costs, "rows="));
        let actual = text.split_once("(actual ").and_then(|(_, rest)| {
            let end = rest.split_once("..").and_then(|(_, end)| number(&format!("={end}"), "="));
            let loops = number(rest, "loops=")?;
            Some((number(rest, "rows=")?, loops, end.unwrap_or(0.0) * loops))
        });
        Self { depth, name, estimated, actual, ..Self::default() }
    }

    fn is_scan_of_all(&self) -> bool {
        self.name.contains("Seq Scan")
    }
}

/// Reads the text format of EXPLAIN; what is no node belongs to the node above it.
fn read(lines: &[&str]) -> Plan {
    let mut plan = Plan::default();
    // Indentation of the nodes on the way down to the current one.
    let mut path: Vec<usize> = Vec::new();
    for text in lines {
        let trimmed = text.trim_start();
        let indent = text.len() - trimmed.len();
        if trimmed.is_empty() {
            continue;
        }
        let arrow = trimmed.strip_prefix("->  ").or_else(|| trimmed.strip_prefix("-> "));
        let is_root = plan.nodes.is_empty() && trimmed.contains("(cost=");
        if let Some(words) = arrow.or(is_root.then_some(trimmed)) {
            while path.last().is_some_and(|above| *above >= indent) && !is_root {
                path.pop();
            }
            plan.nodes.push(Node::read(path.len(), words));
            path.push(indent);
        } else if indent == 0 || plan.nodes.is_empty() {
            plan.rest.push(trimmed.to_owned());
        } else if let Some(node) = plan.nodes.last_mut() {
            node.notes.push(trimmed.to_owned());
        }
    }
    let below: Vec<f64> = (0..plan.nodes.len()).map(|at| children_time(&plan.nodes, at)).collect();
    for (node, below) in plan.nodes.iter_mut().zip(below) {
        node.own = node.actual.map_or(0.0, |(_, _, time)| (time - below).max(0.0));
    }
    plan
}

/// Milliseconds of the nodes right below the one at `at`.
fn children_time(nodes: &[Node], at: usize) -> f64 {
    let Some(node) = nodes.get(at) else { return 0.0 };
    let below = nodes.iter().skip(at + 1).take_while(|other| other.depth > node.depth);
    below.filter(|other| other.depth == node.depth + 1).filter_map(|other| other.actual).map(|it| it.2).sum()
}

fn count(number: f64) -> String {
    if number.fract().abs() < 0.005 { format!("{number:.0}") } else { format!("{number:.1}") }
}

/// The lines of a plan for a text of this width.
pub(super) fn lines(theme: Theme, text: &[&str], columns: usize) -> Vec<Line<'static>> {
    let plan = read(text);
    if plan.nodes.is_empty() {
        return text.iter().map(|text| plain_line(theme, text)).collect();
    }
    let whole = plan.nodes.first().and_then(|root| root.actual).map_or(0.0, |(_, _, time)| time);
    let slowest = plan.nodes.iter().map(|node| node.own).fold(0.0, f64::max);
    // Numbers stand in three columns on the right where there is room for the words beside them.
    let numbers = if columns >= 64 { 34 } else { 0 };
    let room = columns.saturating_sub(numbers + 2);
    let mut lines = Vec::new();
    for node in &plan.nodes {
        let tree =
            if node.depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(node.depth - 1)) };
        let share = if whole > 0.0 { node.own * 100.0 / whole } else { 0.0 };
        let hot = node.own > 0.0 && (node.own - slowest).abs() < f64::EPSILON && share >= 40.0;
        let style = if node.is_scan_of_all() { theme.warning() } else { Style::new() };
        let mut parts = vec![(format!(" {tree}"), theme.dim())];
        let name = if numbers > 0 {
            left(&node.name, room.saturating_sub(width(&tree)))
        } else {
            cut(&node.name, room.saturating_sub(width(&tree)))
        };
        parts.push((name, style));
        if numbers > 0 {
            let (rows, time) = match node.actual {
                Some((rows, loops, time)) if loops > 1.0 => {
                    (format!("loops {}", count(loops)), Some((rows, time)))
                }
                Some((rows, _, time)) => (format!("rows {}", count(rows)), Some((rows, time))),
                None => (format!("est. {}", node.estimated.map(count).unwrap_or_default()), None),
            };
            parts.push((format!(" {}", right(&rows, 12)), Style::new()));
            if let Some((rows, time)) = time {
                parts.push((format!(" {}", right(&format!("{time:.2} ms"), 10)), theme.bold()));
                let off = node.estimated.filter(|estimated| {
                    let (more, less) = (estimated.max(rows).max(1.0), estimated.min(rows).max(1.0));
                    more / less >= 3.0
                });
                if hot {
                    parts.push((format!(" ▲ {share:.0} %"), theme.warning()));
                } else if let Some(estimated) = off {
                    parts.push((format!(" est. {}", count(estimated)), theme.dim()));
                }
            }
        }
        lines.push(line(parts));
        let indent = " ".repeat(node.depth * 2 + 3);
        for note in &node.notes {
            lines.push(line([(format!("{indent}{}", clean(note)), theme.dim())]));
        }
    }
    lines.extend(plan.rest.iter().map(|text| plain_line(theme, text)));
    lines
}

/// A line that is no node: failures and hints stand out.
fn plain_line(theme: Theme, text: &str) -> Line<'static> {
    let lower = text.trim_start().to_lowercase();
    let style = if lower.starts_with("error") {
        theme.error()
    } else if lower.starts_with("hint") || text.contains("Seq Scan") {
        theme.warning()
    } else {
        theme.dim()
    };
    line([(format!(" {}", clean(text)), style)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANALYZED: &[&str] = &[
        "Aggregate  (cost=8.31..8.32 rows=1 width=32) (actual time=2.310..2.310 rows=1.00 loops=1)",
        "  Buffers: shared hit=3",
        "  ->  Index Scan using todos_owner on todos t0  (cost=0.15..8.17 rows=40 width=8) (actual time=0.010..0.060 rows=37.00 loops=1)",
        "        Index Cond: (owner_id = 7)",
        "        SubPlan 1",
        "          ->  Seq Scan on users u0  (cost=0.15..8.17 rows=1 width=8) (actual time=0.050..0.053 rows=1.00 loops=37)",
        "Planning Time: 0.120 ms",
        "Execution Time: 2.400 ms",
    ];

    #[test]
    fn a_plan_is_read_as_a_tree_with_own_times() {
        let plan = read(ANALYZED);
        let shape: Vec<_> = plan.nodes.iter().map(|node| (node.depth, node.name.as_str())).collect();
        assert_eq!(
            shape,
            [(0, "Aggregate"), (1, "Index Scan using todos_owner on todos t0"), (2, "Seq Scan on users u0")]
        );
        assert_eq!(plan.nodes[1].notes, ["Index Cond: (owner_id = 7)", "SubPlan 1"]);
        assert_eq!(plan.nodes[2].actual.map(|it| it.1), Some(37.0));
        assert!((plan.nodes[0].own - 2.25).abs() < 0.001, "{}", plan.nodes[0].own);
        assert!(plan.nodes[1].own < 0.001, "the subplan took longer than its parent says");
        assert_eq!(plan.rest.len(), 2);
    }

    #[test]
    fn numbers_stand_in_columns_and_narrow_plans_keep_their_words() {
        let text = |columns| {
            let lines = lines(Theme::default(), ANALYZED, columns);
            lines.iter().map(|line| line.to_string()).collect::<Vec<_>>()
        };
        let wide = text(100);
        assert!(wide[0].contains("rows 1") && wide[0].contains("2.31 ms ▲ 97 %"), "{wide:?}");
        assert!(wide[4].trim_start().starts_with("SubPlan 1"), "{wide:?}");
        assert!(wide[5].contains("└ Seq Scan on users u0") && wide[5].contains("loops 37"), "{wide:?}");
        assert!(text(40)[2].contains("└ Index Scan"), "{:?}", text(40));
        assert_eq!(lines(Theme::default(), &["ERROR: no such table"], 40).len(), 1);
    }
}
