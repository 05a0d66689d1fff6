//! Walks the trees once and notes every name with its meaning.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::expression::Scope;
use super::index::{Index, Meaning, Symbol, SymbolKind};
use crate::semantic::annotation::known;
use crate::semantic::member::Members;
use crate::semantic::names::{Entry, Names, ProgramFile};
use crate::semantic::ty::Ty;
use crate::source::{FileId, Span};
use crate::syntax::ast::{
    Annotation, EnumDecl, Expr, ExprKind, Field, Import, LiteralKind, Method, Module, Name, NamedValue,
    Param, Params, ProjectionAtom, TypeDecl, TypeRef,
};

/// Notes everything named in the program. `imported` finds the file of an import.
pub(super) fn index(
    program: &[ProgramFile],
    names: &Names<'_>,
    members: &Members<'_>,
    imported: impl Fn(FileId, &Import) -> Option<FileId>,
) -> Index {
    let mut walker = Walker {
        names,
        members,
        composites: by_place(names.composites.iter().map(|composite| &composite.decl.name)),
        contexts: by_place(names.contexts.iter().map(|context| &context.name)),
        methods: FxHashMap::default(),
        modules: FxHashMap::default(),
        index: Index::default(),
    };
    for module in &names.modules {
        walker.modules.entry(&module.decl.name.text).or_insert(module.decl.name.span);
        for method in &module.decl.methods {
            walker.methods.entry(&method.name.text).or_insert(method.name.span);
        }
    }
    for file in program {
        for import in &file.ast.imports {
            if let Some(target) = imported(file.id, import) {
                walker.index.name(inside(import.path_span), Meaning::File(target));
            }
        }
        for context in &file.ast.contexts {
            walker.type_decl(context, SymbolKind::Context);
        }
        for module in &file.ast.modules {
            walker.module(module);
        }
    }
    walker.index.finish();
    walker.index
}

/// Without the quotes.
fn inside(string: Span) -> Span {
    Span { start: string.start + 1, end: string.end.saturating_sub(1).max(string.start + 1), ..string }
}

fn by_place<'n>(declared: impl Iterator<Item = &'n Name>) -> FxHashMap<Span, usize> {
    declared.enumerate().map(|(index, name)| (name.span, index)).collect()
}

pub(super) struct Walker<'s, 'a> {
    pub(super) names: &'s Names<'a>,
    pub(super) members: &'s Members<'a>,
    /// Positions in `names` by the place of the declared name.
    composites: FxHashMap<Span, usize>,
    contexts: FxHashMap<Span, usize>,
    methods: FxHashMap<&'a str, Span>,
    modules: FxHashMap<&'a str, Span>,
    pub(super) index: Index,
}

impl Walker<'_, '_> {
    fn declare(
        &mut self,
        kind: SymbolKind,
        name: &Name,
        container: Option<&Name>,
        docs: Option<&str>,
        signature: Span,
    ) {
        let symbol = Symbol {
            kind,
            name: name.text.clone(),
            container: container.map(|name| name.text.clone()),
            docs: docs.map(Arc::from),
            signature,
        };
        self.index.declare(name.span, symbol);
    }

    fn module(&mut self, module: &Module) {
        self.annotations(&module.annotations, None, None);
        let signature = Span { end: module.name.span.end, ..module.span };
        self.declare(SymbolKind::Module, &module.name, None, module.docs.as_deref(), signature);
        for decl in &module.types {
            self.type_decl(decl, SymbolKind::Type);
        }
        for decl in &module.fragments {
            self.type_decl(decl, SymbolKind::Fragment);
        }
        for decl in &module.enums {
            self.enum_decl(decl);
        }
        for method in &module.methods {
            self.method(method, &module.name);
        }
        for interceptor in &module.interceptors {
            self.annotations(&interceptor.annotations, None, None);
            let (name, docs) = (&interceptor.name, interceptor.docs.as_deref());
            self.declare(SymbolKind::Interceptor, name, Some(&module.name), docs, interceptor.span);
            self.params(&interceptor.params, name);
        }
    }

    fn method(&mut self, method: &Method, module: &Name) {
        self.annotations(&method.annotations, None, None);
        let kind = if method.is_mutation { SymbolKind::Mutation } else { SymbolKind::Query };
        self.declare(kind, &method.name, Some(module), method.docs.as_deref(), method.span);
        self.params(&method.params, &method.name);
        self.type_ref(&method.result);
    }

    fn params(&mut self, params: &[Param], owner: &Name) {
        for param in params {
            self.annotations(&param.annotations, None, None);
            self.declare(SymbolKind::Parameter, &param.name, Some(owner), None, param.span);
            self.type_ref(&param.ty);
        }
    }

    fn enum_decl(&mut self, decl: &EnumDecl) {
        self.declare(SymbolKind::Enum, &decl.name, None, decl.docs.as_deref(), decl.span);
        for value in &decl.values {
            self.declare(SymbolKind::EnumValue, value, Some(&decl.name), None, value.span);
        }
    }

    fn type_decl(&mut self, decl: &TypeDecl, kind: SymbolKind) {
        let composite = self.composites.get(&decl.name.span).copied();
        let context = self.contexts.get(&decl.name.span).copied();
        self.annotations(&decl.annotations, composite, None);
        let signature = Span { end: decl.name.span.end, ..decl.span };
        self.declare(kind, &decl.name, None, decl.docs.as_deref(), signature);
        for field in &decl.fields {
            let own = match (composite, context) {
                (Some(index), _) => Some(&self.members.composites[index]),
                (None, Some(index)) => Some(&self.members.contexts[index]),
                (None, None) => None,
            };
            let ty = own
                .and_then(|list| list.members.iter().find(|member| member.decl.name.span == field.name.span));
            let ty = ty.map(|member| member.ty.clone());
            self.annotations(&field.annotations, composite, ty.as_ref());
            self.declare(SymbolKind::Field, &field.name, Some(&decl.name), field.docs.as_deref(), field.span);
            self.type_ref(&field.ty);
            self.default(field, ty.as_ref());
        }
        for spread in &decl.spreads {
            self.type_name(&spread.name);
        }
    }

    fn type_ref(&mut self, ty: &TypeRef) {
        if let Some(module) = &ty.module
            && let Some(place) = self.modules.get(&*module.text)
        {
            self.index.name(module.span, Meaning::Declared(*place));
        }
        self.type_name(&ty.name);
        for arg in &ty.args {
            self.type_ref(arg);
        }
    }

    fn type_name(&mut self, name: &Name) {
        let Some(entry) = self.names.lookup(&name.text) else { return };
        let meaning = match (entry, self.names.declared_at(entry)) {
            (_, Some(place)) => Meaning::Declared(place),
            (Entry::Primitive(primitive), None) => Meaning::Primitive(primitive.name()),
            (Entry::Injected(injected), None) => Meaning::Primitive(injected.name()),
            (Entry::Generic, None) => Meaning::Primitive(if &*name.text == "Set" { "Set" } else { "Array" }),
            (Entry::Enum(_) | Entry::Context(_) | Entry::Composite(_), None) => return,
        };
        self.index.name(name.span, meaning);
    }

    fn default(&mut self, field: &Field, ty: Option<&Ty>) {
        let Some(Expr { kind: ExprKind::Path(path), .. }) = field.default.as_deref() else { return };
        if path.head_call.is_some() {
            return;
        }
        match ty.map(Ty::required) {
            Some(Ty::Enum(index)) if path.steps.is_empty() => self.enum_value(&path.head, Some(*index)),
            _ => {
                self.path(path, &mut Scope::default());
            }
        }
    }

    /// `composite` is the enclosing type, `ty` the type of the annotated field.
    fn annotations(&mut self, annotations: &[Annotation], composite: Option<usize>, ty: Option<&Ty>) {
        for annotation in annotations {
            let Some(name) = known(&annotation.name.text) else { continue };
            self.index.name(annotation.name.span, Meaning::Annotation(name));
            match name {
                "access" => self.rules(annotation, composite),
                "relation" => {
                    if let (Some(Ty::Composite(target)), Some(value)) =
                        (ty.map(Ty::innermost), annotation.single())
                        && let ExprKind::Literal(LiteralKind::String(text)) = &value.kind
                    {
                        self.field_of(*target, text, inside(value.span));
                    }
                }
                "column" => self.mapping(annotation, ty),
                "projection" => self.projections(annotation, composite),
                "query" => {
                    if let Some(value) = annotation.single()
                        && let ExprKind::Literal(LiteralKind::String(text)) = &value.kind
                        && let Some(place) = self.methods.get(&**text)
                    {
                        self.index.name(inside(value.span), Meaning::Declared(*place));
                    }
                }
                _ => {}
            }
        }
    }

    fn rules(&mut self, annotation: &Annotation, composite: Option<usize>) {
        let mut scope = Scope { composite, lambdas: Vec::new() };
        match &annotation.params {
            Params::None => {}
            Params::Single(value) => {
                self.expr(value, &mut scope);
            }
            Params::List(values) => {
                for value in values {
                    self.expr(value, &mut scope);
                }
            }
            Params::Named(values) => {
                for (_, value) in values {
                    if let NamedValue::Expr(value) = value {
                        self.expr(value, &mut scope);
                    }
                }
            }
        }
    }

    /// Notes a name that means a field of a type, if the type has it.
    pub(super) fn field_of(&mut self, composite: usize, field: &str, span: Span) -> Option<Ty> {
        let list = &self.members.composites[composite];
        let member = &list.members[list.find(field)?];
        self.index.name(span, Meaning::Declared(member.decl.name.span));
        Some(member.ty.clone())
    }

    fn mapping(&mut self, annotation: &Annotation, ty: Option<&Ty>) {
        let (Some(Ty::Composite(target)), Some(NamedValue::Object(pairs, _))) =
            (ty.map(Ty::innermost), annotation.named("mapping"))
        else {
            return;
        };
        for (key, _) in pairs {
            let quoted = (key.span.end - key.span.start) as usize != key.text.len();
            let span = if quoted { inside(key.span) } else { key.span };
            self.field_of(*target, &key.text, span);
        }
    }

    fn projections(&mut self, annotation: &Annotation, composite: Option<usize>) {
        let (Params::Named(values), Some(composite)) = (&annotation.params, composite) else { return };
        let owner = &self.names.composites[composite].decl.name;
        for (name, value) in values {
            self.declare(SymbolKind::Projection, name, Some(owner), None, name.span.to(value.span()));
        }
        for (_, value) in values {
            let NamedValue::Projection(atoms, _) = value else { continue };
            for atom in atoms {
                match atom {
                    ProjectionAtom::Field(field) => {
                        self.field_of(composite, &field.text, field.span);
                    }
                    ProjectionAtom::Own(name) => self.projection_of(composite, name),
                    ProjectionAtom::Relation(field, name) => {
                        let ty = self.field_of(composite, &field.text, field.span);
                        if let Some(Ty::Composite(target)) = ty.as_ref().map(Ty::innermost) {
                            self.projection_of(*target, name);
                        }
                    }
                }
            }
        }
    }

    fn projection_of(&mut self, composite: usize, name: &Name) {
        let annotations = &self.names.composites[composite].decl.annotations;
        let Some(annotation) = crate::semantic::annotation::find(annotations, "projection") else { return };
        if let Params::Named(values) = &annotation.params
            && let Some((declared, _)) = values.iter().find(|(declared, _)| declared.text == name.text)
        {
            self.index.name(name.span, Meaning::Declared(declared.span));
        }
    }
}
