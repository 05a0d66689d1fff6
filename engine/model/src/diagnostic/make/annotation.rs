//! E0020 to E0028, E0122.

use super::{Code, Diagnostic, list};
use crate::source::Span;
use crate::syntax::ast::{Annotation, Name, Target};

/// The annotation with its `@`.
fn with_at(name: &Name) -> Span {
    Span { start: name.span.start.saturating_sub(1), ..name.span }
}

pub(crate) fn unknown_annotation(name: &Name, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::E0020, name.span, format!("unknown annotation `@{}`", name.text));
    match near {
        Some(near) => diagnostic.help(format!("did you mean `@{near}`?")).fix(
            format!("write `@{near}`"),
            name.span,
            near,
        ),
        None => diagnostic,
    }
}

pub(crate) fn annotation_misplaced(name: &Name, target: Target, allowed: &[Target]) -> Diagnostic {
    let kinds: Vec<&str> = allowed.iter().map(|target| target.describe()).collect();
    let message = format!("`@{}` cannot be used on a {}", name.text, target.describe());
    Diagnostic::new(Code::E0021, name.span, message).help(format!("it may stand on a {}", kinds.join(", a ")))
}

pub(crate) fn annotation_repeated(annotation: &Annotation, first: &Annotation) -> Diagnostic {
    let message = format!("`@{}` given more than once", annotation.name.text);
    Diagnostic::new(Code::E0022, annotation.span, message).label(first.span, "first here").fix(
        "remove it",
        annotation.span,
        "",
    )
}

pub(crate) fn parameter_shape(name: &Name, shape: &str, offending: &[Span]) -> Diagnostic {
    let message = format!("`@{}` expects {shape}", name.text);
    let diagnostic = Diagnostic::new(Code::E0023, name.span, message);
    offending.iter().fold(diagnostic, |diagnostic, span| diagnostic.label(*span, "this does not fit"))
}

pub(crate) fn parameter_repeated(later: &Name, first: &Name) -> Diagnostic {
    Diagnostic::new(Code::E0024, later.span, format!("parameter `{}` given more than once", later.text))
        .label(first.span, "first here")
}

pub(crate) fn list_with_non_string(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0025, span, "a list of values must contain only strings".to_owned())
}

pub(crate) fn parameter_kind(parameter: &str, annotation: &str, kind: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0026, span, format!("{parameter} of `@{annotation}` must be a {kind}"))
}

pub(crate) fn float_bound_quoted(parameter: &str, text: Option<&str>, span: Span) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::E0026, span, format!("{parameter} of `@range` must be a string on a `Float`"));
    match text {
        Some(text) => {
            let quoted = format!("\"{text}\"");
            diagnostic.help(format!("write `{quoted}`")).fix("put it in quotes", span, quoted)
        }
        None => diagnostic,
    }
}

pub(crate) fn module_without_plugin(name: &Name, module: Span) -> Diagnostic {
    let message = format!("module `{}` needs a plugin annotation such as `@postgres`", name.text);
    Diagnostic::new(Code::E0027, name.span, message)
        .help("write `@postgres`, `@deno(\"file.ts\")` or `@wasm(\"file.wasm\")` before `module`")
        .fix("insert `@postgres`", module.before(), "@postgres\n")
}

pub(crate) fn module_with_several(name: &Name, annotations: &[Annotation]) -> Diagnostic {
    let message = format!("module `{}` must have exactly one annotation", name.text);
    let diagnostic = Diagnostic::new(Code::E0028, name.span, message);
    let names = annotations.iter().map(|annotation| &*annotation.name.text);
    let diagnostic = diagnostic.help(format!("keep one of {}", list(names, "or")));
    annotations
        .iter()
        .fold(diagnostic, |diagnostic, annotation| diagnostic.label(with_at(&annotation.name), "one of them"))
}

pub(crate) fn constraint_name(name: &Name, span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0122, span, "expected a name or names".to_owned())
        .here(format!("`@{}` takes strings", name.text))
}
