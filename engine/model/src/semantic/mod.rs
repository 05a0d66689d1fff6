//! From syntax trees to meaning: names, types, relations, rules. Checking never fails; it returns what it
//! understood and the problems it met. The passes run in order, each over everything:
//! names → annotations → members → contexts → relations → tables → rules → projections → code modules.

pub(crate) mod access;
pub mod annotation;
pub(crate) mod code;
pub(crate) mod column;
pub(crate) mod context;
pub(crate) mod default;
pub(crate) mod entity;
pub(crate) mod json;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod member;
pub(crate) mod names;
pub(crate) mod path;
pub(crate) mod plural;
pub(crate) mod projection;
pub(crate) mod relation;
pub(crate) mod rule;
pub mod suggest;
pub(crate) mod ty;
pub(crate) mod value;

use rustc_hash::FxHashSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::ir::Ir;
use crate::ir::lower::{Parts, assemble};
use crate::source::{FileTable, SourceSet, Span};
use names::ProgramFile;

/// Checks a parsed program and lowers it.
pub(crate) fn check(
    program: &[ProgramFile],
    files: &FileTable,
    sources: &SourceSet,
    out: &mut Vec<Diagnostic>,
) -> Ir {
    let names = names::register(program, out);
    annotation::check(&names, out);
    let members = member::collect(&names, out);
    let contexts = context::lower(&names, &members, out);
    let kinds = relation::classify(&names, &members, out);
    let mut tables = entity::build(&names, &members, &kinds, files, out);
    let access = access::lower(&names, &members, &kinds, &mut tables, files, out);
    let projections = projection::lower(&names, &members, &kinds, out);
    let json_types = json::lower(&names, &members, files, out);
    let (modules, code_types) = code::lower(&names, &members, &kinds, files, sources, out);
    code::warn_shared_operations(&names, &tables, out);
    let docs = program.first().and_then(|file| file.ast.docs.clone());
    assemble(
        &names,
        files,
        Parts { docs, modules, contexts, json_types, tables, access, projections, code_types },
    )
}

/// Names that a damaged declaration may have taken along.
fn may_follow_from_damage(code: Code) -> bool {
    matches!(
        code,
        Code::E0030
            | Code::E0033
            | Code::E0041
            | Code::E0042
            | Code::E0054
            | Code::E0130
            | Code::E0131
            | Code::E0132
            | Code::E0135
            | Code::E0136
            | Code::E0140
            | Code::E0141
            | Code::E0142
            | Code::E0143
            | Code::E0150
            | Code::E0167
    )
}

/// Which diagnostics may only follow from syntax errors or missing files.
#[derive(Debug)]
pub(crate) struct Damage<'f> {
    pub(crate) files: &'f FileTable,
    /// Stretches with syntax errors.
    pub(crate) spans: &'f [Span],
    /// Whether an imported file is missing.
    pub(crate) incomplete: bool,
    /// How many diagnostics, from the first, are the syntax errors themselves.
    pub(crate) syntax: usize,
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|word| !word.is_empty())
}

/// The words of model text that a declaration may have introduced: no annotations, no built-in types.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '@';
    text.split(move |character| !word(character)).filter(|word| {
        !word.is_empty() && !word.starts_with('@') && !matches!(*word, "self" | "Set" | "Array") && {
            let built_in = ty::Primitive::ALL.iter().any(|primitive| primitive.name() == *word);
            !built_in
        }
    })
}

/// Removes what only follows from damage, removes repetitions, and sorts by place.
pub(crate) fn tidy(diagnostics: &mut Vec<Diagnostic>, damage: &Damage<'_>) {
    if damage.incomplete || !damage.spans.is_empty() {
        let damaged = || damage.spans.iter().map(|span| damage.files.slice(*span));
        let lost: FxHashSet<&str> = damaged().flat_map(names_in).collect();
        let lost_key = damaged().flat_map(words).any(|word| word == "pk");
        let mut index = 0;
        diagnostics.retain(|diagnostic| {
            index += 1;
            let Some(place) = diagnostic.primary.filter(|_| index > damage.syntax) else { return true };
            if damage.spans.iter().any(|span| span.contains(place)) {
                return false;
            }
            if diagnostic.code == Code::E0100 {
                return !lost_key;
            }
            if !may_follow_from_damage(diagnostic.code) {
                return true;
            }
            // A name that occurs in the damaged text may well be declared there.
            let quoted = diagnostic.message.split('`').skip(1).step_by(2).flat_map(words);
            let written = names_in(damage.files.slice(place));
            !damage.incomplete && !quoted.chain(written).any(|word| lost.contains(word))
        });
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary, diagnostic.code));
    let mut seen: FxHashSet<(Code, Option<Span>, String)> = FxHashSet::default();
    diagnostics
        .retain(|diagnostic| seen.insert((diagnostic.code, diagnostic.primary, diagnostic.message.clone())));
}
