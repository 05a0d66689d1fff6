//! What dominates a plan, and which index of the model would help.

use serde_json::Value as Json;
use studio_model::ir::{Entity, Field, FieldId, Ir};

/// Cheaper scans are not worth an index (in the planner's units: pages read one after the other).
const CHEAP: f64 = 50.0;
/// A part that takes this share of the whole cost dominates it.
const DOMINANT: f64 = 0.3;

/// Hints about a plan in the form of `EXPLAIN (FORMAT JSON)`; the costliest part first, one per table.
pub(super) fn hints(plan: &Json, ir: &Ir) -> Vec<String> {
    let Some(root) = plan.get(0).and_then(|first| first.get("Plan")) else { return Vec::new() };
    let mut walk = Walk { total: number(root, "Total Cost"), found: Vec::new() };
    walk.node(root, 1.0, None);
    walk.found.sort_by(|left, right| right.cost.total_cmp(&left.cost));
    let mut tables = Vec::new();
    let mut out = Vec::new();
    for scan in walk.found {
        if !tables.contains(&scan.table) {
            tables.push(scan.table);
            out.push(hint(&scan, walk.total, ir));
        }
    }
    out
}

struct Walk<'p> {
    total: f64,
    found: Vec<Scan<'p>>,
}

/// A sequential scan that dominates.
struct Scan<'p> {
    schema: Option<&'p str>,
    table: &'p str,
    /// How often it is expected to run.
    loops: f64,
    /// Of all its runs.
    cost: f64,
    /// The condition it checks on every row.
    filter: &'p str,
    /// What its rows are sorted by, where only some of them are wanted.
    sort: Option<&'p str>,
}

impl<'p> Walk<'p> {
    fn node(&mut self, node: &'p Json, loops: f64, sort: Option<&'p str>) {
        let kind = text(node, "Node Type").unwrap_or_default();
        let cost = number(node, "Total Cost") * loops;
        if kind == "Seq Scan" && cost >= CHEAP && cost >= self.total * DOMINANT {
            self.found.push(Scan {
                schema: text(node, "Schema"),
                table: text(node, "Relation Name").unwrap_or_default(),
                loops,
                cost,
                filter: text(node, "Filter").unwrap_or_default(),
                sort,
            });
        }
        let children = node.get("Plans").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let rows_of = |relation: &str| {
            let child = children.iter().find(|child| text(child, "Parent Relationship") == Some(relation));
            child.map(|child| number(child, "Plan Rows").max(1.0))
        };
        let sort = match kind {
            "Sort" | "Incremental Sort" => {
                node.get("Sort Key").and_then(|keys| keys.get(0)).and_then(Json::as_str)
            }
            "Limit" | "Subquery Scan" | "Result" => sort,
            _ => None,
        };
        for child in children {
            let times = match text(child, "Parent Relationship") {
                // An aggregate evaluates it for the rows it takes in, everybody else for those it gives out.
                Some("SubPlan") => match (kind, rows_of("Outer")) {
                    ("Aggregate", Some(rows)) => rows,
                    _ => number(node, "Plan Rows").max(1.0),
                },
                Some("Inner") if kind == "Nested Loop" => rows_of("Outer").unwrap_or(1.0),
                _ => 1.0,
            };
            self.node(child, loops * times, sort);
        }
    }
}

fn hint(scan: &Scan<'_>, total: f64, ir: &Ir) -> String {
    // Subplans may be counted for more rows than the planner expects of their parent.
    let share = (scan.cost / total.max(1.0) * 100.0).min(100.0);
    let mut out = format!("a sequential scan of {} takes {share:.0} % of the cost", scan.table);
    if scan.loops >= 2.0 {
        out.push_str(&format!(", once for each of {:.0} rows", scan.loops));
    }
    let entity = ir.entities.values().find(|entity| {
        let schema = scan.schema.filter(|schema| *schema != "public");
        entity.table.name == scan.table && (scan.schema.is_none() || entity.table.schema.as_deref() == schema)
    });
    let Some(entity) = entity else { return out };
    match helpful(entity, scan) {
        Some(field) => {
            let (owner, name) = (&entity.name, &field.name);
            let origin = &field.origin;
            out.push_str(&format!(
                "; `@index` on `{owner}.{name}` ({}:{}) would help",
                origin.file, origin.line
            ));
        }
        None if scan.filter.is_empty() => out.push_str("; it reads every row because nothing limits them"),
        None => out.push_str("; no single index of a field would help"),
    }
    out
}

/// The field whose index would find the rows: one that is compared for equality, else one that is compared, else the
/// first sort key. Fields with an index already are no help.
fn helpful<'e>(entity: &'e Entity, scan: &Scan<'_>) -> Option<&'e Field> {
    let indexed = |id: FieldId| {
        entity.primary_key.first() == Some(&id)
            || entity.indexes.iter().any(|index| index.fields.first() == Some(&id))
            || entity.uniques.iter().any(|unique| unique.fields.first() == Some(&id))
    };
    let candidates = |text: &str, operators: &[&str]| {
        entity.fields.iter().find_map(|(id, field)| {
            let column = &entity.columns[*field.columns.first()?].name;
            let compared = operators.iter().any(|operator| mentions(text, column, operator));
            (compared && !indexed(id)).then_some(field)
        })
    };
    // A disjunction needs an index for each of its sides.
    if !scan.filter.contains(" OR ") {
        let found = candidates(scan.filter, &[" = "])
            .or_else(|| candidates(scan.filter, &[" < ", " <= ", " > ", " >= "]));
        if found.is_some() {
            return found;
        }
    }
    scan.sort.filter(|_| scan.filter.is_empty()).and_then(|key| {
        let key = key.trim_end_matches(" DESC");
        let name = key.rsplit('.').next()?.trim_matches('"');
        entity.fields.iter().find_map(|(id, field)| {
            let column = &entity.columns[*field.columns.first()?].name;
            (column == name && !indexed(id)).then_some(field)
        })
    })
}

/// Whether a condition compares this column by this operator. Postgres writes columns bare, qualified, quoted where
/// needed, and with a cast in parentheses: `(genre)::text = 'novel'::text`.
fn mentions(condition: &str, column: &str, operator: &str) -> bool {
    condition.match_indices(column).any(|(at, _)| {
        let (before, after) = (&condition[..at], &condition[at + column.len()..]);
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        if before.ends_with(part_of_word) || after.starts_with(part_of_word) {
            return false;
        }
        let after = after.trim_start_matches(['"', ')']);
        let after =
            after.strip_prefix("::").map_or(after, |cast| cast.find(' ').map_or("", |end| &cast[end..]));
        let mut start = at;
        // Back over `"`, `(` and a qualifier.
        while let Some(last) = condition[..start].chars().next_back() {
            if !(part_of_word(last) || matches!(last, '"' | '.' | '(' | '$')) {
                break;
            }
            start -= last.len_utf8();
        }
        after.starts_with(operator) || condition[..start].ends_with(operator)
    })
}

fn text<'p>(node: &'p Json, key: &str) -> Option<&'p str> {
    node.get(key).and_then(Json::as_str)
}

fn number(node: &Json, key: &str) -> f64 {
    node.get(key).and_then(Json::as_f64).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_where_they_are_compared() {
        let equal = |condition, column| mentions(condition, column, " = ");
        assert!(equal("(author_id = 3)", "author_id"));
        assert!(equal("(books.author_id = a.id)", "author_id"));
        assert!(equal("((genre)::text = 'novel'::text)", "genre"));
        assert!(equal("(\"Genre\" = $1)", "Genre"));
        assert!(equal("(a.id = books.author_id)", "author_id"));
        assert!(!equal("(co_author_id = 3)", "author_id"));
        assert!(!equal("(price >= 3)", "price"));
        assert!(mentions("((price >= '3'::numeric) AND (a = 1))", "price", " >= "));
    }
}
