//! From the tokens around a place to what fits there.

use std::cell::OnceCell;

use super::frame::Frame;
use super::{Before, Completion, CompletionKind};
use crate::ide::{Analysis, words};
use crate::semantic::annotation::{self, annotations_for, parameters};
use crate::semantic::member::Members;
use crate::semantic::names::{CompositeKind, Entry, Names};
use crate::semantic::ty::{Primitive, Ty};
use crate::source::FileId;
use crate::syntax::ast::{Field, Target};
use crate::syntax::lexer::lex;
use crate::syntax::token::TokenKind;

pub(super) struct Completer<'s, 'a> {
    pub(super) analysis: &'s Analysis,
    pub(super) names: &'s Names<'a>,
    pub(super) members: &'s Members<'a>,
    pub(super) before: &'s Before<'s>,
    pub(super) file: FileId,
    pub(super) offset: u32,
    /// What `self` stands for, found once.
    pub(super) own: OnceCell<Option<usize>>,
}

impl<'a> Completer<'_, 'a> {
    pub(super) fn complete(&self) -> Vec<Completion> {
        let before = self.before;
        if let Some(start) = before.string {
            return self.in_string(start);
        }
        let last = before.kind(0);
        let frame = before.frames.open.last().map(|(frame, _)| frame);
        if last == Some(TokenKind::At) {
            return self.annotations();
        }
        if let Some(name) = self.annotation_name() {
            return self.in_annotation(name, frame);
        }
        match (last, frame) {
            (Some(TokenKind::Ellipsis), _) => self.fragments(),
            (Some(TokenKind::Dot), _) => self.after_dot(),
            (Some(TokenKind::Lt | TokenKind::Comma), Some(Frame::TypeArgument))
            | (Some(TokenKind::Colon), Some(_)) => self.types(None),
            (Some(TokenKind::Eq), Some(Frame::Type(_) | Frame::Fragment(_))) => self.defaults(),
            (_, None) if self.starts_declaration() => keywords(&[
                ("context", "values of the request", "context $1 {\n}"),
                ("module", "types or operations of one plugin", "module $1 {\n}"),
                ("import", "another file", "import \"$1\""),
            ]),
            (_, Some(Frame::Module)) if self.starts_declaration() => keywords(&[
                ("type", "a table, value or structure", "type $1 {\n}"),
                ("enum", "named values", "enum $1 {\n}"),
                ("fragment", "fields for several types", "fragment $1 {\n}"),
                ("query", "an operation in code that reads", "query $1(): "),
                ("mutation", "an operation in code that changes", "mutation $1(): "),
                ("interceptor", "code around operations", "interceptor $1(operation: Operation)"),
            ]),
            _ => Vec::new(),
        }
    }

    /// The annotation whose parameters are open.
    fn annotation_name(&self) -> Option<&str> {
        self.before.frames.open.iter().rev().find_map(|(frame, _)| match frame {
            Frame::Annotation(name) => Some(*name),
            _ => None,
        })
    }

    /// Behind something complete, so that a declaration may follow.
    fn starts_declaration(&self) -> bool {
        match self.before.kind(0) {
            None | Some(TokenKind::LBrace | TokenKind::RBrace | TokenKind::RParen | TokenKind::String) => {
                true
            }
            Some(TokenKind::Question | TokenKind::Gt) => true,
            // `@json` in front of a declaration; the result type of an operation.
            Some(TokenKind::Ident) => {
                matches!(self.before.kind(1), Some(TokenKind::At | TokenKind::Colon | TokenKind::Dot))
                    || self.before.ident(0) == "export"
            }
            _ => false,
        }
    }

    fn annotations(&self) -> Vec<Completion> {
        let frames = &self.before.frames;
        let in_params = frames.open.iter().any(|(frame, _)| *frame == Frame::Params);
        let targets: &[Target] = match frames.body() {
            _ if in_params => &[Target::Param],
            None => &[Target::Module],
            Some(Frame::Module) => &[Target::Type, Target::Method, Target::Interceptor, Target::Fragment],
            Some(Frame::Context(_)) => &[Target::ContextField],
            Some(Frame::Type(_) | Frame::Fragment(_)) => &[Target::Field],
            Some(_) => &[],
        };
        let mut found = Vec::new();
        for (name, shape) in targets.iter().flat_map(|target| annotations_for(*target)) {
            let insert = match name {
                "access" | "range" | "projection" => format!("{name}($1)"),
                "deno" | "wasm" | "before" | "after" | "around" | "table" | "plural" | "column"
                | "relation" | "dbtype" | "distanceFunction" | "header" | "cookie" => {
                    format!("{name}(\"$1\")")
                }
                _ if parameters(name).is_some_and(|(_, _, needed)| needed) => format!("{name}($1)"),
                _ => name.to_owned(),
            };
            found.push(
                Completion::new(name, CompletionKind::Annotation, shape)
                    .documented(words::annotation(name))
                    .snippet(&insert),
            );
        }
        found
    }

    fn in_annotation(&self, name: &str, frame: Option<&Frame<'_>>) -> Vec<Completion> {
        let last = self.before.kind(0);
        match frame {
            Some(Frame::Object) if name == "column" => {
                if matches!(last, Some(TokenKind::LBrace | TokenKind::Comma)) {
                    return self.key_fields();
                }
                return Vec::new();
            }
            Some(Frame::List) if name == "projection" => return self.projection(),
            _ => {}
        }
        let starts = matches!(frame, Some(Frame::Annotation(_)))
            && matches!(last, Some(TokenKind::LParen | TokenKind::Comma));
        let mut found = Vec::new();
        if starts {
            let (_, named, _) = parameters(name).unwrap_or_default();
            for parameter in named {
                let optional = if parameter.required { "" } else { ", optional" };
                let detail = format!("{}{optional}", parameter.kind);
                let insert = match parameter.kind {
                    "string" => format!("{} = \"$1\"", parameter.name),
                    _ => format!("{} = ", parameter.name),
                };
                found.push(
                    Completion::new(parameter.name, CompletionKind::Parameter, detail).snippet(&insert),
                );
            }
        }
        if name == "access" {
            found.extend(self.in_rule());
        } else if last == Some(TokenKind::Eq) && self.before.ident(1) == "managed" {
            found.extend(values(&["true", "false"]));
        }
        found
    }

    fn in_rule(&self) -> Vec<Completion> {
        match self.before.kind(0) {
            Some(TokenKind::Dot) => self.after_dot(),
            Some(TokenKind::LParen) if self.before.ident(1) == "some" => {
                vec![
                    Completion::new("item => …", CompletionKind::Value, "a condition on one row")
                        .snippet("item => item.$1"),
                ]
            }
            // Only a literal may follow.
            Some(TokenKind::LParen) if matches!(self.before.ident(1), "contains" | "hook") => Vec::new(),
            Some(TokenKind::Comma) if self.asks_component() => self.heads(),
            Some(TokenKind::Ident) if self.before.ident(0) == "in" => self.heads(),
            Some(
                TokenKind::LParen
                | TokenKind::Eq
                | TokenKind::Arrow
                | TokenKind::AndAnd
                | TokenKind::OrOr
                | TokenKind::Bang,
            ) => self.conditions(),
            Some(
                TokenKind::EqEq
                | TokenKind::NotEq
                | TokenKind::Lt
                | TokenKind::Le
                | TokenKind::Gt
                | TokenKind::Ge,
            ) => self.heads(),
            _ => Vec::new(),
        }
    }

    fn in_string(&self, start: &str) -> Vec<Completion> {
        if self.before.ident(0) == "import" {
            return self.files(start);
        }
        let some = |words: &[&str]| values(words);
        match self.annotation_name() {
            Some("distanceFunction") => some(&["cosine", "l2", "ip"]),
            Some("dbtype") => some(&[
                "SMALLINT",
                "INT",
                "BIGINT",
                "REAL",
                "DOUBLE PRECISION",
                "NUMERIC",
                "TEXT",
                "VARCHAR",
                "CHAR",
                "BOOLEAN",
                "DATE",
                "TIME",
                "TIMESTAMP",
                "TIMESTAMP WITH TIME ZONE",
                "JSONB",
                "BYTEA",
                "UUID",
                "SMALLSERIAL",
                "SERIAL",
                "BIGSERIAL",
            ]),
            Some("before" | "after" | "around") => some(&["query *", "mutation *", "mutation create*"]),
            Some("query") => (self.names.modules.iter())
                .flat_map(|module| &module.decl.methods)
                .filter(|method| !method.is_mutation)
                .map(|method| Completion::new(&method.name.text, CompletionKind::Function, "query"))
                .collect(),
            Some("relation") => self.partners(),
            _ => Vec::new(),
        }
    }

    /// Paths of other files, as seen from this one.
    fn files(&self, start: &str) -> Vec<Completion> {
        let own = self.analysis.files().get(self.file).map(|file| file.path.clone()).unwrap_or_default();
        let folder: Vec<&str> =
            crate::source::folder_of(&own).split('/').filter(|it| !it.is_empty()).collect();
        let mut found = Vec::new();
        for path in self.analysis.sources.paths().filter(|path| **path != *own) {
            let parts: Vec<&str> = path.split('/').collect();
            let common = folder.iter().zip(&parts).take_while(|(one, other)| one == other).count();
            let up = "../".repeat(folder.len() - common);
            let relative = format!("{up}{}", parts[common..].join("/"));
            if relative.starts_with(start) {
                found.push(Completion::new(&relative, CompletionKind::File, path));
            }
        }
        found
    }

    fn fragments(&self) -> Vec<Completion> {
        let composites = self.names.composites.iter();
        let mut found: Vec<Completion> = composites
            .filter(|composite| composite.kind == CompositeKind::Fragment)
            .map(|composite| {
                Completion::new(&composite.decl.name.text, CompletionKind::Type, "fragment")
                    .documented(composite.decl.docs.as_deref().unwrap_or_default())
            })
            .collect();
        found.sort_by(|one, other| one.label.cmp(&other.label));
        found
    }

    /// Types that fit behind a `:`; those of one module behind `Module.`.
    fn types(&self, module: Option<&str>) -> Vec<Completion> {
        let in_context = matches!(self.before.frames.body(), Some(Frame::Context(_)));
        let in_operation = matches!(self.before.frames.body(), Some(Frame::Module));
        let mut found = Vec::new();
        if module.is_none() {
            for primitive in Primitive::ALL {
                let name = primitive.name();
                found.push(
                    Completion::new(name, CompletionKind::Type, "built in")
                        .documented(words::primitive(name)),
                );
            }
            for generic in ["Set", "Array"] {
                found.push(
                    Completion::new(generic, CompletionKind::Type, "built in")
                        .documented(words::primitive(generic))
                        .snippet(&format!("{generic}<$1>")),
                );
            }
            if in_operation {
                for injected in ["Exograph", "ExographPriv", "Operation"] {
                    found.push(
                        Completion::new(injected, CompletionKind::Type, "provided by the engine")
                            .documented(words::primitive(injected)),
                    );
                }
                for context in &self.names.contexts {
                    found.push(Completion::new(&context.name.text, CompletionKind::Context, "context"));
                }
                for info in &self.names.modules {
                    found.push(Completion::new(&info.decl.name.text, CompletionKind::Module, "module"));
                }
            }
        }
        if in_context {
            return found;
        }
        let mut declared = Vec::new();
        for composite in self.names.composites.iter().filter(|it| it.kind != CompositeKind::Fragment) {
            let owner = &self.names.modules[composite.module.0 as usize].decl.name.text;
            if module.is_some_and(|module| *module != **owner) {
                continue;
            }
            declared.push(
                Completion::new(&composite.decl.name.text, CompletionKind::Type, format!("type of {owner}"))
                    .documented(composite.decl.docs.as_deref().unwrap_or_default()),
            );
        }
        if module.is_none() && !in_operation {
            for info in &self.names.enums {
                let owner = &self.names.modules[info.module.0 as usize].decl.name.text;
                declared.push(Completion::new(
                    &info.decl.name.text,
                    CompletionKind::Enum,
                    format!("enum of {owner}"),
                ));
            }
        }
        declared.sort_by(|one, other| one.label.cmp(&other.label));
        found.extend(declared);
        found
    }

    fn after_dot(&self) -> Vec<Completion> {
        // `x: Module.` in a type.
        let qualified = matches!(self.before.kind(2), Some(TokenKind::Colon | TokenKind::Lt));
        if qualified && self.annotation_name().is_none() {
            return self.types(Some(self.before.ident(1)));
        }
        self.path_members()
    }

    fn defaults(&self) -> Vec<Completion> {
        // `name: Type =`: the type's name is the first word behind the nearest colon.
        let tokens = &self.before.tokens;
        let colon = tokens.iter().rposition(|token| token.kind == TokenKind::Colon);
        let name = colon
            .and_then(|colon| tokens.get(colon + 1))
            .filter(|token| token.kind == TokenKind::Ident)
            .map_or("", |token| self.before.slice(*token));
        let function = |name: &str| {
            let meaning =
                words::DEFAULT_FUNCTIONS.iter().find(|(known, _)| *known == name).map_or("", |it| it.1);
            Completion::new(name, CompletionKind::Function, "default")
                .documented(meaning)
                .snippet(&format!("{name}()"))
        };
        let mut found = match (name, self.names.lookup(name)) {
            ("Int", _) => vec![function("autoIncrement")],
            ("Boolean", _) => values(&["true", "false"]),
            ("Uuid", _) => {
                ["generate_uuid", "uuidGenerateV4", "uuidGenerateV7"].into_iter().map(function).collect()
            }
            ("Instant" | "LocalDate" | "LocalTime" | "LocalDateTime", _) => vec![function("now")],
            (_, Some(Entry::Enum(index))) => self.enum_values(index),
            _ => Vec::new(),
        };
        if self.before.kind(1) == Some(TokenKind::Question) {
            found.extend(values(&["null"]));
        }
        found.extend(self.contexts());
        found
    }

    /// The field whose annotation is being written, and the position of its type's composite.
    fn annotated_field(&self) -> Option<(&'a Field, usize)> {
        for (index, list) in self.members.composites.iter().enumerate() {
            for member in list.members.iter().filter(|member| member.via.is_none()) {
                let span = member.decl.span;
                if span.file == self.file && span.start <= self.offset && self.offset <= span.end {
                    return Some((member.decl, index));
                }
            }
        }
        None
    }

    fn annotated_target(&self) -> Option<usize> {
        let (field, owner) = self.annotated_field()?;
        let list = &self.members.composites[owner];
        match list.members[list.find(&field.name.text)?].ty.innermost() {
            Ty::Composite(target) => Some(*target),
            _ => None,
        }
    }

    /// Fields of the other type that could be the other end of a relation.
    fn partners(&self) -> Vec<Completion> {
        let (Some((_, owner)), Some(target)) = (self.annotated_field(), self.annotated_target()) else {
            return Vec::new();
        };
        let members = &self.members.composites[target].members;
        let fitting = members.iter().filter(|member| *member.ty.innermost() == Ty::Composite(owner));
        fitting.map(|member| self.field_item(member)).collect()
    }

    fn key_fields(&self) -> Vec<Completion> {
        let Some(target) = self.annotated_target() else { return Vec::new() };
        let members = &self.members.composites[target].members;
        let keys = members.iter().filter(|member| annotation::has(&member.decl.annotations, "pk"));
        keys.map(|member| self.field_item(member))
            .map(|item| {
                let insert = format!("{}: \"$1\"", item.label);
                item.snippet(&insert)
            })
            .collect()
    }

    /// The type that follows the annotation being written; found by tokens, as it may not parse yet.
    pub(super) fn annotated_type(&self) -> Option<usize> {
        let text = &self.analysis.files().get(self.file)?.text;
        let rest = text.get(self.offset as usize..)?;
        let tokens = lex(rest).tokens;
        let word = |index: usize| {
            tokens
                .get(index)
                .filter(|token| token.kind == TokenKind::Ident)
                .and_then(|token| rest.get(token.start as usize..token.end as usize))
                .unwrap_or_default()
        };
        for index in 0..tokens.len() {
            let next = tokens.get(index + 2).map(|token| token.kind);
            match (word(index), next) {
                ("type" | "fragment", Some(TokenKind::LBrace)) => {
                    return match self.names.lookup(word(index + 1)) {
                        Some(Entry::Composite(found)) => Some(found),
                        _ => None,
                    };
                }
                ("query" | "mutation" | "interceptor", Some(TokenKind::LParen))
                | ("module" | "context", Some(TokenKind::LBrace)) => return None,
                _ => {}
            }
        }
        None
    }

    fn projection(&self) -> Vec<Completion> {
        let Some(owner) = self.annotated_type() else { return Vec::new() };
        let named = |composite: usize| -> Vec<Completion> {
            let annotations = &self.names.composites[composite].decl.annotations;
            let own = annotation::find(annotations, "projection").map(|it| &it.params);
            let mut names = vec!["pk", "basic"];
            if let Some(crate::syntax::ast::Params::Named(values)) = own {
                names.extend(values.iter().map(|(name, _)| &*name.text));
            }
            names.iter().map(|name| Completion::new(name, CompletionKind::Value, "projection")).collect()
        };
        let list = &self.members.composites[owner];
        match (self.before.kind(0), self.before.kind(1)) {
            (Some(TokenKind::Slash), Some(TokenKind::Ident)) => {
                let field = list.find(self.before.ident(1)).map(|index| list.members[index].ty.innermost());
                match field {
                    Some(Ty::Composite(target)) => named(*target),
                    _ => Vec::new(),
                }
            }
            (Some(TokenKind::Slash), _) => named(owner),
            (Some(TokenKind::LBracket | TokenKind::Comma), _) => {
                list.members.iter().map(|member| self.field_item(member)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn keywords(words: &[(&str, &str, &str)]) -> Vec<Completion> {
    words
        .iter()
        .map(|(word, detail, insert)| Completion::new(word, CompletionKind::Keyword, *detail).snippet(insert))
        .collect()
}

fn values(words: &[&str]) -> Vec<Completion> {
    words.iter().map(|word| Completion::new(word, CompletionKind::Value, "")).collect()
}
