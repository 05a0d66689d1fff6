//! Models of any size: types of thirteen fields with relations, defaults, hints, enums, constraints and rules.
//! Shared by the benchmarks and the tests.

use std::fmt::Write as _;

/// A project of one module with this many types (at least two).
pub(crate) fn model(types: usize) -> String {
    let mut text = String::from(
        "context Caller {\n  @jwt(\"sub\") id: Int?\n  @jwt role: String\n  @jwt roles: Array<String>\n}\n@postgres\nmodule Generated {\n",
    );
    for index in 0..types {
        let (next, previous, group) = ((index + 1) % types, (index + types - 1) % types, index / 10);
        if index % 10 == 0 {
            write!(text, "  enum Kind{group} {{ HARD SOFT DIGITAL }}\n  fragment Stamped{group} {{ created: Instant = now() }}\n")
                .expect("text takes everything");
        }
        write!(
            text,
            r#"  /// The type number {index}.
  @access(
    query = self.published || Caller.role == "staff",
    mutation = self.parent.code == self.parent.code && Caller.roles.contains("editor") || self.children.some(child => child.published)
  )
  type Entity{index} {{
    @pk id: Int = autoIncrement()
    /// What people call it.
    @index name: String
    @unique code: Uuid = generate_uuid()
    published: Boolean = false
    @precision(10) @scale(2) price: Decimal = "1.50"
    @range(min = 0, max = 100) rating: Int = 5
    ...Stamped{group}
    @maxLength(80) note: String?
    tags: Array<String>?
    kind: Kind{group} = SOFT
    @access(Caller.role == "staff") editor: Int? = Caller.id
    parent: Entity{next}
    children: Set<Entity{previous}>?
  }}
"#
        )
        .expect("text takes everything");
    }
    text.push_str("}\n");
    text
}
