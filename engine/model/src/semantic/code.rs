//! Modules backed by code: types, methods, interceptors (language.md 8).

use heck::ToLowerCamelCase;
use rustc_hash::FxHashMap;

use super::access::{RuleLowering, closed};
use super::annotation::{find, has};
use super::entity::{self, Table};
use super::member::Members;
use super::names::{CompositeKind, Names, PluginKind};
use super::relation::Kind;
use super::rule::{Rules, Scope};
use super::ty::{self, Primitive, Ty};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{
    AccessRule, Arena, ArenaId, CodeBase, CodeField, CodeModule, CodeType, CodeTypeId, CodeTypeRef,
    ContextId, Interceptor, InterceptorKind, Method, Module, ModuleId, Param, Plugin,
};
use crate::source::{FileTable, SourceSet, Span, folder_of, normalize};
use crate::syntax::ast::{self, Annotation, ExprKind, LiteralKind, Params, TypeRef};

/// Where a type is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Field,
    Param,
    Result,
}

/// The first use of a type as parameter and as result.
#[derive(Debug, Default, Clone, Copy)]
struct Uses {
    input: Option<Span>,
    output: Option<Span>,
    reported: bool,
}

struct Lowering<'s, 'a> {
    names: &'s Names<'a>,
    members: &'s Members<'a>,
    kinds: &'s [Vec<Kind>],
    files: &'s FileTable,
    uses: FxHashMap<usize, Uses>,
    out: &'s mut Vec<Diagnostic>,
}

/// Modules of all plugins and the types of code modules.
pub(crate) fn lower(
    names: &Names<'_>,
    members: &Members<'_>,
    kinds: &[Vec<Kind>],
    files: &FileTable,
    sources: &SourceSet,
    out: &mut Vec<Diagnostic>,
) -> (Arena<ModuleId, Module>, Arena<CodeTypeId, CodeType>) {
    let mut lowering = Lowering { names, members, kinds, files, uses: FxHashMap::default(), out };
    let modules: Arena<ModuleId, Module> =
        (0..names.modules.len()).map(|index| lowering.module(index, sources)).collect();
    lowering.spread_inputs();
    let types = (0..names.composites.len()).filter_map(|index| lowering.code_type(index)).collect();
    (modules, types)
}

impl<'a> Lowering<'_, 'a> {
    fn module(&mut self, index: usize, sources: &SourceSet) -> Module {
        let info = &self.names.modules[index];
        let decl = info.decl;
        let (name, docs) = (str::to_owned(&decl.name.text), decl.docs.clone());
        if info.plugin == PluginKind::Postgres {
            let ignored = (decl.methods.iter().map(|method| (&method.name, "operation")))
                .chain(decl.interceptors.iter().map(|interceptor| (&interceptor.name, "interceptor")));
            if !decl.annotations.is_empty() {
                for (name, kind) in ignored {
                    self.out.push(make::ignored_operation(name, kind));
                }
            }
            return Module { name, docs, plugin: Plugin::Postgres { schema: entity::module_schema(decl) } };
        }
        let (annotation, kind) = match info.plugin {
            PluginKind::Wasm => ("wasm", PluginKind::Wasm),
            PluginKind::Deno | PluginKind::Postgres => ("deno", PluginKind::Deno),
        };
        let annotation = find(&decl.annotations, annotation);
        let written = annotation.and_then(Annotation::string).unwrap_or_default();
        let file = self.files.get(info.file).map(|file| file.path.clone()).unwrap_or_default();
        let path = normalize(folder_of(&file), written);
        if kind == PluginKind::Wasm
            && !written.is_empty()
            && sources.has_asset(&path) == Some(false)
            && let Some(span) = annotation.and_then(Annotation::single).map(|expr| expr.span)
        {
            self.out.push(make::module_file(&path, span));
        }
        let methods = decl.methods.iter().map(|method| self.method(method, kind)).collect();
        let interceptors =
            decl.interceptors.iter().map(|interceptor| self.interceptor(interceptor, kind)).collect();
        let code = CodeModule { path, methods, interceptors };
        let plugin = if kind == PluginKind::Wasm { Plugin::Wasm(code) } else { Plugin::Deno(code) };
        Module { name, docs, plugin }
    }

    fn method(&mut self, method: &ast::Method, plugin: PluginKind) -> Method {
        let params = method.params.iter().map(|param| self.param(param, plugin, false)).collect();
        let result = ty::resolve(self.names, &method.result, method.result.span, self.out);
        let lowered = self.reference(&result, &method.result, Position::Result, plugin);
        let annotation = find(&method.annotations, "access");
        let access = self.access(annotation, Scope::Method, method.name.span);
        let foreign = innermost(&method.result).module.is_some();
        if foreign && access.text.is_some() && !matches!(access.expr, crate::ir::AccessExpr::Literal(_)) {
            self.out.push(make::foreign_result_enforced(&method.name));
        }
        Method {
            name: str::to_owned(&method.name.text),
            docs: method.docs.clone(),
            is_mutation: method.is_mutation,
            params,
            result: lowered,
            access,
        }
    }

    fn access(&mut self, annotation: Option<&Annotation>, scope: Scope, place: Span) -> AccessRule {
        let origin = entity::origin(self.files, place);
        let Some(annotation) = annotation else { return closed(origin) };
        match &annotation.params {
            Params::Single(expr) => {
                let rules = Rules::new(self.names, self.members, self.kinds, scope, self.out);
                RuleLowering::new(rules, self.files, place).rule(Some(expr))
            }
            Params::Named(_) => {
                self.out.push(make::named_rules_in_code(annotation.span));
                closed(origin)
            }
            Params::None | Params::List(_) => closed(origin),
        }
    }

    fn param(&mut self, param: &ast::Param, plugin: PluginKind, implicit: bool) -> Param {
        let ty = ty::resolve(self.names, &param.ty, param.span, self.out);
        let lowered = self.reference(&ty, &param.ty, Position::Param, plugin);
        let injectable = matches!(ty.required(), Ty::Context(_) | Ty::Injected(_));
        let injected = injectable && (implicit || has(&param.annotations, "inject"));
        if injectable && !injected {
            self.out.push(make::not_injected(param));
        }
        Param { name: str::to_owned(&param.name.text), ty: lowered, injected }
    }

    fn interceptor(&mut self, decl: &ast::InterceptorDecl, plugin: PluginKind) -> Interceptor {
        let kinds: Vec<(&Annotation, InterceptorKind)> = (decl.annotations.iter())
            .filter_map(|annotation| match &*annotation.name.text {
                "before" => Some((annotation, InterceptorKind::Before)),
                "after" => Some((annotation, InterceptorKind::After)),
                "around" => Some((annotation, InterceptorKind::Around)),
                _ => None,
            })
            .collect();
        let mut pattern = String::new();
        let mut kind = InterceptorKind::Before;
        match kinds.as_slice() {
            [] => self.out.push(make::interceptor_kind(decl)),
            [(annotation, only)] => {
                kind = *only;
                pattern = self.pattern(annotation);
            }
            several => {
                let same = several.iter().all(|(_, other)| *other == several[0].1);
                // The same kind twice is a repeated annotation.
                if !same {
                    let spans: Vec<Span> = several.iter().map(|(annotation, _)| annotation.span).collect();
                    self.out.push(make::interceptor_kinds(decl, &spans));
                }
            }
        }
        let params = decl.params.iter().map(|param| self.param(param, plugin, true)).collect();
        Interceptor { name: str::to_owned(&decl.name.text), kind, pattern, params }
    }

    fn pattern(&mut self, annotation: &Annotation) -> String {
        let Some(expr) = annotation.single() else { return String::new() };
        match &expr.kind {
            ExprKind::Literal(LiteralKind::String(text)) => return text.to_string(),
            ExprKind::Literal(LiteralKind::Bool(true)) => return "*".to_owned(),
            ExprKind::Literal(LiteralKind::Bool(false)) | ExprKind::Error => return String::new(),
            ExprKind::Or(parts) | ExprKind::And(parts) => {
                let op = if matches!(expr.kind, ExprKind::Or(_)) { "||" } else { "&&" };
                let wrong: Vec<(Span, String)> = (parts.iter())
                    .filter(|part| part.as_string().is_some())
                    .map(|part| (part.span, "String".to_owned()))
                    .collect();
                if !wrong.is_empty() {
                    self.out.push(make::logical_operand(op, &wrong));
                    return String::new();
                }
            }
            ExprKind::Not(inner) if inner.as_string().is_some() => {
                self.out.push(make::negated_operand("String", inner.span));
                return String::new();
            }
            ExprKind::Not(_) | ExprKind::Relation { .. } | ExprKind::Literal(_) | ExprKind::Path(_) => {}
        }
        self.out.push(make::interceptor_pattern(expr.span));
        String::new()
    }

    fn code_type(&mut self, index: usize) -> Option<CodeType> {
        let composite = &self.names.composites[index];
        let CompositeKind::Code(_) = composite.kind else { return None };
        let decl = composite.decl;
        let plugin = self.names.modules[composite.module.index()].plugin;
        let members = self.members;
        let fields = (members.composites[index].members.iter())
            .map(|member| CodeField {
                name: str::to_owned(&member.decl.name.text),
                docs: member.decl.docs.clone(),
                ty: self.reference(&member.ty, &member.decl.ty, Position::Field, plugin),
            })
            .collect();
        let access = self.access(find(&decl.annotations, "access"), Scope::CodeType, decl.name.span);
        let uses = self.uses.get(&index).copied().unwrap_or_default();
        Some(CodeType {
            name: str::to_owned(&decl.name.text),
            docs: decl.docs.clone(),
            module: composite.module,
            is_input: uses.input.is_some(),
            fields,
            access,
        })
    }

    fn reference(
        &mut self,
        ty: &Ty,
        written: &TypeRef,
        position: Position,
        plugin: PluginKind,
    ) -> CodeTypeRef {
        let mut lists = Vec::new();
        let mut optional = false;
        let mut inner = ty;
        loop {
            match inner {
                Ty::Optional(next) => {
                    optional = true;
                    inner = next;
                }
                Ty::Set(next) | Ty::Array(next) => {
                    lists.push(optional);
                    optional = false;
                    inner = next;
                }
                _ => break,
            }
        }
        let base = self.base(inner, innermost(written), position, plugin);
        CodeTypeRef { base, lists, optional }
    }

    fn base(&mut self, ty: &Ty, written: &TypeRef, position: Position, plugin: PluginKind) -> CodeBase {
        let fallback = CodeBase::Vector;
        let qualified = written.module.is_some();
        match ty {
            Ty::Primitive(Primitive::Scalar(scalar)) => CodeBase::Scalar(*scalar),
            Ty::Primitive(Primitive::Vector) => CodeBase::Vector,
            Ty::Enum(_) => {
                self.out.push(make::enum_in_code(written.span));
                fallback
            }
            Ty::Composite(index) => {
                let composite = &self.names.composites[*index];
                let module = &self.names.modules[composite.module.index()];
                let (base, foreign) = match composite.kind {
                    CompositeKind::Code(id) => (CodeBase::Code(id), module.plugin != plugin),
                    CompositeKind::Entity(id) => (CodeBase::Entity(id), true),
                    CompositeKind::Json(_) | CompositeKind::Fragment => {
                        self.out.push(make::foreign_argument(written.span));
                        return fallback;
                    }
                };
                if foreign && position != Position::Result {
                    self.out.push(make::foreign_argument(written.span));
                } else if foreign && !qualified {
                    let wanted = format!("{}.{}", module.decl.name.text, composite.decl.name.text);
                    self.out.push(make::foreign_without_prefix(&wanted, written.span, written.name.span));
                }
                if !foreign {
                    self.note_use(*index, position, written.span);
                }
                base
            }
            Ty::Context(index) if position == Position::Param => {
                CodeBase::Context(ContextId::from_index(*index))
            }
            Ty::Injected(injected) if position == Position::Param => match injected {
                ty::Injected::Exograph => CodeBase::Exograph,
                ty::Injected::ExographPriv => CodeBase::ExographPriv,
                ty::Injected::Operation => CodeBase::Operation,
            },
            Ty::Context(_) | Ty::Injected(_) => {
                self.out.push(make::foreign_argument(written.span));
                fallback
            }
            Ty::Error | Ty::Null | Ty::Set(_) | Ty::Array(_) | Ty::Optional(_) => fallback,
        }
    }

    /// What an input type is made of is input, too, unless it is also a result.
    fn spread_inputs(&mut self) {
        let mut waiting: Vec<(usize, Span)> =
            self.uses.iter().filter_map(|(index, uses)| Some((*index, uses.input?))).collect();
        while let Some((index, span)) = waiting.pop() {
            for member in &self.members.composites[index].members {
                let Ty::Composite(inner) = member.ty.innermost() else { continue };
                let uses = self.uses.entry(*inner).or_default();
                if uses.input.is_none() && uses.output.is_none() {
                    uses.input = Some(span);
                    waiting.push((*inner, span));
                }
            }
        }
    }

    fn note_use(&mut self, composite: usize, position: Position, span: Span) {
        let uses = self.uses.entry(composite).or_default();
        let opposite = match position {
            Position::Field => return,
            Position::Param => {
                uses.input = uses.input.or(Some(span));
                uses.output
            }
            Position::Result => {
                uses.output = uses.output.or(Some(span));
                uses.input
            }
        };
        if let Some(opposite) = opposite
            && !uses.reported
        {
            uses.reported = true;
            let name = &self.names.composites[composite].decl.name.text;
            self.out.push(make::input_and_output(name, span, opposite));
        }
    }
}

fn innermost(mut written: &TypeRef) -> &TypeRef {
    while let [only] = written.args.as_slice() {
        if !matches!(&*written.name.text, "Set" | "Array") {
            break;
        }
        written = only;
    }
    written
}

/// Warns about operations of one name in several modules (language.md 7.1).
pub(crate) fn warn_shared_operations(names: &Names<'_>, tables: &[Table], out: &mut Vec<Diagnostic>) {
    let methods: Vec<(usize, &ast::Name)> = (names.modules.iter().enumerate())
        .filter(|(_, module)| module.plugin != PluginKind::Postgres)
        .flat_map(|(index, module)| module.decl.methods.iter().map(move |method| (index, &method.name)))
        .collect();
    if methods.is_empty() {
        return;
    }
    let mut known: FxHashMap<String, (Option<usize>, Span)> = FxHashMap::default();
    let entities =
        names.composites.iter().filter(|composite| matches!(composite.kind, CompositeKind::Entity(_)));
    for (composite, table) in entities.zip(tables) {
        let (name, plural) = (&*composite.decl.name.text, &table.plural);
        let many = plural.to_lower_camel_case();
        let derived = [name.to_lower_camel_case(), format!("{many}Agg"), many].into_iter().chain(
            ["create", "update", "delete"]
                .iter()
                .flat_map(|verb| [format!("{verb}{name}"), format!("{verb}{plural}")]),
        );
        for operation in derived {
            known.entry(operation).or_insert((None, composite.decl.name.span));
        }
    }
    for (module, name) in methods {
        match known.get(&*name.text) {
            None => {
                known.insert(str::to_owned(&name.text), (Some(module), name.span));
            }
            // Twice in one module is an error of its own.
            Some((Some(other), _)) if *other == module => {}
            Some((_, first)) => out.push(make::shared_operation(name, *first)),
        }
    }
}
