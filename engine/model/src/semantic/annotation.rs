//! Which annotation may stand where, with which parameters (language.md 2.3).

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::names::Names;
use super::suggest::nearest;
use crate::diagnostic::{Diagnostic, Severity, make};
use crate::source::Span;
use crate::syntax::ast::{Annotation, Expr, ExprKind, LiteralKind, NamedValue, Params, Target, TypeDecl};

/// The kind of value a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Anything; the value is ignored or checked elsewhere.
    Any,
    String,
    Bool,
    /// A whole number that fits 32 bits without sign.
    Size,
    Expr,
    Object,
    Projection,
    /// Name of a constraint or index.
    ConstraintName,
}

impl Kind {
    fn describe(self) -> &'static str {
        match self {
            Self::Any => "value",
            Self::String | Self::ConstraintName => "string",
            Self::Bool => "boolean",
            Self::Size => "whole number",
            Self::Expr => "expression",
            Self::Object => "map such as `{id: \"column\"}`",
            Self::Projection => "projection such as `[field, relation/basic]`",
        }
    }

    fn accepts(self, value: &NamedValue) -> bool {
        match (self, value) {
            (Self::Any, _) | (Self::Projection, NamedValue::Projection(..)) => true,
            (Self::Object, NamedValue::Object(..)) => true,
            (Self::Object | Self::Projection, _)
            | (_, NamedValue::Object(..) | NamedValue::Projection(..)) => false,
            (_, NamedValue::Expr(expr)) => self.accepts_expr(expr),
        }
    }

    fn accepts_expr(self, expr: &Expr) -> bool {
        match (self, &expr.kind) {
            (Self::Any | Self::Expr, _) | (_, ExprKind::Error) => true,
            (Self::String | Self::ConstraintName, ExprKind::Literal(LiteralKind::String(_))) => true,
            (Self::Bool, ExprKind::Literal(LiteralKind::Bool(_))) => true,
            (Self::Size, ExprKind::Literal(LiteralKind::Number(text))) => text.parse::<u32>().is_ok(),
            _ => false,
        }
    }
}

struct Spec {
    name: &'static str,
    targets: &'static [Target],
    /// May stand without parameters.
    bare: bool,
    single: Option<Kind>,
    list: bool,
    named: &'static [(&'static str, bool, Kind)],
    /// Any parameter names, at least one.
    any_named: Option<Kind>,
}

const fn spec(name: &'static str, targets: &'static [Target]) -> Spec {
    Spec { name, targets, bare: true, single: None, list: false, named: &[], any_named: None }
}

const TYPE: &[Target] = &[Target::Type, Target::Context, Target::Fragment];
const FIELD: &[Target] = &[Target::Field];
const CONTEXT_FIELD: &[Target] = &[Target::ContextField];
const INTERCEPTOR: &[Target] = &[Target::Interceptor];

impl Spec {
    const fn one(mut self, kind: Kind) -> Self {
        self.bare = false;
        self.single = Some(kind);
        self
    }
    const fn maybe_one(mut self, kind: Kind) -> Self {
        self.single = Some(kind);
        self
    }
    const fn maybe_list(mut self, kind: Kind) -> Self {
        self.single = Some(kind);
        self.list = true;
        self
    }
    const fn named(mut self, named: &'static [(&'static str, bool, Kind)]) -> Self {
        self.named = named;
        self
    }
    const fn not_bare(mut self) -> Self {
        self.bare = false;
        self
    }

    fn shape(&self) -> String {
        let mut forms = Vec::new();
        if self.bare {
            forms.push("no parameters".to_owned());
        }
        if self.list {
            forms.push("one or more values".to_owned());
        } else if self.single.is_some() {
            forms.push("one value".to_owned());
        }
        if !self.named.is_empty() {
            let names: Vec<String> = (self.named.iter())
                .map(|(name, required, _)| if *required { (*name).to_owned() } else { format!("{name}?") })
                .collect();
            forms.push(format!("({})", names.join(", ")));
        }
        if self.any_named.is_some() {
            forms.push("(name = [fields], …)".to_owned());
        }
        forms.join(" or ")
    }
}

static SPECS: &[Spec] = &[
    spec("postgres", &[Target::Module])
        .named(&[("schema", false, Kind::String), ("managed", false, Kind::Bool)]),
    spec("deno", &[Target::Module]).one(Kind::String),
    spec("wasm", &[Target::Module]).one(Kind::String),
    spec("access", &[Target::Type, Target::Context, Target::Fragment, Target::Field, Target::Method])
        .one(Kind::Expr)
        .named(&[
            ("query", false, Kind::Expr),
            ("mutation", false, Kind::Expr),
            ("create", false, Kind::Expr),
            ("update", false, Kind::Expr),
            ("delete", false, Kind::Expr),
        ]),
    spec("jwt", CONTEXT_FIELD).maybe_one(Kind::Any),
    spec("header", CONTEXT_FIELD).maybe_one(Kind::Any),
    spec("cookie", CONTEXT_FIELD).maybe_one(Kind::Any),
    spec("env", CONTEXT_FIELD).maybe_one(Kind::Any),
    spec("clientIp", CONTEXT_FIELD),
    spec("query", CONTEXT_FIELD).maybe_one(Kind::Any),
    spec("hook", CONTEXT_FIELD).maybe_one(Kind::Any),
    spec("inject", &[Target::Param]).maybe_one(Kind::Any),
    spec("before", INTERCEPTOR).one(Kind::Any),
    spec("after", INTERCEPTOR).one(Kind::Any),
    spec("around", INTERCEPTOR).one(Kind::Any),
    spec("table", TYPE).one(Kind::String).named(&[
        ("name", false, Kind::String),
        ("schema", false, Kind::String),
        ("managed", false, Kind::Bool),
    ]),
    spec("plural", TYPE).one(Kind::String),
    spec("json", TYPE),
    Spec { any_named: Some(Kind::Projection), ..spec("projection", TYPE).not_bare() },
    spec("pk", FIELD),
    spec("column", FIELD).one(Kind::String).named(&[("mapping", false, Kind::Object)]),
    spec("relation", FIELD).one(Kind::String),
    spec("manyToOne", FIELD),
    spec("oneToOne", FIELD),
    spec("unique", FIELD).maybe_list(Kind::ConstraintName),
    spec("index", FIELD).maybe_list(Kind::ConstraintName),
    spec("readonly", FIELD).maybe_one(Kind::Any),
    spec("update", FIELD).maybe_one(Kind::Any),
    spec("dbtype", FIELD).one(Kind::String),
    spec("maxLength", FIELD).one(Kind::Size),
    spec("precision", FIELD).one(Kind::Size),
    spec("scale", FIELD).one(Kind::Size),
    spec("size", FIELD).one(Kind::Size),
    spec("distanceFunction", FIELD).one(Kind::String),
    spec("bits16", FIELD),
    spec("bits32", FIELD),
    spec("bits64", FIELD),
    spec("singlePrecision", FIELD),
    spec("doublePrecision", FIELD),
    spec("range", FIELD).not_bare().named(&[("min", true, Kind::Any), ("max", true, Kind::Any)]),
];

/// The rules of [`SPECS`] by name: every annotation of a model asks.
static BY_NAME: LazyLock<FxHashMap<&'static str, &'static Spec>> =
    LazyLock::new(|| SPECS.iter().map(|spec| (spec.name, spec)).collect());

/// Names and short signatures of the annotations for a target, for editors.
pub fn annotations_for(target: Target) -> impl Iterator<Item = (&'static str, String)> {
    SPECS.iter().filter(move |spec| spec.targets.contains(&target)).map(|spec| (spec.name, spec.shape()))
}

/// The annotation with this name, if there is one.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    all().find(|known| *known == name)
}

/// The names of all annotations.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    SPECS.iter().map(|spec| spec.name)
}

/// A named parameter of an annotation, for editors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    /// What kind of value it takes, in words.
    pub(crate) kind: &'static str,
}

/// What an annotation takes, for editors: a short description, its named parameters, whether it needs any.
pub(crate) fn parameters(name: &str) -> Option<(String, Vec<Parameter>, bool)> {
    let spec = SPECS.iter().find(|spec| spec.name == name)?;
    let named = spec.named.iter().map(|(name, required, kind)| Parameter {
        name,
        required: *required,
        kind: kind.describe(),
    });
    Some((spec.shape(), named.collect(), !spec.bare))
}

/// Where an annotation may stand.
pub(crate) fn targets(name: &str) -> &'static [Target] {
    SPECS.iter().find(|spec| spec.name == name).map_or(&[], |spec| spec.targets)
}

/// Checks every annotation outside of contexts.
pub(crate) fn check(names: &Names<'_>, out: &mut Vec<Diagnostic>) {
    for module in &names.modules {
        let decl = module.decl;
        on(&decl.annotations, Target::Module, out);
        match decl.annotations.as_slice() {
            [] => out.push(make::module_without_plugin(&decl.name, decl.span)),
            [_] => {}
            several if distinct(several) => out.push(make::module_with_several(&decl.name, several)),
            _ => {}
        }
        for method in &decl.methods {
            on(&method.annotations, Target::Method, out);
            for param in &method.params {
                on(&param.annotations, Target::Param, out);
            }
        }
        for interceptor in &decl.interceptors {
            on(&interceptor.annotations, Target::Interceptor, out);
            for param in &interceptor.params {
                on(&param.annotations, Target::Param, out);
            }
        }
        for decl in &decl.types {
            on_type(decl, Target::Type, out);
        }
        for decl in &decl.fragments {
            on_type(decl, Target::Fragment, out);
        }
    }
}

/// Equal annotations twice are reported as such and need no second report.
fn distinct(annotations: &[Annotation]) -> bool {
    annotations.iter().any(|other| annotations.iter().any(|one| one.name.text != other.name.text))
}

fn on_type(decl: &TypeDecl, target: Target, out: &mut Vec<Diagnostic>) {
    on(&decl.annotations, target, out);
    // Contexts may spread a fragment, too; its fields then say where they come from.
    let also = (target == Target::Fragment).then_some(Target::ContextField);
    for field in &decl.fields {
        on_either(&field.annotations, Target::Field, also, out);
    }
}

fn on(annotations: &[Annotation], target: Target, out: &mut Vec<Diagnostic>) {
    on_either(annotations, target, None, out);
}

fn on_either(annotations: &[Annotation], target: Target, also: Option<Target>, out: &mut Vec<Diagnostic>) {
    for (index, annotation) in annotations.iter().enumerate() {
        let name = &*annotation.name.text;
        let Some(spec) = BY_NAME.get(name).copied() else {
            let here = SPECS.iter().filter(|spec| spec.targets.contains(&target)).map(|spec| spec.name);
            let near = nearest(name, here).or_else(|| nearest(name, SPECS.iter().map(|spec| spec.name)));
            out.push(make::unknown_annotation(&annotation.name, near));
            continue;
        };
        if !spec.targets.contains(&target) && !also.is_some_and(|also| spec.targets.contains(&also)) {
            out.push(make::annotation_misplaced(&annotation.name, target, spec.targets));
            continue;
        }
        if let Some(first) = annotations[..index].iter().find(|other| *other.name.text == *name) {
            out.push(make::annotation_repeated(annotation, first));
            continue;
        }
        check_params(annotation, spec, out);
    }
}

fn check_params(annotation: &Annotation, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let wrong = |spans: Vec<Span>| make::parameter_shape(&annotation.name, &spec.shape(), &spans);
    match &annotation.params {
        Params::None => {
            if !spec.bare {
                out.push(wrong(Vec::new()));
            }
        }
        Params::Single(value) => match spec.single {
            None => out.push(wrong(vec![value.span])),
            Some(Kind::ConstraintName) if !Kind::ConstraintName.accepts_expr(value) => {
                out.push(make::constraint_name(&annotation.name, value.span));
            }
            Some(kind) if !kind.accepts_expr(value) => {
                out.push(make::parameter_kind("the value", spec.name, kind.describe(), value.span));
            }
            Some(_) => {}
        },
        Params::List(values) => {
            if !spec.list {
                out.push(wrong(values.iter().map(|value| value.span).collect()));
                return;
            }
            for value in values {
                if !Kind::String.accepts_expr(value) {
                    out.push(make::list_with_non_string(value.span));
                }
            }
        }
        Params::Named(values) => check_named(annotation, spec, values, out),
    }
}

fn check_named(
    annotation: &Annotation,
    spec: &Spec,
    values: &[(crate::syntax::ast::Name, NamedValue)],
    out: &mut Vec<Diagnostic>,
) {
    let mut unknown = Vec::new();
    for (index, (name, value)) in values.iter().enumerate() {
        if let Some((first, _)) = values[..index].iter().find(|(other, _)| other.text == name.text) {
            out.push(make::parameter_repeated(name, first));
            continue;
        }
        let known = spec.named.iter().find(|(known, _, _)| *known == &*name.text).map(|(_, _, kind)| *kind);
        match known.or(spec.any_named) {
            None => unknown.push(name.span),
            Some(kind) if !kind.accepts(value) => {
                let what = format!("`{}`", name.text);
                let diagnostic = make::parameter_kind(&what, spec.name, kind.describe(), value.span());
                // Elsewhere such a projection counts as not written.
                let severity = if kind == Kind::Projection { Severity::Warning } else { diagnostic.severity };
                out.push(Diagnostic { severity, ..diagnostic });
            }
            Some(_) => {}
        }
    }
    let missing = (spec.named.iter())
        .any(|(known, required, _)| *required && !values.iter().any(|(name, _)| *known == &*name.text));
    if missing || !unknown.is_empty() {
        out.push(make::parameter_shape(&annotation.name, &spec.shape(), &unknown));
    }
}

/// The first annotation with this name.
pub(crate) fn find<'a>(annotations: &'a [Annotation], name: &str) -> Option<&'a Annotation> {
    annotations.iter().find(|annotation| &*annotation.name.text == name)
}

pub(crate) fn has(annotations: &[Annotation], name: &str) -> bool {
    find(annotations, name).is_some()
}

impl Annotation {
    /// The only positional parameter.
    pub(crate) fn single(&self) -> Option<&Expr> {
        match &self.params {
            Params::Single(value) => Some(value),
            Params::None | Params::List(_) | Params::Named(_) => None,
        }
    }

    /// The only positional parameter, if it is a string.
    pub(crate) fn string(&self) -> Option<&str> {
        self.single().and_then(Expr::as_string)
    }

    /// The only positional parameter, if it is a size.
    pub(crate) fn size(&self) -> Option<u32> {
        self.single().and_then(Expr::as_number)?.parse().ok()
    }

    /// The named parameter.
    pub(crate) fn named(&self, key: &str) -> Option<&NamedValue> {
        match &self.params {
            Params::Named(values) => {
                values.iter().find(|(name, _)| &*name.text == key).map(|(_, value)| value)
            }
            Params::None | Params::Single(_) | Params::List(_) => None,
        }
    }

    /// The named parameter's expression.
    pub(crate) fn named_expr(&self, key: &str) -> Option<&Expr> {
        match self.named(key) {
            Some(NamedValue::Expr(expr)) => Some(expr),
            _ => None,
        }
    }

    pub(crate) fn named_string(&self, key: &str) -> Option<&str> {
        self.named_expr(key).and_then(Expr::as_string)
    }

    pub(crate) fn named_bool(&self, key: &str) -> Option<bool> {
        match self.named_expr(key).map(|expr| &expr.kind) {
            Some(ExprKind::Literal(LiteralKind::Bool(value))) => Some(*value),
            _ => None,
        }
    }

    /// One or several positional strings; empty when there are none.
    pub(crate) fn strings(&self) -> Vec<&str> {
        match &self.params {
            Params::Single(value) => value.as_string().into_iter().collect(),
            Params::List(values) => values.iter().filter_map(Expr::as_string).collect(),
            Params::None | Params::Named(_) => Vec::new(),
        }
    }
}

impl Expr {
    pub(crate) fn as_string(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Literal(LiteralKind::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Literal(LiteralKind::Number(text)) => Some(text),
            _ => None,
        }
    }
}
