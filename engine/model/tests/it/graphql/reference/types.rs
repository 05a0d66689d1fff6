//! The types derived from a model (graphql-and-sql 1.3 to 1.7).

use std::collections::{BTreeSet, HashMap};

use super::member::{Definition, Member, documented, member, with};
use super::model::{Field, Kind, Model, SCALARS, Type};

fn required(ty: String, is_required: bool) -> String {
    if is_required { ty + "!" } else { ty }
}

/// All types that could be, by name.
pub(super) struct Derivation<'m> {
    model: &'m Model,
    pub(super) types: HashMap<String, Definition>,
    /// Which rows can be created below which.
    created: BTreeSet<(&'static str, &'static str)>,
}

impl<'m> Derivation<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let mut this = Self { model, types: HashMap::new(), created: BTreeSet::new() };
        model.types.iter().filter(|ty| ty.access.create).for_each(|ty| this.create_below(ty, None));
        this.built_in();
        this.embedded();
        model.types.iter().for_each(|ty| this.entity(ty));
        this
    }

    /// Notes what a creation input of a type leads to.
    fn create_below(&mut self, ty: &'m Type, container: Option<&str>) {
        for field in &ty.fields {
            let target = match field.kind {
                Kind::Inverse(to) if container == Some(self.name(to)) => continue,
                Kind::Inverse(to) | Kind::Set(to) => &self.model.types[to],
                _ => continue,
            };
            let is_new = self.created.insert((target.name, ty.name));
            if is_new && target.name != ty.name {
                self.create_below(target, Some(ty.name));
            }
        }
    }

    fn add(&mut self, name: &str, keyword: &'static str, docs: Option<&str>, members: Vec<Member>) {
        let docs = docs.map(str::to_owned);
        self.types.insert(name.to_owned(), Definition { keyword, docs, members });
    }

    fn name(&self, index: usize) -> &'static str {
        self.model.types[index].name
    }

    /// 1.4.1, 1.6 and 1.14.
    fn built_in(&mut self) {
        let compare = ["eq", "neq", "lt", "lte", "gt", "gte"];
        for (name, _) in SCALARS {
            self.add(name, "scalar", None, Vec::new());
            let operators: Vec<&str> = match name {
                "Blob" => Vec::new(),
                "String" => [&compare[..], &["like", "ilike", "startsWith", "endsWith"]].concat(),
                "Boolean" | "Uuid" => compare[..2].to_vec(),
                "Json" => vec!["contains", "containedBy", "matchKey", "matchAllKeys", "matchAnyKey"],
                _ => compare.to_vec(),
            };
            let members = operators.iter().map(|operator| member(operator, name)).collect();
            match name {
                "Blob" => {
                    let docs = "A single value to match against using the equal operator.";
                    self.add("BlobFilter", "scalar", Some(docs), members);
                }
                _ => self.add(&format!("{name}Filter"), "input", None, members),
            }
            let functions: &[(&str, &str)] = match name {
                "Int" => &[("min", "Int"), ("max", "Int"), ("sum", "Int"), ("avg", "Float")],
                "Float" => &[("min", "Float"), ("max", "Float"), ("sum", "Float"), ("avg", "Float")],
                "Decimal" => {
                    &[("min", "Decimal"), ("max", "Decimal"), ("sum", "Decimal"), ("avg", "Decimal")]
                }
                "String" => &[("min", "String"), ("max", "String")],
                _ => &[],
            };
            let functions = functions.iter().chain(&[("count", "Int")]);
            let members = functions.map(|(function, ty)| member(function, *ty)).collect();
            self.add(&format!("{name}Agg"), "type", None, members);
        }
        self.add("Kind", "enum", None, ["A", "B", "c_d"].map(|value| member(value, "")).to_vec());
        self.add("KindFilter", "input", None, vec![member("eq", "Kind"), member("neq", "Kind")]);
        self.add("KindAgg", "type", None, vec![member("count", "Int")]);
        self.add("Ordering", "enum", None, ["ASC", "DESC"].map(|value| member(value, "")).to_vec());
        self.add("Vector", "scalar", None, Vec::new());
        self.add("VectorAgg", "type", None, vec![member("avg", "Vector"), member("count", "Int")]);
        let similar = member("similar", "VectorFilterArg");
        self.add(
            "VectorFilter",
            "input",
            None,
            vec![similar, member("eq", "[Float!]"), member("neq", "[Float!]")],
        );
        let argument = vec![
            documented("The target vector to compare against.", member("distanceTo", "[Float!]!")),
            documented("The distance to the vector.", member("distance", "FloatFilter")),
        ];
        self.add("VectorFilterArg", "input", Some("Predicate to filter based on vector distance"), argument);
        let order = vec![member("distanceTo", "[Float!]!"), member("order", "Ordering")];
        self.add("VectorOrdering", "input", None, order);
    }

    /// 1.7.4.
    fn embedded(&mut self) {
        for embedded in &self.model.embedded {
            for form in ["", "CreationInput", "UpdateInput"] {
                let members = embedded.fields.iter().map(|field| Member {
                    docs: field.docs.clone().filter(|_| form.is_empty()),
                    ..member(&field.name, required(value(field, form), !field.optional))
                });
                let keyword = if form.is_empty() { "type" } else { "input" };
                let members = members.collect();
                self.add(&format!("{}{form}", embedded.name), keyword, embedded.docs.as_deref(), members);
            }
        }
    }

    /// 1.3 to 1.7.
    fn entity(&mut self, ty: &Type) {
        let (name, docs) = (ty.name, ty.docs.as_deref());
        self.add(name, "type", docs, self.object(ty));
        let aggregates = ty.fields.iter().filter_map(|field| {
            let of = match field.kind {
                Kind::Value { ty, .. } => ty,
                Kind::Vector => "Vector",
                Kind::Reference { to, .. } if field.key => self.name(to),
                _ => return None,
            };
            Some(member(&field.name, format!("{of}Agg")))
        });
        let aggregates = aggregates.collect();
        self.add(
            &format!("{name}Agg"),
            "type",
            Some(&format!("An aggregate for the `{name}` type.")),
            aggregates,
        );
        let filters = ty.fields.iter().filter_map(|field| {
            let of = match field.kind {
                Kind::Value { ty, .. } => ty,
                Kind::Vector => "Vector",
                Kind::Embedded(_) => return None,
                Kind::Reference { to, .. } | Kind::Inverse(to) | Kind::Set(to) => self.name(to),
            };
            Some(member(&field.name, format!("{of}Filter")))
        });
        let mut filters: Vec<Member> = filters.collect();
        filters.extend(["and", "or"].map(|operator| member(operator, format!("[{name}Filter!]"))));
        filters.push(member("not", format!("{name}Filter")));
        let text = format!(
            "Predicate for the `{name}` type parameter. \nIf a field is omitted, no filter is applied for that \
             field.\nTo check a field against null, use a `<field name>: null` filter"
        );
        self.add(&format!("{name}Filter"), "input", Some(&text), filters);
        let orders = ty.fields.iter().filter_map(|field| {
            let of = match field.kind {
                Kind::Value { depth: 0, .. } => "Ordering".to_owned(),
                Kind::Vector => "VectorOrdering".to_owned(),
                Kind::Reference { to, .. } | Kind::Inverse(to) => format!("[{}Ordering!]", self.name(to)),
                Kind::Value { .. } | Kind::Embedded(_) | Kind::Set(_) => return None,
            };
            Some(member(&field.name, of))
        });
        let orders = orders.collect();
        self.add(&format!("{name}Ordering"), "input", None, orders);
        let text = format!("A predicate to filter the results for a `{name}` type parameter.");
        self.add(&format!("{name}UniqueFilter"), "input", Some(&text), self.keys(ty));
        let references = keys(ty).map(|field| member(&field.name, self.reference(field)));
        let references = references.collect();
        self.add(&format!("{name}ReferenceInput"), "input", docs, references);
        self.add(&format!("{name}CreationInput"), "input", docs, self.creation(ty, None));
        let update = self.update(ty, None).into_iter().map(|(_, member)| member).collect();
        self.add(&format!("{name}UpdateInput"), "input", docs, update);
        for container in &self.model.types {
            self.nested(ty, container);
        }
    }

    fn object(&self, ty: &Type) -> Vec<Member> {
        let declared = ty.fields.iter().map(|field| {
            let (shape, arguments) = match field.kind {
                Kind::Value { .. } | Kind::Embedded(_) | Kind::Vector => (value(field, ""), Vec::new()),
                Kind::Reference { to, .. } => (self.name(to).to_owned(), Vec::new()),
                Kind::Inverse(to) => (self.name(to).to_owned(), list_arguments(self.name(to))),
                Kind::Set(to) => (format!("[{}!]", self.name(to)), list_arguments(self.name(to))),
            };
            let field_type = required(shape, !field.optional);
            Member { docs: field.docs.clone(), ..with(arguments, member(&field.name, field_type)) }
        });
        let aggregates = ty.fields.iter().filter_map(|field| match field.kind {
            Kind::Set(to) => {
                let condition = member("where", format!("{}Filter", self.name(to)));
                let aggregate = format!("{}Agg", self.name(to));
                Some(with(vec![condition], member(&format!("{}Agg", field.name), aggregate)))
            }
            _ => None,
        });
        let vectors = ty.fields.iter().filter(|field| matches!(field.kind, Kind::Vector));
        let distances = vectors.map(|field| {
            with(vec![member("to", "[Float!]!")], member(&format!("{}Distance", field.name), "Float!"))
        });
        declared.chain(aggregates).chain(distances).collect()
    }

    /// Arguments of lookups: one per key field.
    pub(super) fn arguments<'f>(&self, fields: impl Iterator<Item = &'f Field>) -> Vec<Member> {
        let arguments = fields.map(|field| match field.kind {
            Kind::Reference { to, .. } => member(&field.name, format!("{}UniqueFilter!", self.name(to))),
            _ => member(&field.name, value(field, "") + "!"),
        });
        arguments.collect()
    }

    pub(super) fn keys(&self, ty: &Type) -> Vec<Member> {
        self.arguments(keys(ty))
    }

    fn reference(&self, field: &Field) -> String {
        match field.kind {
            Kind::Reference { to, .. } => format!("{}ReferenceInput!", self.name(to)),
            _ => value(field, "") + "!",
        }
    }

    /// 1.7.1 and 1.7.2.
    fn creation(&self, ty: &Type, container: Option<&str>) -> Vec<Member> {
        let open = ty.fields.iter().filter(|field| {
            field.closed.is_none() && !(field.key && field.default == Some("autoIncrement()"))
        });
        let members = open.filter_map(|field| {
            let needed = !field.optional && field.default.is_none();
            let shape = match field.kind {
                Kind::Value { .. } | Kind::Embedded(_) | Kind::Vector => {
                    required(value(field, "CreationInput"), needed)
                }
                Kind::Reference { to, .. } if container == Some(self.name(to)) => return None,
                Kind::Reference { to, .. } => required(format!("{}ReferenceInput", self.name(to)), needed),
                Kind::Inverse(to) if container == Some(self.name(to)) => return None,
                Kind::Inverse(to) | Kind::Set(to) if self.name(to) == ty.name => return None,
                Kind::Inverse(to) => format!("[{}CreationInputFrom{}!]", self.name(to), ty.name),
                Kind::Set(to) => {
                    required(format!("[{}CreationInputFrom{}!]", self.name(to), ty.name), !field.optional)
                }
            };
            Some(member(&field.name, shape))
        });
        members.collect()
    }

    /// 1.7.3, with the fields the entries come from.
    fn update<'t>(&self, ty: &'t Type, container: Option<&str>) -> Vec<(&'t Field, Member)> {
        let members = ty.fields.iter().filter(|field| field.closed.is_none()).filter_map(|field| {
            let shape = match field.kind {
                Kind::Value { .. } | Kind::Embedded(_) | Kind::Vector => value(field, "UpdateInput"),
                Kind::Reference { to, .. } | Kind::Inverse(to) if container == Some(self.name(to)) => {
                    return None;
                }
                Kind::Reference { to, .. } => format!("{}ReferenceInput", self.name(to)),
                Kind::Inverse(to) | Kind::Set(to) => format!("{}UpdateInputFrom{}", self.name(to), ty.name),
            };
            Some((field, member(&field.name, shape)))
        });
        members.collect()
    }

    fn nested(&mut self, ty: &Type, container: &Type) {
        let (child, parent, docs) = (ty.name, container.name, ty.docs.as_deref());
        let creation = self.creation(ty, Some(parent));
        self.add(&format!("{child}CreationInputFrom{parent}"), "input", docs, creation);
        let mut lists = vec![
            member("update", format!("[{child}UpdateInputFrom{parent}Nested!]")),
            member("delete", format!("[{child}ReferenceInput!]")),
        ];
        if self.created.contains(&(child, parent)) {
            lists.insert(0, member("create", format!("[{child}CreationInputFrom{parent}!]")));
        }
        self.add(&format!("{child}UpdateInputFrom{parent}"), "input", docs, lists);
        // The n-th key that is left has the type of the n-th key as declared.
        let mut declared = keys(ty);
        let entries = self.update(ty, Some(parent)).into_iter().map(|(field, entry)| {
            let Some(key) = field.key.then(|| declared.next()).flatten() else { return entry };
            match key.kind {
                Kind::Reference { to, .. } => member(&entry.name, format!("{}UpdateInput!", self.name(to))),
                _ => member(&entry.name, value(key, "") + "!"),
            }
        });
        let entries = entries.collect();
        self.add(&format!("{child}UpdateInputFrom{parent}Nested"), "input", docs, entries);
    }
}

/// The keys of a type in order of declaration.
pub(super) fn keys(ty: &Type) -> impl Iterator<Item = &Field> {
    ty.fields.iter().filter(|field| field.key)
}

/// The type of a plain field, nullable on the outside.
fn value(field: &Field, form: &str) -> String {
    match field.kind {
        Kind::Embedded(name) => format!("{name}{form}"),
        Kind::Vector => "[Float!]".to_owned(),
        Kind::Value { ty, depth, gaps } => (0..depth)
            .fold(ty.to_owned(), |inner, level| format!("[{}]", required(inner, !(level == 0 && gaps)))),
        Kind::Reference { .. } | Kind::Inverse(_) | Kind::Set(_) => panic!("{field:?} is no value"),
    }
}

pub(super) fn list_arguments(of: &str) -> Vec<Member> {
    vec![
        member("where", format!("{of}Filter")),
        member("orderBy", format!("[{of}Ordering!]")),
        member("limit", "Int"),
        member("offset", "Int"),
    ]
}
