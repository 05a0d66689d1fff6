//! Lists of JSON objects as Postgres makes them fastest: from the rows of a sub-select whose columns are the members.
//! `json_build_object` looks at the types of its arguments again for every row; for rows that costs far less.

use std::borrow::Cow;

use studio_sql::expr::{Alias, Expr, SqlType};
use studio_sql::select::{Item, Select, Source};
use studio_sql::uses::columns_of;

/// Keys of an object and the expressions for their values.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Expr<'a>)>;

/// The sub-select whose rows become objects; no table, column or response key is called like this.
const ROWS: Alias<'_> = Alias { schema: None, table: "$", serial: 0 };
/// Longest name of a column that Postgres does not cut.
const LONGEST_NAME: usize = 63;
/// Most columns of a row; Postgres allows a few more.
const MOST_COLUMNS: usize = 1600;

/// The members of the objects of a list, if rows can stand for them; otherwise what was given.
pub(crate) fn members(what: Expr<'_>) -> Result<Members<'_>, Expr<'_>> {
    let Expr::JsonList(object) = what else { return Err(what) };
    match *object {
        Expr::JsonObject(members)
            if !members.is_empty()
                && members.len() <= MOST_COLUMNS
                && members.iter().all(|(key, _)| key.len() <= LONGEST_NAME) =>
        {
            Ok(members)
        }
        other => Err(Expr::JsonList(Box::new(other))),
    }
}

/// The list of the objects with these members, one for each row of `rows`, which has no columns yet and whose rows go
/// by `alias` outside of it.
pub(crate) fn of_rows<'a>(members: Members<'a>, rows: Select<'a>, alias: Alias<'a>) -> Select<'a> {
    // Dear values are computed for the rows that are left only, and what they cost has no say in how those are found.
    let bounded = !rows.order.is_empty() || rows.limit.is_some() || rows.offset.is_some();
    let late = bounded && !members.iter().all(|(_, value)| is_cheap(value));
    let columns: Vec<Item<'a>> =
        members.into_iter().map(|(key, value)| Item::Named(typed(value), key)).collect();
    let rows = if late { over(columns, rows, alias) } else { Select { columns, ..rows } };
    let list = Expr::JsonList(Box::new(Expr::Row(ROWS)));
    Select {
        columns: vec![Item::Expr(list)],
        from: Some(Source::Select(Box::new(rows), ROWS)),
        ..Select::default()
    }
}

/// A select over `rows`, which give the columns that are read and no others: they may have to be sorted.
pub(crate) fn over<'a>(columns: Vec<Item<'a>>, rows: Select<'a>, alias: Alias<'a>) -> Select<'a> {
    let inner = match columns_of(&columns, alias) {
        Some(read) if !read.is_empty() => {
            read.into_iter().map(|column| Item::Expr(Expr::Column(alias, column))).collect()
        }
        _ => vec![Item::AllOf(alias)],
    };
    let rows = Select { columns: inner, ..rows };
    Select { columns, from: Some(Source::Select(Box::new(rows), alias)), ..Select::default() }
}

fn is_cheap(value: &Expr<'_>) -> bool {
    match value {
        Expr::Column(..) | Expr::Text(_) => true,
        Expr::Cast(inner, _) => is_cheap(inner),
        _ => false,
    }
}

/// A string constant has no type of its own.
fn typed(value: Expr<'_>) -> Expr<'_> {
    match value {
        Expr::Text(_) => value.cast(SqlType::Text),
        other => other,
    }
}
