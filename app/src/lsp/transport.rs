//! Messages on the wire: headers, length, JSON. A message that makes no sense is an item of its own, so that it
//! can be answered and the next one read.

use std::io::{self, BufRead, Write};

use lsp_server::{ErrorCode, Message};
use serde_json::{Value, json};

/// Largest message read; no editor sends more for a model.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// Longest header line.
const MAX_HEADER: u64 = 4096;

/// What arrives.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Message(Message),
    /// Something that is no message; what to answer.
    Nonsense(Value),
}

/// Reads until the next message. `None` at the end of the input.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length: Option<usize> = None;
    loop {
        let mut line = Vec::new();
        let read = io::Read::take(&mut *input, MAX_HEADER).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            match length {
                Some(_) => break,
                // Lines without meaning between messages.
                None => continue,
            }
        }
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let length = length.unwrap_or_default();
    if length > MAX_MESSAGE {
        let skipped = io::copy(&mut io::Read::take(&mut *input, length as u64), &mut io::sink())?;
        if skipped < length as u64 {
            return Ok(None);
        }
        return Ok(Some(nonsense(ErrorCode::InvalidRequest, Value::Null, "the message is too large")));
    }
    let mut body = vec![0; length];
    match input.read_exact(&mut body) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return Ok(Some(nonsense(ErrorCode::ParseError, Value::Null, "the message is not JSON")));
    };
    let id = value.get("id").cloned().unwrap_or_default();
    Ok(Some(match serde_json::from_value(value) {
        Ok(message) => Incoming::Message(message),
        Err(_) => {
            nonsense(ErrorCode::InvalidRequest, id, "the message is no request, response or notification")
        }
    }))
}

fn nonsense(code: ErrorCode, id: Value, message: &str) -> Incoming {
    let error = json!({ "code": code as i32, "message": message });
    Incoming::Nonsense(json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}

/// Writes the answer to something that was no message.
pub(super) fn write_value(output: &mut impl Write, value: &Value) -> io::Result<()> {
    let text = value.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::{Incoming, read};

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn nonsense_is_answered_and_the_next_message_read() {
        let mut text = String::from("\r\nX: y\r\n");
        text.push_str(&framed("{not json"));
        text.push_str(&framed("[1, 2]"));
        text.push_str(&framed(r#"{"jsonrpc":"2.0","id":7}"#));
        text.push_str("content-length : 0\r\nContent-Type: x\r\n\r\n");
        text.push_str(&framed(r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#));
        text.push_str("Content-Length: 99\r\n\r\n{");
        let mut input = text.as_bytes();
        let mut seen = Vec::new();
        while let Some(incoming) = read(&mut input).unwrap() {
            seen.push(match incoming {
                Incoming::Message(_) => "message".to_owned(),
                Incoming::Nonsense(answer) => answer["error"]["code"].to_string(),
            });
        }
        assert_eq!(seen, ["-32700", "-32600", "-32600", "-32700", "message"]);
    }
}
