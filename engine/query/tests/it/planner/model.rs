//! A small builder for models and the bookshop model the planner is tested with.

use std::sync::Arc;

use studio_model::ir::*;

pub(crate) struct Builder {
    pub(crate) ir: Ir,
}

pub(crate) fn rule(expr: AccessExpr) -> Arc<AccessRule> {
    Arc::new(AccessRule { expr, text: None, origin: Origin::default() })
}

pub(crate) fn open() -> EntityAccess {
    let yes = || rule(AccessExpr::Literal(true));
    EntityAccess { read: yes(), create: yes(), update: yes(), delete: yes() }
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { ir: Ir::default() }
    }

    pub(crate) fn entity(&mut self, name: &str, plural: &str, table: &str) -> EntityId {
        self.ir.entities.push(Entity {
            name: name.into(),
            plural: plural.into(),
            docs: None,
            module: ModuleId(0),
            table: TableName { schema: None, name: table.into() },
            managed: true,
            fields: Arena::new(),
            columns: Arena::new(),
            primary_key: Vec::new(),
            uniques: Vec::new(),
            indexes: Vec::new(),
            access: open(),
            projections: Vec::new(),
            origin: Origin::default(),
        })
    }

    pub(crate) fn field(
        &mut self,
        entity: EntityId,
        name: &str,
        kind: FieldKind,
        columns: Vec<ColumnId>,
    ) -> FieldId {
        self.ir.entities[entity].fields.push(Field {
            name: name.into(),
            docs: None,
            kind,
            optional: false,
            columns: columns.into(),
            default: None,
            readonly: false,
            update: false,
            range: None,
            access: None,
            origin: Origin::default(),
        })
    }

    pub(crate) fn column(&mut self, entity: EntityId, name: &str, ty: ColumnType) -> ColumnId {
        self.ir.entities[entity].columns.push(Column {
            name: name.into(),
            ty,
            nullable: false,
            primary_key: false,
            default: None,
            on_update: false,
        })
    }

    pub(crate) fn value(
        &mut self,
        entity: EntityId,
        name: &str,
        value: ValueType,
        ty: ColumnType,
    ) -> FieldId {
        let column = self.column(entity, name, ty);
        self.field(entity, name, FieldKind::Value(value), vec![column])
    }

    pub(crate) fn scalar(&mut self, entity: EntityId, name: &str, scalar: Scalar, ty: ColumnType) -> FieldId {
        self.value(entity, name, ValueType::Scalar(scalar), ty)
    }

    /// `@pk id: Int = autoIncrement()`
    pub(crate) fn id(&mut self, entity: EntityId) -> FieldId {
        let field = self.scalar(entity, "id", Scalar::Int, ColumnType::Int);
        let column = self.ir.entities[entity].fields[field].columns[0];
        self.ir.entities[entity].columns[column].primary_key = true;
        self.ir.entities[entity].columns[column].default = Some(ColumnDefault::Serial);
        self.ir.entities[entity].fields[field].default = Some(FieldDefault::Column(ColumnDefault::Serial));
        self.ir.entities[entity].primary_key.push(field);
        field
    }

    /// A reference by the target's key with its inverse.
    pub(crate) fn relation(
        &mut self,
        entity: EntityId,
        name: &str,
        target: EntityId,
        inverse: Option<(&str, bool)>,
    ) -> FieldId {
        let key: Vec<(ColumnId, String, ColumnType)> = self.ir.entities[target]
            .primary_key
            .iter()
            .flat_map(|field| self.ir.entities[target].fields[*field].columns.to_vec())
            .map(|column| {
                let column_def = &self.ir.entities[target].columns[column];
                (column, column_def.name.clone(), column_def.ty.clone())
            })
            .collect();
        let pairs: Vec<(ColumnId, ColumnId)> = key
            .into_iter()
            .map(|(theirs, suffix, ty)| (self.column(entity, &format!("{name}_{suffix}"), ty), theirs))
            .collect();
        let columns = pairs.iter().map(|(own, _)| *own).collect();
        let one_to_one = inverse.is_some_and(|(_, single)| single);
        let kind = FieldKind::Reference { target, inverse: None, one_to_one, pairs };
        let owner = self.field(entity, name, kind, columns);
        if let Some((inverse_name, single)) = inverse {
            let kind = if single {
                FieldKind::InverseOne { target: entity, owner }
            } else {
                FieldKind::Collection { target: entity, owner }
            };
            let id = self.field(target, inverse_name, kind, Vec::new());
            if let FieldKind::Reference { inverse, .. } = &mut self.ir.entities[entity].fields[owner].kind {
                *inverse = Some(id);
            }
        }
        owner
    }
}

/// `authors`, `books`, `reviews`, `profiles` of the specification.
pub(crate) fn bookshop() -> Ir {
    let mut b = Builder::new();
    let shelf = b.ir.enums.push(EnumType {
        name: "Shelf".into(),
        values: vec!["Fiction".into(), "Poetry".into()],
        module: ModuleId(0),
        schema: None,
        db_name: "shelf".into(),
        origin: Origin::default(),
    });
    let author = b.entity("Author", "Authors", "authors");
    b.id(author);
    b.scalar(author, "name", Scalar::String, ColumnType::Text);
    let book = b.entity("Book", "Books", "books");
    b.id(book);
    let isbn = b.scalar(book, "isbn", Scalar::String, ColumnType::Text);
    b.ir.entities[book].uniques.push(Unique {
        name: "isbn".into(),
        db_name: "unique_constraint_book_isbn".into(),
        fields: vec![isbn],
    });
    b.scalar(book, "title", Scalar::String, ColumnType::Text);
    b.scalar(book, "price", Scalar::Decimal, ColumnType::Numeric { precision: None, scale: None });
    b.value(book, "shelf", ValueType::Enum(shelf), ColumnType::Enum(shelf));
    b.relation(book, "author", author, Some(("books", false)));
    let review = b.entity("Review", "Reviews", "reviews");
    b.id(review);
    b.scalar(review, "stars", Scalar::Int, ColumnType::Int);
    b.scalar(review, "body", Scalar::String, ColumnType::Text);
    b.relation(review, "book", book, Some(("reviews", false)));
    let profile = b.entity("Profile", "Profiles", "profiles");
    b.id(profile);
    b.scalar(profile, "bio", Scalar::String, ColumnType::Text);
    b.relation(profile, "author", author, Some(("profile", true)));
    b.ir
}
