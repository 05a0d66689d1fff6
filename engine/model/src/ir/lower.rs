//! Puts the results of the checker together into the IR.

use super::{
    Arena, CodeType, CodeTypeId, Context, ContextId, Entity, EntityAccess, EntityId, EnumType, Ir, JsonType,
    JsonTypeId, Module, ModuleId, Projection,
};
use crate::semantic::entity::{Table, module_schema, origin};
use crate::semantic::key::snake_case;
use crate::semantic::names::{CompositeKind, Names};
use crate::source::FileTable;

/// What the passes produced.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) docs: Option<String>,
    pub(crate) modules: Arena<ModuleId, Module>,
    pub(crate) contexts: Arena<ContextId, Context>,
    pub(crate) json_types: Arena<JsonTypeId, JsonType>,
    pub(crate) tables: Vec<Table>,
    pub(crate) access: Vec<EntityAccess>,
    pub(crate) projections: Vec<Vec<Projection>>,
    pub(crate) code_types: Arena<CodeTypeId, CodeType>,
}

/// The IR of a checked model.
pub(crate) fn assemble(names: &Names<'_>, files: &FileTable, parts: Parts) -> Ir {
    let enums = (names.enums.iter())
        .filter(|info| info.ir.is_some())
        .map(|info| EnumType {
            name: str::to_owned(&info.decl.name.text),
            values: info.decl.values.iter().map(|value| str::to_owned(&value.text)).collect(),
            module: info.module,
            schema: module_schema(names.modules[info.module.0 as usize].decl),
            db_name: snake_case(&info.decl.name.text).into_owned(),
            origin: origin(files, info.decl.name.span),
        })
        .collect();
    let composites =
        names.composites.iter().filter(|composite| matches!(composite.kind, CompositeKind::Entity(_)));
    let entities: Arena<EntityId, Entity> = composites
        .zip(parts.tables)
        .zip(parts.access)
        .zip(parts.projections)
        .map(|(((composite, table), access), projections)| Entity {
            name: str::to_owned(&composite.decl.name.text),
            plural: table.plural,
            docs: composite.decl.docs.clone(),
            module: composite.module,
            table: table.table,
            managed: table.managed,
            fields: table.fields,
            columns: table.columns,
            primary_key: table.primary_key,
            uniques: table.uniques,
            indexes: table.indexes,
            access,
            projections,
            origin: origin(files, composite.decl.name.span),
        })
        .collect();
    Ir {
        docs: parts.docs,
        modules: parts.modules,
        enums,
        json_types: parts.json_types,
        entities,
        contexts: parts.contexts,
        code_types: parts.code_types,
        trusted_documents: None,
        scripts: std::sync::Arc::default(),
    }
}
