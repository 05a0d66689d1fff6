//! What the printer writes.

use super::*;
use crate::expr::BinaryOp;

const T: Alias<'_> = Alias { schema: None, table: "t", serial: 0 };

fn text(expr: &Expr<'_>) -> String {
    print_expr(expr).text
}

#[test]
fn names_and_constants_are_quoted() {
    assert_eq!(text(&Expr::Column(Alias { table: "a\"b", ..T }, "c\"d")), r#""a""b"."c""d""#);
    assert_eq!(text(&Expr::Text("it's".into())), "'it''s'");
    let fleet = Alias { schema: Some("fleet"), table: "trucks", serial: 2 };
    assert_eq!(text(&Expr::Column(fleet, "id")), r#""fleet#trucks$2"."id""#);
}

#[test]
fn an_alias_of_a_long_table_keeps_its_serial_within_an_identifier() {
    let name = "ä".repeat(31);
    let printed = text(&Expr::Column(Alias { table: &name, serial: 7, ..T }, "id"));
    let alias = printed.split('"').nth(1).unwrap();
    assert!(alias.ends_with("$7") && alias.len() <= 63, "{alias}");
}

#[test]
fn parameters_are_numbered_where_they_appear() {
    let param = |id| Expr::Param(ParamId(id));
    let both = Expr::Or(vec![
        Expr::binary(Expr::Column(T, "a"), BinaryOp::Eq, param(4)),
        Expr::binary(param(0), BinaryOp::Lt, param(4)),
    ]);
    let printed = print_expr(&both);
    assert_eq!(printed.text, r#""t"."a" = $1 OR $2 < $1"#);
    assert_eq!(printed.params, [ParamId(4), ParamId(0)]);
}

#[test]
fn logic_is_parenthesised_where_it_has_to_be() {
    let (a, b) = (Expr::Name("a".into()), Expr::Name("b".into()));
    let or = Expr::Or(vec![a.clone(), b.clone()]);
    assert_eq!(text(&Expr::And(vec![or.clone(), a.clone()])), r#"("a" OR "b") AND "a""#);
    assert_eq!(text(&Expr::Not(Box::new(or.clone()))), r#"NOT ("a" OR "b")"#);
    assert_eq!(text(&or.cast(SqlType::Text)), r#"("a" OR "b")::text"#);
    assert_eq!(text(&Expr::And(vec![])), "TRUE");
    assert_eq!(text(&Expr::Or(vec![])), "FALSE");
    assert_eq!(text(&Expr::And(vec![Expr::Or(vec![a.clone()]), b])), r#""a" AND "b""#);
    assert_eq!(text(&Expr::binary(Expr::Int(-1), BinaryOp::Eq, a)), r#"(-1) = "a""#);
}

#[test]
fn wide_objects_are_glued_together() {
    let members =
        |count: usize| Expr::JsonObject((0..count).map(|n| (format!("k{n}").into(), Expr::Null)).collect());
    assert!(!text(&members(50)).contains("||"));
    let wide = text(&members(101));
    assert_eq!(wide.matches("json_build_object(").count(), 3);
    assert!(wide.starts_with("(left(json_build_object("), "{wide}");
    assert!(wide.contains("::text, -1) || ',' || substr(left(json_build_object("), "{wide}");
    assert!(wide.ends_with("::text, 2))::json"), "{wide}");
}
