//! Random models: entities with keys, values, relations and access rules, and their text.

use std::fmt::Write as _;

/// A small generator of repeatable random numbers (splitmix64).
#[derive(Debug)]
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
    pub(super) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ty {
    Int,
    Str,
    Bool,
    Kind,
}

/// A value. Labels of the enum are strings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum V {
    Null,
    Int(i64),
    Str(String),
    Bool(bool),
}

impl V {
    pub(super) fn random(rng: &mut Rng, ty: Ty) -> Self {
        match ty {
            Ty::Int => Self::Int(rng.below(4) as i64),
            Ty::Str => Self::Str(rng.pick(&["a", "b", "c"]).to_owned()),
            Ty::Bool => Self::Bool(rng.chance(50)),
            Ty::Kind => Self::Str(rng.pick(&["ROUND", "FLAT"]).to_owned()),
        }
    }
    pub(super) fn literal(&self, ty: Ty) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Int(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Str(text) if ty == Ty::Kind => text.clone(),
            Self::Str(text) => format!("\"{text}\""),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Value {
        ty: Ty,
        optional: bool,
    },
    Ref {
        target: usize,
        optional: bool,
        single: bool,
    },
    /// `owner` is the field of the target that refers here.
    Inverse {
        target: usize,
        owner: usize,
        single: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) enum Default {
    Literal(V),
    Context(usize),
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) key: bool,
    pub(super) auto: bool,
    pub(super) default: Option<Default>,
    /// The name of the field at the other end of a relation.
    partner: Option<String>,
    /// Read, create, update.
    pub(super) access: Option<[Rule; 3]>,
}

#[derive(Debug, Clone)]
pub(super) struct Entity {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
    /// Read, create, update, delete.
    pub(super) access: Vec<Rule>,
}

impl Entity {
    pub(super) fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.fields.len()).filter(|index| self.fields[*index].key)
    }
    pub(super) fn one(&self) -> String {
        self.name.to_lowercase()
    }
    pub(super) fn many(&self) -> String {
        format!("{}s", self.one())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Ge => Self::Lt,
            Self::Gt => Self::Le,
            Self::Le => Self::Gt,
        }
    }
    fn text(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    This,
    Element,
}

/// A path of fields, each of the entity the step before leads to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) entity: usize,
    pub(super) steps: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(V, Ty),
    Context(usize),
    Path(Path),
}

#[derive(Debug, Clone)]
pub(super) enum Rule {
    Literal(bool),
    Compare(Op, Operand, Operand),
    /// `path in Caller.list`
    In(Path, usize),
    /// `Caller.list.contains(literal)`
    Contains(usize, V, Ty),
    /// A bare Boolean: a path or a context field.
    Bare(Operand),
    Not(Box<Rule>),
    And(Box<Rule>, Box<Rule>),
    Or(Box<Rule>, Box<Rule>),
    Some(Path, Box<Rule>),
}

/// Fields of the context: name, annotation, type, list, optional.
pub(super) const CONTEXT: [(&str, &str, Ty, bool, bool); 11] = [
    ("id", "@jwt(\"sub\")", Ty::Int, false, true),
    ("org", "@jwt", Ty::Int, false, false),
    ("role", "@jwt", Ty::Str, false, false),
    ("nick", "@jwt(\"names.nick\")", Ty::Str, false, true),
    ("admin", "@jwt", Ty::Bool, false, false),
    ("staff", "@jwt(\"names.staff\")", Ty::Bool, false, true),
    ("groups", "@jwt", Ty::Int, true, false),
    ("roles", "@jwt", Ty::Str, true, false),
    ("desk", "@header(\"X-Desk\")", Ty::Int, false, true),
    ("theme", "@cookie", Ty::Str, false, true),
    ("beta", "@cookie(\"beta-flag\")", Ty::Bool, false, false),
];

#[derive(Debug)]
pub(super) struct Model {
    pub(super) entities: Vec<Entity>,
}

/// What a rule is for: rules on the data of a mutation cannot say everything that rules on rows can.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Row,
    Create,
    /// Both the row and the data.
    Update,
    /// Only the caller.
    Caller,
}

impl Model {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let names = ["Ant", "Bee", "Cow", "Dog"];
        let count = 2 + rng.below(3);
        let mut model = Self {
            entities: names[..count]
                .iter()
                .map(|name| Entity { name, fields: values(rng), access: Vec::new() })
                .collect(),
        };
        for entity in 0..count {
            model.relations(rng, entity);
        }
        // Where most operations are open, more of them change something.
        let open = rng.pick(&[15, 40, 85]);
        for entity in 0..count {
            model.rules(rng, entity, open);
        }
        model
    }

    fn relations(&mut self, rng: &mut Rng, entity: usize) {
        let mut targets: Vec<(usize, bool)> = Vec::new();
        if entity > 0 {
            targets.extend((0..1 + rng.below(2)).map(|_| (rng.below(entity), false)));
        }
        if rng.chance(40) {
            targets.push((entity, true));
        }
        for (number, (target, own)) in targets.into_iter().enumerate() {
            let single = !own && rng.chance(20);
            let optional = own || (!single && rng.chance(50));
            let name = format!("ref{number}");
            let partner = format!("back{entity}{number}");
            let owner = self.entities[entity].fields.len();
            let field = |name: &str, partner: &str, kind: Kind| Field {
                name: name.to_owned(),
                kind,
                key: false,
                auto: false,
                default: None,
                partner: Some(partner.to_owned()),
                access: None,
            };
            let kind = Kind::Ref { target, optional, single };
            self.entities[entity].fields.push(field(&name, &partner, kind));
            let kind = Kind::Inverse { target: entity, owner, single };
            self.entities[target].fields.push(field(&partner, &name, kind));
        }
    }

    fn rules(&mut self, rng: &mut Rng, entity: usize, open: u64) {
        for purpose in [Use::Row, Use::Create, Use::Update, Use::Row] {
            let rule =
                if rng.chance(open) { Rule::Literal(true) } else { self.rule(rng, entity, None, purpose, 3) };
            self.entities[entity].access.push(rule);
        }
        for index in 0..self.entities[entity].fields.len() {
            let field = &self.entities[entity].fields[index];
            let plain = matches!(field.kind, Kind::Value { .. });
            if field.key || !plain || field.default.is_some() || !rng.chance(20) {
                continue;
            }
            let access = [
                self.rule(rng, entity, None, Use::Row, 1),
                self.rule(rng, entity, None, Use::Caller, 1),
                self.rule(rng, entity, None, Use::Update, 1),
            ];
            // Through relations the data of an update says nothing about the row itself; that is for the type.
            let update = if access[2].is_local() { access[2].clone() } else { Rule::Literal(true) };
            let [read, create, _] = access;
            self.entities[entity].fields[index].access = Some([read, create, update]);
        }
    }

    fn rule(&self, rng: &mut Rng, this: usize, element: Option<usize>, purpose: Use, depth: usize) -> Rule {
        if depth > 0 && rng.chance(60) {
            let inner = |rng: &mut Rng| Box::new(self.rule(rng, this, element, purpose, depth - 1));
            return match rng.below(7) {
                0 | 1 => Rule::And(inner(rng), inner(rng)),
                2..=4 => Rule::Or(inner(rng), inner(rng)),
                _ => Rule::Not(inner(rng)),
            };
        }
        for _ in 0..20 {
            if let Some(rule) = self.leaf(rng, this, element, purpose) {
                return rule;
            }
        }
        Rule::Literal(rng.chance(50))
    }

    fn leaf(&self, rng: &mut Rng, this: usize, element: Option<usize>, purpose: Use) -> Option<Rule> {
        let ty = rng.pick(&[Ty::Int, Ty::Int, Ty::Str, Ty::Bool, Ty::Kind]);
        let scalars = || (0..CONTEXT.len()).filter(|index| CONTEXT[*index].2 == ty && !CONTEXT[*index].3);
        let (root, entity) = match element {
            Some(element) if rng.chance(75) => (Root::Element, element),
            _ => (Root::This, this),
        };
        let op = match ty {
            Ty::Int => rng.pick(&[Op::Eq, Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge]),
            _ => rng.pick(&[Op::Eq, Op::Ne]),
        };
        if purpose == Use::Caller || rng.chance(15) {
            return match rng.below(4) {
                0 => Some(Rule::Contains(6, V::random(rng, Ty::Int), Ty::Int)),
                1 => Some(Rule::Contains(7, V::random(rng, Ty::Str), Ty::Str)),
                2 => Some(Rule::Bare(Operand::Context(4))),
                _ => {
                    let context: Vec<_> = scalars().collect();
                    if context.is_empty() {
                        return None;
                    }
                    let context = rng.pick(&context);
                    let right = if CONTEXT[context].4 && op == Op::Eq && rng.chance(30) {
                        V::Null
                    } else {
                        V::random(rng, ty)
                    };
                    Some(Rule::Compare(op, Operand::Context(context), Operand::Literal(right, ty)))
                }
            };
        }
        if element.is_none() && rng.chance(20) {
            return self.some(rng, this, purpose);
        }
        let (path, optional) = self.path(rng, root, entity, ty)?;
        match rng.below(8) {
            0 if optional && matches!(op, Op::Eq | Op::Ne) => {
                Some(Rule::Compare(op, Operand::Path(path), Operand::Literal(V::Null, ty)))
            }
            1 if ty == Ty::Bool && !optional => Some(Rule::Bare(Operand::Path(path))),
            2 if matches!(ty, Ty::Int | Ty::Str) && !optional => {
                Some(Rule::In(path, if ty == Ty::Int { 6 } else { 7 }))
            }
            3 if purpose != Use::Update => {
                let (other, _) = self.path(rng, root, entity, ty)?;
                Some(Rule::Compare(op, Operand::Path(path), Operand::Path(other)))
            }
            4 => {
                let mut other = path.clone();
                let relation = self.relation_end(&mut other)?;
                relation.then_some(Rule::Compare(
                    rng.pick(&[Op::Eq, Op::Ne]),
                    Operand::Path(other),
                    Operand::Literal(V::Null, ty),
                ))
            }
            5 | 6 => {
                let context: Vec<_> = scalars().collect();
                if context.is_empty() {
                    return None;
                }
                let context = Operand::Context(rng.pick(&context));
                Some(if rng.chance(50) {
                    Rule::Compare(op, Operand::Path(path), context)
                } else {
                    Rule::Compare(op, context, Operand::Path(path))
                })
            }
            _ => Some(Rule::Compare(op, Operand::Path(path), Operand::Literal(V::random(rng, ty), ty))),
        }
    }

    /// Cuts a path to one that ends on an optional reference, if it has one.
    fn relation_end(&self, path: &mut Path) -> Option<bool> {
        path.steps.pop();
        let last = path.steps.pop()?;
        let entity = self.end(path);
        path.steps.push(last);
        Some(matches!(self.entities[entity].fields[last].kind, Kind::Ref { optional: true, .. }))
    }

    /// The entity a path of relations leads to.
    pub(super) fn end(&self, path: &Path) -> usize {
        path.steps.iter().fold(path.entity, |entity, step| match self.entities[entity].fields[*step].kind {
            Kind::Ref { target, .. } | Kind::Inverse { target, .. } => target,
            Kind::Value { .. } => entity,
        })
    }

    fn some(&self, rng: &mut Rng, this: usize, purpose: Use) -> Option<Rule> {
        let mut path = Path { root: Root::This, entity: this, steps: Vec::new() };
        if purpose != Use::Update && rng.chance(30) {
            self.hop(rng, &mut path)?;
        }
        let end = self.end(&path);
        let collections: Vec<usize> = (0..self.entities[end].fields.len())
            .filter(|index| {
                matches!(self.entities[end].fields[*index].kind, Kind::Inverse { single: false, .. })
            })
            .collect();
        if collections.is_empty() {
            return None;
        }
        path.steps.push(rng.pick(&collections));
        let target = self.end(&path);
        let condition = self.rule(rng, this, Some(target), purpose, 1);
        Some(Rule::Some(path, Box::new(condition)))
    }

    /// One step over a to-one relation.
    fn hop(&self, rng: &mut Rng, path: &mut Path) -> Option<()> {
        let entity = self.end(path);
        let links: Vec<usize> = (0..self.entities[entity].fields.len())
            .filter(|index| match self.entities[entity].fields[*index].kind {
                Kind::Ref { .. } => true,
                Kind::Inverse { single, .. } => single,
                Kind::Value { .. } => false,
            })
            .collect();
        if links.is_empty() {
            return None;
        }
        path.steps.push(rng.pick(&links));
        Some(())
    }

    /// A path to a value of this type, and whether the value is optional.
    fn path(&self, rng: &mut Rng, root: Root, entity: usize, ty: Ty) -> Option<(Path, bool)> {
        let mut path = Path { root, entity, steps: Vec::new() };
        for _ in 0..rng.pick(&[0, 0, 1, 1, 2]) {
            self.hop(rng, &mut path)?;
        }
        let end = self.end(&path);
        let values: Vec<(usize, bool)> = (0..self.entities[end].fields.len())
            .filter_map(|index| match self.entities[end].fields[index].kind {
                Kind::Value { ty: own, optional } if own == ty => Some((index, optional)),
                _ => None,
            })
            .collect();
        if values.is_empty() {
            return None;
        }
        let (last, optional) = rng.pick(&values);
        path.steps.push(last);
        Some((path, optional))
    }

    /// The model in the language.
    pub(super) fn text(&self) -> String {
        let mut out = String::from("context Caller {\n");
        for (name, annotation, ty, list, optional) in CONTEXT {
            let ty = type_name(ty);
            let ty = if list { format!("Array<{ty}>") } else { ty.to_owned() };
            writeln!(out, "  {annotation} {name}: {ty}{}", if optional { "?" } else { "" }).unwrap();
        }
        out.push_str("}\n@postgres\nmodule Zoo {\n  enum Form { ROUND FLAT }\n");
        for entity in &self.entities {
            let slots = ["query", "create", "update", "delete"];
            let rules: Vec<_> = entity
                .access
                .iter()
                .zip(slots)
                .map(|(rule, slot)| format!("{slot} = {}", self.rule_text(rule)))
                .collect();
            writeln!(out, "  @access({})\n  type {} {{", rules.join(", "), entity.name).unwrap();
            for field in &entity.fields {
                out.push_str("    ");
                if let Some([read, create, update]) = &field.access {
                    let text = |rule| self.rule_text(rule);
                    let (read, create, update) = (text(read), text(create), text(update));
                    write!(out, "@access(query = {read}, create = {create}, update = {update}) ").unwrap();
                }
                if field.key {
                    out.push_str("@pk ");
                }
                if let Some(partner) = &field.partner {
                    write!(out, "@relation(\"{partner}\") ").unwrap();
                }
                write!(out, "{}: ", field.name).unwrap();
                match field.kind {
                    Kind::Value { ty, optional } => {
                        write!(out, "{}{}", type_name(ty), if optional { "?" } else { "" }).unwrap();
                        match &field.default {
                            Some(Default::Literal(value)) => write!(out, " = {}", value.literal(ty)).unwrap(),
                            Some(Default::Context(index)) => {
                                write!(out, " = Caller.{}", CONTEXT[*index].0).unwrap()
                            }
                            None if field.auto => out.push_str(" = autoIncrement()"),
                            None => {}
                        }
                    }
                    Kind::Ref { target, optional, .. } => {
                        write!(out, "{}{}", self.entities[target].name, if optional { "?" } else { "" })
                            .unwrap();
                    }
                    Kind::Inverse { target, single, .. } => {
                        let name = self.entities[target].name;
                        out.push_str(&if single { format!("{name}?") } else { format!("Set<{name}>?") });
                    }
                }
                out.push('\n');
            }
            out.push_str("  }\n");
        }
        out.push_str("}\n");
        out
    }

    fn rule_text(&self, rule: &Rule) -> String {
        match rule {
            Rule::Literal(value) => value.to_string(),
            Rule::Compare(op, left, right) => {
                format!("{} {} {}", self.operand_text(left), op.text(), self.operand_text(right))
            }
            Rule::In(path, list) => format!("{} in Caller.{}", self.path_text(path), CONTEXT[*list].0),
            Rule::Contains(list, value, ty) => {
                format!("Caller.{}.contains({})", CONTEXT[*list].0, value.literal(*ty))
            }
            Rule::Bare(operand) => self.operand_text(operand),
            Rule::Not(inner) => format!("!({})", self.rule_text(inner)),
            Rule::And(left, right) => format!("({} && {})", self.rule_text(left), self.rule_text(right)),
            Rule::Or(left, right) => format!("({} || {})", self.rule_text(left), self.rule_text(right)),
            Rule::Some(path, condition) => {
                format!("{}.some(each => {})", self.path_text(path), self.rule_text(condition))
            }
        }
    }

    fn operand_text(&self, operand: &Operand) -> String {
        match operand {
            Operand::Literal(value, ty) => value.literal(*ty),
            Operand::Context(index) => format!("Caller.{}", CONTEXT[*index].0),
            Operand::Path(path) => self.path_text(path),
        }
    }

    fn path_text(&self, path: &Path) -> String {
        let mut text = String::from(match path.root {
            Root::This => "self",
            Root::Element => "each",
        });
        let mut entity = path.entity;
        for step in &path.steps {
            write!(text, ".{}", self.entities[entity].fields[*step].name).unwrap();
            entity = self.end(&Path { root: path.root, entity, steps: vec![*step] });
        }
        text
    }
}

impl Rule {
    /// Whether no path of the rule leaves the row.
    fn is_local(&self) -> bool {
        let local = |operand: &Operand| match operand {
            Operand::Path(path) => path.steps.len() == 1,
            Operand::Literal(..) | Operand::Context(_) => true,
        };
        match self {
            Self::Literal(_) | Self::Contains(..) => true,
            Self::Compare(_, left, right) => local(left) && local(right),
            Self::In(path, _) => path.steps.len() == 1,
            Self::Bare(operand) => local(operand),
            Self::Not(inner) => inner.is_local(),
            Self::And(left, right) | Self::Or(left, right) => left.is_local() && right.is_local(),
            Self::Some(..) => false,
        }
    }
}

fn type_name(ty: Ty) -> &'static str {
    match ty {
        Ty::Int => "Int",
        Ty::Str => "String",
        Ty::Bool => "Boolean",
        Ty::Kind => "Form",
    }
}

/// The key and the values of an entity.
fn values(rng: &mut Rng) -> Vec<Field> {
    let field = |name: &str, ty: Ty, optional: bool| Field {
        name: name.to_owned(),
        kind: Kind::Value { ty, optional },
        key: false,
        auto: false,
        default: None,
        partner: None,
        access: None,
    };
    let mut fields = if rng.chance(70) {
        vec![Field { key: true, auto: true, ..field("id", Ty::Int, false) }]
    } else {
        vec![
            Field { key: true, ..field("hall", Ty::Int, false) },
            Field { key: true, ..field("row", Ty::Str, false) },
        ]
    };
    fields.push(field("num", Ty::Int, false));
    for (name, ty, optional) in [
        ("maybe", Ty::Int, true),
        ("word", Ty::Str, false),
        ("note", Ty::Str, true),
        ("open", Ty::Bool, false),
        ("seen", Ty::Bool, true),
        ("form", Ty::Kind, false),
    ] {
        if rng.chance(60) {
            fields.push(field(name, ty, optional));
        }
    }
    if rng.chance(40) {
        let default = Some(Default::Literal(V::random(rng, Ty::Int)));
        fields.push(Field { default, ..field("count", Ty::Int, false) });
    }
    if rng.chance(40) {
        fields.push(Field { default: Some(Default::Context(0)), ..field("maker", Ty::Int, true) });
    }
    fields
}
