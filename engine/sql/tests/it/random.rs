//! Random schemas as a model could ask for them. Small pools of names make two of them overlap.

use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, EnumType, ForeignKey, Function, Index, IndexKind,
    QualifiedName, Table, Trigger, Unique,
};

/// A small generator (splitmix64): the same seed gives the same schema everywhere.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn some_of<T: Clone>(&mut self, items: &[T], percent: usize) -> Vec<T> {
        items.iter().filter(|_| self.chance(percent)).cloned().collect()
    }
}

const TABLES: &[(Option<&str>, &str)] = &[
    (None, "authors"),
    (None, "books"),
    (None, "Mixed Case"),
    (Some("fleet"), "trucks"),
    (Some("fleet"), "depots"),
    (Some("log"), "order"),
];

/// A schema with up to six tables in up to three schemas.
pub(crate) fn schema(seed: u64) -> DatabaseSchema {
    let random = &mut Random(seed);
    let mut schema = DatabaseSchema::default();
    let labels = ["a", "b", "it's", "D"];
    for (owner, name) in [(None, "shelf"), (Some("fleet"), "kind")] {
        if random.chance(70) {
            let mut values: Vec<String> =
                random.some_of(&labels, 60).into_iter().map(str::to_owned).collect();
            if values.is_empty() {
                values.push("a".to_owned());
            }
            schema.enums.push(EnumType { name: QualifiedName::new(owner, name), values, managed: true });
        }
    }
    for (owner, name) in random.some_of(TABLES, 65) {
        let table = table(random, &schema.enums, QualifiedName::new(owner, name));
        schema.tables.push(table);
    }
    for at in 0..schema.tables.len() {
        foreign_keys(random, &mut schema, at);
    }
    for at in 0..schema.tables.len() {
        constraints(random, &mut schema, at);
    }
    finish(&mut schema);
    schema
}

fn table(random: &mut Random, enums: &[EnumType], name: QualifiedName) -> Table {
    let key = |name: &str, ty, default| Column {
        name: name.to_owned(),
        ty,
        primary_key: true,
        nullable: false,
        default,
    };
    let mut columns = match random.below(6) {
        0 | 1 => vec![key("id", ColumnType::Int, Some(ColumnDefault::Serial))],
        2 => vec![key("id", ColumnType::BigInt, Some(ColumnDefault::Serial))],
        3 => vec![key("id", ColumnType::Uuid, Some(ColumnDefault::GenerateUuid))],
        4 => vec![key("code", ColumnType::Text, None)],
        _ => vec![key("code", ColumnType::Text, None), key("year", ColumnType::Int, None)],
    };
    for name in random.some_of(&["title", "pages", "price", "made at", "state", "tags"], 60) {
        columns.push(value_column(random, enums, name));
    }
    if random.chance(20) {
        columns.rotate_left(1);
    }
    Table {
        name,
        columns,
        key_name: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        managed: true,
    }
}

fn value_column(random: &mut Random, enums: &[EnumType], name: &str) -> Column {
    let quoted = |text: &str| ColumnDefault::Quoted(text.to_owned());
    let number = |text: &str| ColumnDefault::Number(text.to_owned());
    let timestamp = |precision, time_zone| ColumnType::Timestamp { precision, time_zone };
    let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
    let array = |ty| ColumnType::Array(Box::new(ty));
    let mut choices = vec![
        (ColumnType::SmallInt, number("7")),
        (ColumnType::Int, number("-12")),
        (ColumnType::BigInt, number("3000000000")),
        (ColumnType::Int, ColumnDefault::Sequence(QualifiedName::public("tickets"))),
        (ColumnType::BigInt, ColumnDefault::Sequence(QualifiedName::new(Some("log"), "Numbers"))),
        (ColumnType::Int, ColumnDefault::Serial),
        (ColumnType::Real, number("1.5")),
        (ColumnType::DoublePrecision, number("-0.25")),
        (numeric(None, None), number("1.20")),
        (numeric(Some(9), None), number("0")),
        (numeric(Some(10), Some(2)), number("-99.5")),
        (ColumnType::Text, quoted("it's 'x'::text")),
        (ColumnType::Varchar(Some(20)), quoted("none")),
        (ColumnType::Varchar(Some(40)), quoted("")),
        (ColumnType::Boolean, ColumnDefault::Bool(true)),
        (timestamp(None, true), ColumnDefault::Now),
        (timestamp(Some(3), true), ColumnDefault::Now),
        (timestamp(None, false), quoted("2024-02-29T10:00")),
        (timestamp(Some(3), false), quoted("2024-02-29 10:00:00.120")),
        (ColumnType::Date, quoted("2024-02-29")),
        (ColumnType::Date, ColumnDefault::Now),
        (ColumnType::Time { precision: None }, quoted("09:30")),
        (ColumnType::Time { precision: Some(0) }, ColumnDefault::Now),
        (ColumnType::Jsonb, quoted("{\"a\": [1, 2]}")),
        (ColumnType::Bytea, ColumnDefault::Expression("decode('00ff', 'hex')".to_owned())),
        (ColumnType::Uuid, ColumnDefault::GenerateUuid),
        (ColumnType::Uuid, quoted("0F4B1C1E-0000-4000-8000-000000000000")),
    ];
    let plain = [array(ColumnType::Text), array(array(ColumnType::Int)), ColumnType::Char(Some(3))];
    for ty in enums {
        let label = random.pick(&ty.values);
        choices.extend(std::iter::repeat_n((ColumnType::Enum(ty.name.clone()), quoted(&label)), 4));
    }
    if random.chance(10) {
        let ty = random.pick(&plain);
        return Column { name: name.to_owned(), ty, primary_key: false, nullable: true, default: None };
    }
    let (ty, default) = random.pick(&choices);
    let default = Some(default).filter(|default| *default == ColumnDefault::Serial || random.chance(50));
    let nullable = random.chance(50) && default != Some(ColumnDefault::Serial);
    Column { name: name.to_owned(), ty, primary_key: false, nullable, default }
}

fn stem(name: &QualifiedName) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}_{}", name.name),
        None => name.name.clone(),
    }
}

fn foreign_keys(random: &mut Random, schema: &mut DatabaseSchema, at: usize) {
    let fields = random.some_of(&["owner", "parent"], 45);
    for field in fields {
        let target = schema.tables[random.below(schema.tables.len())].clone();
        let nullable = random.chance(50);
        let pairs: Vec<(String, String, ColumnType)> = target
            .primary_key()
            .map(|key| (format!("{field}_{}", key.name), key.name.clone(), key.ty.clone()))
            .collect();
        let table = &mut schema.tables[at];
        for (own, _, ty) in &pairs {
            table.columns.push(Column {
                name: own.clone(),
                ty: ty.clone(),
                primary_key: false,
                nullable,
                default: None,
            });
        }
        let mut columns: Vec<(String, String)> = pairs.into_iter().map(|(own, key, _)| (own, key)).collect();
        columns.sort();
        table.foreign_keys.push(ForeignKey {
            name: format!("{}_{field}_fk", stem(&table.name)),
            target: target.name.clone(),
            columns,
        });
    }
}

fn constraints(random: &mut Random, schema: &mut DatabaseSchema, at: usize) {
    let table = &mut schema.tables[at];
    let word = stem(&table.name).replace(' ', "_").to_lowercase();
    // An array or json column can be unique too; a key column alone is unique already.
    let names: Vec<String> =
        table.columns.iter().filter(|column| !column.primary_key).map(|column| column.name.clone()).collect();
    for constraint in random.some_of(&["first", "second"], 40) {
        let mut columns = random.some_of(&names, 40);
        columns.sort();
        if !columns.is_empty() && !table.uniques.iter().any(|unique| unique.columns == columns) {
            table.uniques.push(Unique { name: format!("unique_constraint_{word}_{constraint}"), columns });
        }
    }
    for index in random.some_of(&["one", "two"], 40) {
        let mut columns = random.some_of(&names, 40);
        columns.sort();
        if !columns.is_empty() && !table.indexes.iter().any(|index| index.columns == columns) {
            table.indexes.push(Index {
                name: format!("{word}_{index}_idx"),
                columns,
                kind: IndexKind::BTree,
            });
        }
    }
    if random.chance(30) {
        let stem = stem(&table.name);
        let timestamp = ColumnType::Timestamp { precision: None, time_zone: true };
        let names = random.some_of(&["updated_at", "touchedAt"], 60);
        let mut body = String::from("BEGIN ");
        for name in &names {
            table.columns.push(Column {
                name: (*name).to_owned(),
                ty: timestamp.clone(),
                primary_key: false,
                nullable: false,
                default: Some(ColumnDefault::Now),
            });
            body.push_str(&format!("NEW.{} = now(); ", studio_sql::schema::plain_ident(name)));
        }
        if !names.is_empty() {
            body.push_str("RETURN NEW; END;");
            let function = format!("exograph_update_{stem}");
            table
                .triggers
                .push(Trigger { name: format!("exograph_on_update_{stem}"), function: function.clone() });
            schema.functions.push(Function { name: function, body });
        }
    }
}

fn finish(schema: &mut DatabaseSchema) {
    let mut schemas: Vec<String> = Vec::new();
    let mut sequences: Vec<QualifiedName> = Vec::new();
    let mut mention = |name: &QualifiedName| {
        if let Some(schema) = name.schema.clone().filter(|schema| !schemas.contains(schema)) {
            schemas.push(schema);
        }
    };
    schema.enums.iter().for_each(|ty| mention(&ty.name));
    for table in &schema.tables {
        mention(&table.name);
        for column in &table.columns {
            if let Some(ColumnDefault::Sequence(name)) = &column.default {
                mention(name);
                if !sequences.contains(name) {
                    sequences.push(name.clone());
                }
            }
        }
    }
    schema.schemas = schemas;
    schema.sequences = sequences;
}
