//! From syntax trees to meaning: names, types, relations, rules. Checking never fails; it returns what it
//! understood and the problems it met. The passes run in order, each over everything:
//! names → annotations → members → contexts → relations → tables → rules → projections → code modules.

pub(crate) mod access;
pub mod annotation;
pub(crate) mod code;
pub(crate) mod context;
pub(crate) mod default;
pub(crate) mod entity;
pub(crate) mod json;
pub(crate) mod load;
pub(crate) mod member;
pub(crate) mod names;
pub(crate) mod path;
pub(crate) mod projection;
pub(crate) mod relation;
pub(crate) mod rule;
pub(crate) mod suggest;
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
        Code::E0027
            | Code::E0030
            | Code::E0033
            | Code::E0041
            | Code::E0042
            | Code::E0054
            | Code::E0100
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

/// Removes what only follows from syntax errors, removes repetitions, and sorts by place.
pub(crate) fn tidy(diagnostics: &mut Vec<Diagnostic>, damaged: &[Span], syntax: usize) {
    if syntax > 0 {
        let mut index = 0;
        diagnostics.retain(|diagnostic| {
            index += 1;
            let follows = diagnostic.primary.is_some_and(|place| {
                may_follow_from_damage(diagnostic.code) || damaged.iter().any(|span| span.contains(place))
            });
            index <= syntax || !follows
        });
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary, diagnostic.code));
    let mut seen: FxHashSet<(Code, Option<Span>, String)> = FxHashSet::default();
    diagnostics
        .retain(|diagnostic| seen.insert((diagnostic.code, diagnostic.primary, diagnostic.message.clone())));
}
