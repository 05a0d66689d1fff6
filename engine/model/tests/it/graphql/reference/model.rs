//! Random models of Postgres modules: what they are made of. The same seed gives the same model.

/// A model. Types are named by their positions.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) docs: Option<String>,
    pub(super) types: Vec<Type>,
    pub(super) embedded: Vec<Embedded>,
}

/// An entity with its names, written out: that they are right is part of the test.
#[derive(Debug)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) plural: &'static str,
    /// Lower camel case of the name and the plural.
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) docs: Option<String>,
    pub(super) access: &'static Access,
    pub(super) managed: bool,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug)]
pub(super) struct Access {
    pub(super) text: &'static str,
    pub(super) read: bool,
    pub(super) create: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

#[derive(Debug, Default)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) docs: Option<String>,
    pub(super) key: bool,
    pub(super) kind: Kind,
    pub(super) optional: bool,
    pub(super) default: Option<&'static str>,
    /// `@readonly` or `@update`.
    pub(super) closed: Option<&'static str>,
    pub(super) uniques: Vec<String>,
    /// `@relation` and its kin.
    pub(super) relation: String,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A scalar, or the enum `Kind`; arrays of some depth, their innermost elements optional or not.
    Value {
        ty: &'static str,
        depth: usize,
        gaps: bool,
    },
    Embedded(&'static str),
    Vector,
    Reference {
        to: usize,
        alone: bool,
    },
    Inverse(usize),
    Set(usize),
}

impl Default for Kind {
    fn default() -> Self {
        Self::value("Int")
    }
}

impl Kind {
    fn value(ty: &'static str) -> Self {
        Self::Value { ty, depth: 0, gaps: false }
    }
}

/// A `@json` type.
#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) name: &'static str,
    pub(super) docs: Option<String>,
    pub(super) fields: Vec<Field>,
}

pub(super) const SCALARS: [(&str, &str); 12] = [
    ("Int", "3"),
    ("Float", "1.5"),
    ("Decimal", "\"1.5\""),
    ("String", "\"x\""),
    ("Boolean", "true"),
    ("Uuid", "generate_uuid()"),
    ("Instant", "now()"),
    ("LocalDate", "now()"),
    ("LocalTime", "\"10:00\""),
    ("LocalDateTime", "now()"),
    ("Json", "\"{}\""),
    ("Blob", "'x'"),
];

const NAMES: [[&str; 4]; 9] = [
    ["Book", "Books", "book", "books"],
    ["Person", "People", "person", "people"],
    ["News", "Newss", "news", "newss"],
    ["ISBNRecord", "ISBNRecords", "isbnRecord", "isbnRecords"],
    ["Category", "Categories", "category", "categories"],
    ["User2", "User2s", "user2", "user2s"],
    ["order_line", "order_lines", "orderLine", "orderLines"],
    ["Box", "Boxes", "box", "boxes"],
    ["Fish", "Fishs", "fish", "fishs"],
];

const fn access(text: &'static str, open: [bool; 4]) -> Access {
    let [read, create, update, delete] = open;
    Access { text, read, create, update, delete }
}

static ACCESS: [Access; 9] = [
    access("@access(true)", [true; 4]),
    access("@access(false || Caller.role == \"x\")", [true; 4]),
    access("@access(query=true)", [true, false, false, false]),
    access("@access(query=true, mutation=Caller.role == \"a\", delete=false)", [true, true, true, false]),
    access("@access(query=true, create=false, mutation=true)", [true, false, true, true]),
    access("@access(query=true, create=true)", [true, true, false, false]),
    access("@access(query=(false), mutation=true)", [false, true, true, true]),
    access("@access(update=true, query=Caller.role != \"a\")", [true, false, true, false]),
    access("", [false; 4]),
];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn docs(&mut self, of: &str) -> Option<String> {
        self.chance(30).then(|| format!("About {of}."))
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for index in (1..list.len()).rev() {
            let other = self.roll(index + 1);
            list.swap(index, other);
        }
    }
}

/// A model without errors.
pub(super) fn model(seed: u64) -> Model {
    let mut maker = Maker { dice: Dice(seed ^ 0x9E37_79B9_7F4A_7C15), model: Model::default(), names: 0 };
    for _ in 0..10 {
        maker.dice.roll(2);
    }
    maker.model.docs = maker.dice.docs("it all");
    maker.embedded();
    let mut names = NAMES;
    maker.dice.shuffle(&mut names);
    let count = 2 + maker.dice.roll(6);
    for [name, plural, one, many] in names.into_iter().take(count) {
        let access = &ACCESS[maker.dice.roll(ACCESS.len())];
        let docs = maker.dice.docs(name);
        maker.model.types.push(Type {
            name,
            plural,
            one,
            many,
            docs,
            access,
            managed: true,
            fields: Vec::new(),
        });
    }
    for index in 0..count {
        maker.key(index);
        for _ in 0..maker.dice.roll(5) {
            maker.plain(index);
        }
    }
    for _ in 0..maker.dice.roll(6) {
        let (from, to) = (maker.dice.roll(count), maker.dice.roll(count));
        if maker.model.types[to].managed {
            maker.relation(from, to);
        }
    }
    maker.finish()
}

struct Maker {
    dice: Dice,
    model: Model,
    names: usize,
}

impl Maker {
    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    fn add(&mut self, index: usize, mut field: Field) {
        field.docs = self.dice.docs(&field.name);
        self.model.types[index].fields.push(field);
    }

    fn embedded(&mut self) {
        let named = |name: &str, kind| Field { name: name.to_owned(), kind, ..Field::default() };
        let words = Kind::Value { ty: "String", depth: 1, gaps: self.dice.chance(50) };
        let mut inner = vec![named("a", Kind::value("Int")), named("words", words)];
        inner.push(Field {
            optional: true,
            docs: self.dice.docs("kinds"),
            ..named("k", Kind::value("Kind"))
        });
        let outer = vec![
            Field { optional: self.dice.chance(50), ..named("inner", Kind::Embedded("Inner")) },
            named("x", Kind::value("Float")),
        ];
        for (name, fields) in [("Inner", inner), ("Outer", outer)] {
            self.model.embedded.push(Embedded { name, docs: self.dice.docs(name), fields });
        }
    }

    /// Types whose key is one column: relations may be keys of others, and keys may be relations to them.
    fn single_keyed(&self, before: usize) -> Vec<usize> {
        let keys = |index: &usize| self.model.types[*index].fields.iter().filter(|field| field.key).count();
        (0..before).filter(|index| keys(index) == 1).collect()
    }

    fn key(&mut self, index: usize) {
        let key = |name: &str, ty| Field {
            name: name.to_owned(),
            key: true,
            kind: Kind::value(ty),
            ..Field::default()
        };
        let targets = self.single_keyed(index);
        match self.dice.roll(10) {
            0..=2 => self.add(index, Field { default: Some("autoIncrement()"), ..key("id", "Int") }),
            3 => self.add(index, key("key_id", "String")),
            4 => self.add(index, Field { default: Some("generate_uuid()"), ..key("uid", "Uuid") }),
            5 => {
                self.add(index, key("hall", "String"));
                self.add(index, key("kind", "Kind"));
            }
            6 => {
                self.model.types[index].managed = false;
                self.add(index, Field { key: false, ..key("plain", "Int") });
            }
            7.. if !targets.is_empty() => {
                let one = targets[self.dice.roll(targets.len())];
                self.reference(index, one, |field| field.key = true);
                match self.dice.roll(3) {
                    0 => self.add(index, key("n", "Int")),
                    1 => {
                        let two = targets[self.dice.roll(targets.len())];
                        self.reference(index, two, |field| field.key = true);
                    }
                    _ => {}
                }
            }
            _ => self.add(index, key("id", "Int")),
        }
    }

    fn plain(&mut self, index: usize) {
        let (ty, default) = SCALARS[self.dice.roll(SCALARS.len())];
        let mut field = Field { name: self.name("f"), optional: self.dice.chance(35), ..Field::default() };
        match self.dice.roll(10) {
            0..=4 => {
                field.kind = Kind::value(ty);
                if self.dice.chance(30) {
                    field.default = Some(default);
                    field.closed = [None, None, Some("@readonly"), Some("@update")][self.dice.roll(4)];
                }
                if !matches!(ty, "Json" | "Blob") {
                    field.uniques = match self.dice.roll(10) {
                        0 => vec![field.name.clone()],
                        1 => vec!["group_one".to_owned()],
                        2 => vec!["group_one".to_owned(), "second2".to_owned()],
                        _ => Vec::new(),
                    };
                }
            }
            5 | 6 => {
                field.kind = Kind::Value { ty, depth: 1 + self.dice.roll(2), gaps: self.dice.chance(30) }
            }
            7 => {
                field.kind = Kind::value("Kind");
                field.default = self.dice.chance(40).then_some("c_d");
            }
            8 => field.kind = Kind::Embedded(["Inner", "Outer"][self.dice.roll(2)]),
            _ => field.kind = Kind::Vector,
        }
        self.add(index, field);
    }

    /// A many-to-one, mostly with a collection on the other side.
    fn reference(&mut self, from: usize, to: usize, change: impl Fn(&mut Field)) {
        let name = self.name("r");
        let mut field = Field { kind: Kind::Reference { to, alone: false }, ..Field::default() };
        if self.dice.chance(70) {
            let back = format!("all_{name}");
            field.relation = format!("@relation(\"{back}\")");
            let relation = format!("@relation(\"{name}\")");
            let optional = self.dice.chance(60);
            self.add(to, Field { name: back, kind: Kind::Set(from), optional, relation, ..Field::default() });
        } else {
            // Nothing else may take this field for its partner.
            field.relation = "@manyToOne @relation(\"none\")".to_owned();
        }
        field.name = name;
        if self.dice.chance(15) {
            field.uniques.push("group_one".to_owned());
        }
        change(&mut field);
        self.add(from, field);
    }

    fn relation(&mut self, from: usize, to: usize) {
        let optional = self.dice.chance(40);
        if self.dice.chance(60) {
            return self.reference(from, to, |field| field.optional = optional);
        }
        let name = self.name("r");
        let mut field = Field { kind: Kind::Reference { to, alone: true }, ..Field::default() };
        if self.dice.chance(60) {
            let back = format!("its_{name}");
            field.relation = format!("@relation(\"{back}\")");
            let relation = format!("@relation(\"{name}\")");
            let kind = Kind::Inverse(from);
            self.add(to, Field { name: back, kind, optional: true, relation, ..Field::default() });
        } else {
            field.relation = "@oneToOne @relation(\"none\")".to_owned();
        }
        field.name = name;
        self.add(from, field);
    }

    fn finish(mut self) -> Model {
        for index in 0..self.model.types.len() {
            if self.dice.chance(50) {
                let mut fields = std::mem::take(&mut self.model.types[index].fields);
                self.dice.shuffle(&mut fields);
                self.model.types[index].fields = fields;
            }
        }
        self.model
    }
}
