//! Rows that components review after they were read: shown to them, and taken out of the answer where they say so.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use studio_events::LogLevel;
use studio_hooks::Verdict;
use studio_query::error::RequestError;
use studio_query::plan::ReviewPlan;

use super::{Acting, Scope};
use crate::hooks::{ModuleCalls, authorization};

impl Scope<'_> {
    /// The answer without the rows that components withhold. They are asked once each, about all of their rows.
    pub(super) async fn reviewed(
        &self,
        text: &str,
        plan: &ReviewPlan,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        let mut value: Json = serde_json::from_str(text)
            .map_err(|error| RequestError::internal(format!("the rows are no JSON: {error}")))?;
        let mut items = vec![Vec::new(); size(plan)];
        collect(&mut value, plan, 0, &mut items);
        let mut withheld = vec![BTreeSet::new(); items.len()];
        let mut questions = Vec::with_capacity(items.len());
        flatten(plan, &mut questions);
        for ((question, items), withheld) in questions.into_iter().zip(items).zip(&mut withheld) {
            if items.is_empty() {
                continue;
            }
            let (count, host) = (items.len(), self.asking(acting, depth));
            let mut calls = ModuleCalls::new(&host);
            match authorization::review(
                self.context,
                (self.serving, self.head),
                &question.question,
                items,
                &mut calls,
            )
            .await?
            {
                Verdict::KeepAll => {}
                Verdict::DropAll(failure) => {
                    return Err(authorization::denied(&question.question, &failure));
                }
                Verdict::DropSome(dropped) => {
                    if let Some((_, reason)) = dropped.first()
                        && let Some(bus) = self.context.bus
                    {
                        let (rule, name) = (&question.question.rule, &question.question.type_name);
                        let text = format!(
                            "`{rule}` withheld {} of {count} rows of `{name}`; the first one: {}",
                            dropped.len(),
                            reason.message
                        );
                        bus.log(LogLevel::Debug, "authorization", text);
                    }
                    for (index, _) in dropped {
                        let index = index as usize;
                        if index >= count {
                            return Err(authorization::unusable(
                                &question.question,
                                &format!("item {index} of {count} was withheld"),
                            ));
                        }
                        withheld.insert(index);
                    }
                }
            }
        }
        Ok(keep(value, plan, 0, &withheld).unwrap_or(Json::Null).to_string())
    }
}

/// Reviews of a plan and of everything below it.
fn size(plan: &ReviewPlan) -> usize {
    plan.reviews.len() + plan.below.iter().map(|(_, below)| size(below)).sum::<usize>()
}

/// All reviews; those of the outer objects first, as [`collect`] and [`keep`] number them.
fn flatten<'p>(plan: &'p ReviewPlan, out: &mut Vec<&'p studio_query::plan::Review>) {
    out.extend(&plan.reviews);
    plan.below.iter().for_each(|(_, below)| flatten(below, out));
}

/// Takes out what components see of each object and leaves its number there.
fn collect(value: &mut Json, plan: &ReviewPlan, base: usize, items: &mut [Vec<String>]) {
    match value {
        Json::Array(list) => list.iter_mut().for_each(|item| collect(item, plan, base, items)),
        Json::Object(object) => {
            for (review, items) in plan.reviews.iter().zip(&mut items[base..]) {
                if let Some(shown) = object.get_mut(&review.member) {
                    items.push(shown.to_string());
                    *shown = Json::from(items.len() - 1);
                }
            }
            let mut next = base + plan.reviews.len();
            for (key, below) in &plan.below {
                if let Some(inner) = object.get_mut(key) {
                    collect(inner, below, next, items);
                }
                next += size(below);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// What is left: objects disappear from lists, and are null where there is one.
fn keep(value: Json, plan: &ReviewPlan, base: usize, withheld: &[BTreeSet<usize>]) -> Option<Json> {
    match value {
        Json::Array(list) => {
            let kept = list.into_iter().filter_map(|item| keep(item, plan, base, withheld));
            Some(Json::Array(kept.collect()))
        }
        Json::Object(mut object) => {
            for (review, withheld) in plan.reviews.iter().zip(&withheld[base..]) {
                // An object that nobody could look at is not shown either.
                let number = object.shift_remove(&review.member)?.as_u64()?;
                if withheld.contains(&usize::try_from(number).ok()?) {
                    return None;
                }
            }
            let mut next = base + plan.reviews.len();
            for (key, below) in &plan.below {
                if let Some(inner) = object.get_mut(key) {
                    *inner = keep(inner.take(), below, next, withheld).unwrap_or(Json::Null);
                }
                next += size(below);
            }
            Some(Json::Object(object))
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use studio_query::access::HookQuestion;
    use studio_query::plan::Review;

    use super::*;

    fn review(member: &str) -> Review {
        let question = HookQuestion {
            rule: "r".to_owned(),
            type_name: "T".to_owned(),
            field: None,
            entity: None,
            details: "[]".to_owned(),
        };
        Review { question, member: member.to_owned() }
    }

    #[test]
    fn rows_are_numbered_across_lists_and_disappear_where_they_are_withheld() {
        let below = ReviewPlan { reviews: vec![review("#0")], below: Vec::new() };
        let plan =
            ReviewPlan { reviews: vec![review("#0"), review("#1")], below: vec![("in".to_owned(), below)] };
        let mut value = json!([
            {"a": 1.50, "in": [{"b": 1, "#0": {"x": 1}}, {"b": 2, "#0": {"x": 2}}], "#0": {"k": 1}, "#1": {}},
            {"a": 2, "in": [{"b": 3, "#0": {"x": 3}}], "#0": {"k": 2}, "#1": {}},
            {"a": 3, "in": null, "#0": {"k": 3}, "#1": {}},
        ]);
        let mut items = vec![Vec::new(); size(&plan)];
        collect(&mut value, &plan, 0, &mut items);
        assert_eq!(items[0], ["{\"k\":1}", "{\"k\":2}", "{\"k\":3}"]);
        assert_eq!(items[1].len(), 3);
        assert_eq!(items[2], ["{\"x\":1}", "{\"x\":2}", "{\"x\":3}"]);
        let withheld = [BTreeSet::from([1]), BTreeSet::new(), BTreeSet::from([0])];
        let kept = keep(value, &plan, 0, &withheld).unwrap();
        assert_eq!(kept, json!([{"a": 1.50, "in": [{"b": 2}]}, {"a": 3, "in": null}]));
    }

    #[test]
    fn a_member_of_stored_json_that_is_spelled_alike_is_data() {
        let plan = ReviewPlan { reviews: vec![review("#0")], below: Vec::new() };
        let mut value = json!({"data": {"#0": {"mine": true}}, "#0": {"k": 1}});
        let mut items = vec![Vec::new()];
        collect(&mut value, &plan, 0, &mut items);
        assert_eq!(items[0], ["{\"k\":1}"]);
        assert_eq!(
            keep(value, &plan, 0, &[BTreeSet::new()]).unwrap(),
            json!({"data": {"#0": {"mine": true}}})
        );
    }

    #[test]
    fn a_single_row_that_is_withheld_is_null_and_one_that_was_not_shown_is_withheld() {
        let plan = ReviewPlan { reviews: vec![review("#0")], below: Vec::new() };
        assert_eq!(keep(json!({"a": 1, "#0": 0}), &plan, 0, &[BTreeSet::from([0])]), None);
        assert_eq!(keep(json!({"a": 1}), &plan, 0, &[BTreeSet::new()]), None);
    }
}
