//! Bodies from finished JSON texts.

use crate::runtime::execute::FieldTexts;

/// `{"data": …}` from finished JSON texts, in selection order.
pub(super) fn data_body(fields: &FieldTexts) -> String {
    let mut body = String::with_capacity(size(fields) + "{\"data\":}".len());
    body.push_str("{\"data\":");
    push_object(&mut body, fields);
    body.push('}');
    body
}

/// An object of finished JSON texts.
pub(crate) fn object(fields: &FieldTexts) -> String {
    let mut body = String::with_capacity(size(fields));
    push_object(&mut body, fields);
    body
}

/// Bytes of [`object`], or a few more.
fn size(fields: &FieldTexts) -> usize {
    fields.iter().map(|(key, json)| key.len() + json.len() + 6).sum::<usize>() + 2
}

fn push_object(body: &mut String, fields: &FieldTexts) {
    body.push('{');
    for (index, (key, json)) in fields.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        // GraphQL names need no escaping.
        body.push('"');
        body.push_str(key);
        body.push_str("\":");
        body.push_str(json);
    }
    body.push('}');
}
