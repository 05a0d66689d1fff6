//! Parts of a schema and their text (graphql-and-sql 1.11).

/// A field, an argument or an entry of an input.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) arguments: Vec<Member>,
    pub(super) docs: Option<String>,
}

pub(super) struct Definition {
    pub(super) keyword: &'static str,
    pub(super) docs: Option<String>,
    pub(super) members: Vec<Member>,
}

pub(super) fn member(name: &str, ty: impl Into<String>) -> Member {
    Member { name: name.to_owned(), ty: ty.into(), arguments: Vec::new(), docs: None }
}

pub(super) fn documented(docs: &str, member: Member) -> Member {
    Member { docs: Some(docs.to_owned()), ..member }
}

pub(super) fn with(arguments: Vec<Member>, member: Member) -> Member {
    Member { arguments, ..member }
}

pub(super) fn description(docs: &str, indentation: &str) -> String {
    let is_long = docs.len() > 70 || docs.contains('\n');
    let lines = if is_long { format!("\"\"\"\n{docs}\n\"\"\"") } else { format!("\"\"\"{docs}\"\"\"") };
    lines.lines().map(|line| format!("{indentation}{line}\n")).collect()
}

pub(super) fn printed(name: &str, definition: &Definition) -> String {
    let docs = definition.docs.as_ref().map(|docs| description(docs, "")).unwrap_or_default();
    let heading = format!("{docs}{} {name}", definition.keyword);
    if definition.members.is_empty() {
        return heading;
    }
    let members = definition.members.iter().enumerate().map(|(index, member)| {
        let gap = if index > 0 && member.docs.is_some() { "\n" } else { "" };
        let docs = member.docs.as_ref().map(|docs| description(docs, "  ")).unwrap_or_default();
        let arguments: Vec<String> =
            member.arguments.iter().map(|argument| format!("{}: {}", argument.name, argument.ty)).collect();
        let arguments =
            if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let ty = if member.ty.is_empty() { String::new() } else { format!(": {}", member.ty) };
        format!("{gap}{docs}  {}{arguments}{ty}\n", member.name)
    });
    format!("{heading} {{\n{}}}", members.collect::<String>())
}
