//! E0071, E0160 to E0168, W0007, W0014, W0017.

use super::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::{InterceptorDecl, Name, Param};

pub(crate) fn named_rules_in_code(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0071, span, "code modules take a single rule; this denies access".to_owned())
        .help("write `@access(rule)`")
}

pub(crate) fn interceptor_kind(decl: &InterceptorDecl) -> Diagnostic {
    Diagnostic::new(Code::E0160, decl.span, "add `@before`, `@after` or `@around`".to_owned())
        .help("for example `@before(\"mutation *\")`")
}

pub(crate) fn interceptor_kinds(decl: &InterceptorDecl, kinds: &[Span]) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::E0161, decl.span, "an interceptor has one kind".to_owned());
    kinds.iter().fold(diagnostic, |diagnostic, span| diagnostic.label(*span, "one of them"))
}

pub(crate) fn interceptor_pattern(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0162, span, "the pattern must be a string".to_owned())
        .help("for example \"query *\", or `true` for everything")
}

pub(crate) fn input_and_output(name: &str, this: Span, opposite: Span) -> Diagnostic {
    Diagnostic::new(Code::E0163, this, format!("`{name}` cannot be both an argument and a result"))
        .label(opposite, "the opposite use")
        .help("declare a second type for the arguments")
}

pub(crate) fn module_file(path: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0164, span, format!("cannot read `{path}`"))
        .help("the path is relative to the model file it stands in")
}

/// The bundler of a code module failed; `output` is what it printed, with project-relative paths.
pub fn bundling_failed(output: &str, span: Option<Span>) -> Diagnostic {
    let mut lines = output.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let diagnostic = Diagnostic::new(Code::E0165, span, lines.next().unwrap_or("bundling failed").to_owned());
    lines.fold(diagnostic, |diagnostic, line| diagnostic.help(line))
}

pub(crate) fn foreign_argument(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0166, span, "only results may use types of other modules".to_owned())
}

pub(crate) fn foreign_without_prefix(wanted: &str, span: Span, name: Span) -> Diagnostic {
    Diagnostic::new(Code::E0167, span, format!("write `{wanted}`")).fix("add the module", name, wanted)
}

pub(crate) fn enum_in_code(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0168, span, "enums are not available in code modules".to_owned())
        .help("use a `String`")
}

pub(crate) fn not_injected(param: &Param) -> Diagnostic {
    let name = &param.name.text;
    Diagnostic::new(Code::W0017, param.name.span, format!("clients cannot give the argument `{name}`"))
        .help("mark it with `@inject`, and the engine fills it")
        .fix("add `@inject`", param.span.before(), "@inject ")
}

pub(crate) fn ignored_operation(name: &Name, kind: &str) -> Diagnostic {
    Diagnostic::new(Code::W0007, name.span, format!("this {kind} is ignored: a Postgres module runs no code"))
        .help("move it to a `@deno` module")
}

pub(crate) fn foreign_result_enforced(name: &Name) -> Diagnostic {
    Diagnostic::new(Code::W0014, name.span, format!("the rule of `{}` is enforced", name.text))
        .help("other implementations do not check methods with a result of another module")
}
