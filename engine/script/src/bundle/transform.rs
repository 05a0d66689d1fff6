//! One file: TypeScript becomes JavaScript, its imports and exports are noted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use oxc::allocator::Allocator;
use oxc::ast::ast::{
    ImportDeclarationSpecifier, ModuleExportName, Program, Statement, StringLiteral, WithClauseKeyword,
};
use oxc::codegen::{Codegen, CodegenOptions};
use oxc::diagnostics::{OxcDiagnostic, Severity};
use oxc::parser::{Parser, ParserReturn};
use oxc::semantic::SemanticBuilder;
use oxc::span::{GetSpan, SourceType, Span};
use oxc::syntax::module_record::{ExportExportName, ModuleRecord};
use oxc::transformer::{TransformOptions, Transformer};

use studio_model::ir::LineMark;

/// What came of a file.
#[derive(Debug, Default)]
pub(super) struct Transformed {
    pub(super) code: String,
    pub(super) lines: Vec<LineMark>,
    /// Imports that are still there without the types, in order.
    pub(super) imports: Vec<Import>,
    pub(super) exports: Option<BTreeSet<String>>,
    /// Exported names that are types and nothing else.
    pub(super) types: BTreeSet<String>,
    /// Offset of what shows that the file is a CommonJS module.
    pub(super) common_js: Option<usize>,
    pub(super) problems: Vec<SyntaxProblem>,
}

/// An import or re-export.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) specifier: String,
    /// Byte offsets of the specifier in the file.
    pub(super) start: usize,
    pub(super) end: usize,
    /// `import("…")`.
    pub(super) dynamic: bool,
    /// What is taken from the module by name.
    pub(super) names: Vec<ImportedName>,
}

/// A name that the imported module has to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImportedName {
    pub(super) name: String,
    /// Byte offsets in the file.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl ImportedName {
    fn new(name: &str, span: Span) -> Self {
        Self { name: name.to_owned(), start: span.start as usize, end: span.end as usize }
    }

    fn of(name: &ModuleExportName<'_>) -> Self {
        Self::new(name.name().as_str(), name.span())
    }
}

/// A mistake between two byte offsets.
#[derive(Debug)]
pub(super) struct SyntaxProblem {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) message: String,
    pub(super) help: String,
}

/// Strips types and notes imports. JavaScript of today stays as it is.
pub(super) fn transform(path: &str, text: &str) -> Transformed {
    let allocator = Allocator::default();
    let typed = Path::new(path)
        .extension()
        .is_some_and(|extension| ["ts", "tsx", "mts", "cts", "jsx"].iter().any(|known| extension == *known));
    let source_type = if path.ends_with(".tsx") {
        SourceType::tsx()
    } else if path.ends_with(".jsx") {
        SourceType::jsx()
    } else if typed {
        SourceType::ts()
    } else {
        SourceType::mjs()
    };
    let ParserReturn { mut program, module_record, diagnostics, .. } =
        Parser::new(&allocator, text, source_type).parse();
    let mut result = Transformed::default();
    // The others mostly follow from the first one.
    result.problems.extend(diagnostics.errors().take(1).map(problem));
    if !result.problems.is_empty() {
        return result;
    }
    result.exports = exports(&module_record);
    result.types = exported(&module_record, true).collect();
    let dynamic = dynamic_imports(&module_record, text);
    if !module_record.has_module_syntax {
        result.common_js = common_js(text);
    }
    let modernised = modernise(&mut program);
    if !typed && !modernised {
        result.imports = imports(&program);
        result.imports.extend(dynamic);
        text.clone_into(&mut result.code);
        return result;
    }
    if typed {
        let semantic =
            SemanticBuilder::new_compiler().with_excess_capacity(2.0).with_enum_eval(true).build(&program);
        result.problems.extend(semantic.diagnostics.errors().map(problem));
        if !result.problems.is_empty() {
            return result;
        }
        let scoping = semantic.semantic.into_scoping();
        let transformed = Transformer::new(&allocator, Path::new(path), &TransformOptions::default())
            .build_with_scoping(scoping, &mut program);
        result.problems.extend(transformed.diagnostics.errors().map(problem));
        if !result.problems.is_empty() {
            return result;
        }
    }
    result.imports = imports(&program);
    result.imports.extend(dynamic);
    let options = CodegenOptions { source_map_path: Some(PathBuf::from(path)), ..CodegenOptions::default() };
    let printed = Codegen::new().with_options(options).build(&program);
    if let Some(map) = &printed.map {
        for token in map.get_tokens() {
            let mark = LineMark {
                line: token.get_dst_line() + 1,
                column: token.get_dst_col() + 1,
                source: token.get_src_line() + 1,
            };
            let known = result.lines.last();
            if known.is_none_or(|known| known.line != mark.line || known.source != mark.source) {
                result.lines.push(mark);
            }
        }
    }
    result.code = printed.code;
    result
}

/// `assert { type: "json" }` is how imports said `with` until a few years ago. Whether there was any.
fn modernise(program: &mut Program<'_>) -> bool {
    let mut found = false;
    for statement in &mut program.body {
        let clause = match statement {
            Statement::ImportDeclaration(import) => import.with_clause.as_mut(),
            Statement::ExportFromDeclaration(export) => export.with_clause.as_mut(),
            Statement::ExportAllDeclaration(export) => export.with_clause.as_mut(),
            _ => None,
        };
        if let Some(clause) = clause.filter(|clause| clause.keyword == WithClauseKeyword::Assert) {
            clause.keyword = WithClauseKeyword::With;
            found = true;
        }
    }
    found
}

/// Imports and re-exports of a module, in order.
fn imports(program: &Program<'_>) -> Vec<Import> {
    let import = |source: &StringLiteral<'_>, names| Import {
        specifier: source.value.as_str().to_owned(),
        start: source.span.start as usize,
        end: source.span.end as usize,
        dynamic: false,
        names,
    };
    let found = program.body.iter().filter_map(|statement| match statement {
        Statement::ImportDeclaration(declaration) => {
            let names = declaration.specifiers.iter().flatten().filter_map(|specifier| match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(it) => Some(ImportedName::of(&it.imported)),
                ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                    Some(ImportedName::new("default", it.span))
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => None,
            });
            Some(import(&declaration.source, names.collect()))
        }
        Statement::ExportFromDeclaration(export) => {
            let names = export.specifiers.iter().map(|specifier| ImportedName::of(&specifier.local));
            Some(import(&export.source, names.collect()))
        }
        Statement::ExportAllDeclaration(export) => Some(import(&export.source, Vec::new())),
        _ => None,
    });
    found.collect()
}

/// `import("…")` with a literal.
fn dynamic_imports(record: &ModuleRecord<'_>, text: &str) -> Vec<Import> {
    let literal = |written: &str| {
        let quote = written.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
        let inner = written.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(['\\', '$', quote])).then(|| inner.to_owned())
    };
    let requests = record.dynamic_imports.iter().map(|import| import.module_request);
    requests
        .filter_map(|span| {
            let (start, end) = (span.start as usize, span.end as usize);
            Some(Import {
                specifier: literal(text.get(start..end)?)?,
                start,
                end,
                dynamic: true,
                names: Vec::new(),
            })
        })
        .collect()
}

/// Exported names; `None` with `export *`.
fn exports(record: &ModuleRecord<'_>) -> Option<BTreeSet<String>> {
    record.star_export_entries.is_empty().then(|| exported(record, false).collect())
}

/// Names of exported values, or of exported types.
fn exported(record: &ModuleRecord<'_>, types: bool) -> impl Iterator<Item = String> {
    let entries = record.local_export_entries.iter().chain(record.indirect_export_entries.iter());
    entries.filter(move |entry| entry.is_type == types).filter_map(|entry| match &entry.export_name {
        ExportExportName::Name(name) => Some(name.name.as_str().to_owned()),
        ExportExportName::Default(_) => Some("default".to_owned()),
        ExportExportName::Null => None,
    })
}

/// Where a file without imports and exports speaks CommonJS.
fn common_js(text: &str) -> Option<usize> {
    ["module.exports", "exports.", "require("].iter().filter_map(|word| text.find(word)).min()
}

fn problem(diagnostic: &OxcDiagnostic) -> SyntaxProblem {
    debug_assert!(diagnostic.severity == Severity::Error);
    let label = diagnostic.labels.first();
    let start = label.map_or(0, |label| label.offset());
    let end = label.map_or(0, |label| label.offset() + label.len());
    let help = diagnostic.help.as_deref().unwrap_or_default().to_owned();
    SyntaxProblem { start: start as usize, end: end as usize, message: diagnostic.message.to_string(), help }
}
