//! The schema of random models, derived once more: straight from the tables of graphql-and-sql part 1, without the
//! engine's own types, and compared with the printed schema byte for byte.

mod member;
mod model;
mod roots;
mod text;
mod types;

use std::collections::BTreeMap;

use studio_model::SourceSet;
use studio_model::graphql::sdl;

use self::member::{Definition, Member, description, printed};
use self::model::Model;
use self::types::Derivation;
use super::schema_of;

/// 1.11: what is reachable, in byte order, then the roots.
fn derived(model: &Model) -> String {
    let derivation = Derivation::new(model);
    let (mut query, mut mutation) = (BTreeMap::new(), BTreeMap::new());
    for ty in &model.types {
        if ty.access.read {
            roots::queries(&derivation, ty, &mut query);
        }
        roots::mutations(&derivation, ty, &mut mutation);
    }
    let roots = [("Query", query), ("Mutation", mutation)].map(|(name, members)| {
        (name, Definition { keyword: "type", docs: None, members: members.into_values().collect() })
    });
    let mut reached = BTreeMap::new();
    let mut todo: Vec<&Member> = roots.iter().flat_map(|(_, definition)| &definition.members).collect();
    while let Some(member) = todo.pop() {
        todo.extend(&member.arguments);
        let name = member.ty.trim_matches(['[', ']', '!']);
        if let Some(definition) = derivation.types.get(name)
            && reached.insert(name, definition).is_none()
        {
            todo.extend(&definition.members);
        }
    }
    let mut texts = Vec::new();
    let filled = || roots.iter().filter(|(_, definition)| !definition.members.is_empty());
    if let Some(docs) = &model.docs {
        let lines: Vec<String> =
            filled().map(|(name, _)| format!("  {}: {name}", name.to_lowercase())).collect();
        texts.push(format!("{}schema {{\n{}\n}}", description(docs, ""), lines.join("\n")));
    }
    texts.extend(
        reached
            .iter()
            .filter(|(name, _)| !["Int", "Float", "String", "Boolean"].contains(name))
            .map(|(name, definition)| printed(name, definition)),
    );
    texts.extend(filled().map(|(name, definition)| printed(name, definition)));
    texts.join("\n\n")
}

#[test]
fn random_models() {
    for seed in 1..=150 {
        let model = model::model(seed);
        let text = text::text(&model);
        let (found, expected) = (sdl(&schema_of(&SourceSet::from_root(&text))), derived(&model));
        let differences: Vec<(&str, &str)> = expected
            .lines()
            .zip(found.lines())
            .filter(|(expected, found)| expected != found)
            .take(5)
            .collect();
        assert!(found == expected, "seed {seed}: {differences:#?}\n{text}");
    }
}
