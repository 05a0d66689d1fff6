//! E0001 to E0005, E0016, W0006, W0016.

use super::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast::Import;
use crate::syntax::token::TokenKind;

pub(crate) fn unexpected(span: Span, kind: TokenKind, text: &str, expected: &str) -> Diagnostic {
    let shown = if kind == TokenKind::Eof {
        kind.describe().to_owned()
    } else {
        let short: String = text.chars().take(40).collect();
        format!("`{short}`")
    };
    let diagnostic = Diagnostic::new(Code::E0001, span, format!("unexpected {shown}"))
        .here(format!("expected {expected}"));
    if text.starts_with('\'') {
        let diagnostic = diagnostic.help("strings are written in double quotes");
        return match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(inner) => diagnostic.fix("use double quotes", span, format!("\"{inner}\"")),
            None => diagnostic,
        };
    }
    diagnostic
}

pub(crate) fn misspelt_keyword(span: Span, word: &str, keyword: &str) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, format!("unexpected `{word}`")).near(Some(keyword), span)
}

pub(crate) fn needless(span: Span, text: &str, help: &str) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, format!("unexpected `{text}`")).help(help).fix(
        format!("remove the `{text}`"),
        span,
        "",
    )
}

pub(crate) fn nested_too_deeply(span: Span, limit: u32) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "unexpected further nesting".to_owned())
        .here(format!("more than {limit} levels"))
        .help("split the expression; chains of `&&` and `||` need no parentheses")
}

pub(crate) fn spread_in_fragment(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "unexpected `...`".to_owned())
        .here("fragments hold fields only")
        .help("spread both fragments in the type instead")
}

pub(crate) fn bracket_list(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "unexpected `[`".to_owned())
        .here("expected a type")
        .help("lists are written `Set<T>` (of entities) or `Array<T>` (of plain values)")
}

pub(crate) fn list_literal(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "unexpected `[`".to_owned())
        .here("expected an expression")
        .help("there are no list literals; compare with each value and join with `||`")
}

pub(crate) fn single_equals(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "unexpected `=`".to_owned()).help("equality is written `==`").fix(
        "write `==`",
        span,
        "==",
    )
}

pub(crate) fn empty_parentheses(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0001, span, "unexpected `()`".to_owned())
        .here("an annotation without parameters takes no parentheses")
        .fix("remove the parentheses", span, "")
}

pub(crate) fn expected(span: Span, token: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::E0002, span, format!("expected {token} here"));
    match token.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        Some(text) => diagnostic.fix(format!("insert {token}"), span, text),
        None => diagnostic,
    }
}

pub(crate) fn unclosed(span: Span, name: Span, kind: &str) -> Diagnostic {
    Diagnostic::new(Code::E0002, span, "expected `}` here".to_owned())
        .label(name, format!("this {kind} is not closed"))
}

pub(crate) fn no_root(path: &str) -> Diagnostic {
    Diagnostic::new(Code::E0003, None, format!("model file `{path}` does not exist"))
        .help(format!("create `{path}`, or run the command in the folder of the project"))
}

pub(crate) fn import_not_found(import: &Import, tried: &[String]) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::E0004, import.span, format!("cannot find imported file `{}`", import.path));
    tried.iter().fold(diagnostic, |diagnostic, path| diagnostic.help(format!("`{path}` does not exist")))
}

pub(crate) fn unterminated(span: Span, thing: &str) -> Diagnostic {
    Diagnostic::new(Code::E0005, span, format!("unterminated {thing}")).here("it starts here")
}

pub(crate) fn doc_line_without_star(span: Span) -> Diagnostic {
    Diagnostic::new(Code::E0005, span, "unterminated doc comment".to_owned())
        .here("every line of a doc block starts with `*`")
        .help("put a `*` before the line, or use `///` comments")
        .fix("put a `*` before the line", span.before(), "* ")
}

pub(crate) fn misplaced(span: Span, kind: &str, belongs: &str) -> Diagnostic {
    Diagnostic::new(Code::E0016, span, format!("`{kind}` is not allowed here"))
        .help(format!("it belongs {belongs}"))
}

pub(crate) fn backslash(span: Span) -> Diagnostic {
    Diagnostic::new(Code::W0006, span, "the backslash is kept as it is".to_owned())
        .help("escapes are not decoded: the value is the text between the quotes")
}

pub(crate) fn stray_doc(span: Span) -> Diagnostic {
    Diagnostic::new(Code::W0016, span, "this doc comment documents nothing".to_owned())
        .help("write an ordinary comment with `//`")
}
