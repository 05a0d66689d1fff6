//! `exo-studio lsp`: the language server on standard input and output (developer-experience 6.5).
//!
//! One thread reads messages, this one answers them in order. Problems are published when no message waits, so a
//! burst of key strokes is compiled once. The answers come from [`studio_model::ide`].

#![allow(clippy::mutable_key_type, reason = "the protocol's URIs are keys; their text never changes")]

mod answer;
mod convert;
mod session;
mod transport;
mod workspace;

use std::collections::VecDeque;
use std::io::{BufReader, BufWriter};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use lsp_server::{Message, RequestId, Response};
use lsp_types::CancelParams;
use lsp_types::notification::{Cancel, Notification as _};

use session::{Session, Step};
use transport::Incoming;

/// Serves until the editor says `exit` or goes away. Exit code 1 without a `shutdown` before, as the protocol asks.
pub(crate) fn run() -> ExitCode {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut input = BufReader::new(std::io::stdin());
        // A broken input ends like a closed one.
        while let Ok(Some(incoming)) = transport::read(&mut input) {
            if sender.send(incoming).is_err() {
                return;
            }
        }
    });
    let mut session = Session::default();
    let mut output = BufWriter::new(std::io::stdout());
    let mut waiting = VecDeque::new();
    loop {
        // Everything that has arrived; blocks only when there is nothing to do.
        if !gather(&receiver, &mut waiting) {
            return ExitCode::from(u8::from(!session.is_shut_down()));
        }
        let Some(incoming) = waiting.pop_front() else { continue };
        let replies = match incoming {
            Incoming::Nonsense(answer) => {
                if transport::write_value(&mut output, &answer).is_err() {
                    return ExitCode::FAILURE;
                }
                Vec::new()
            }
            Incoming::Message(message) => match session.handle(message) {
                Step::Replies(replies) => replies,
                Step::Exit => return ExitCode::from(u8::from(!session.is_shut_down())),
            },
        };
        let mut messages = cancelled(&mut waiting);
        messages.extend(replies);
        gather_now(&receiver, &mut waiting);
        if waiting.is_empty() {
            messages.extend(session.publish());
        }
        for message in messages {
            if message.write(&mut output).is_err() {
                return ExitCode::FAILURE;
            }
        }
    }
}

/// Waits for a message unless one is waiting already; `false` when there will be none any more.
fn gather(receiver: &Receiver<Incoming>, waiting: &mut VecDeque<Incoming>) -> bool {
    if waiting.is_empty() {
        match receiver.recv() {
            Ok(incoming) => waiting.push_back(incoming),
            Err(_) => return false,
        }
    }
    gather_now(receiver, waiting);
    true
}

fn gather_now(receiver: &Receiver<Incoming>, waiting: &mut VecDeque<Incoming>) {
    loop {
        match receiver.try_recv() {
            Ok(incoming) => waiting.push_back(incoming),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
        }
    }
}

/// Drops requests that wait and were cancelled meanwhile; their answers.
fn cancelled(waiting: &mut VecDeque<Incoming>) -> Vec<Message> {
    let ids: Vec<RequestId> = (waiting.iter())
        .filter_map(|incoming| match incoming {
            Incoming::Message(Message::Notification(notification))
                if notification.method == Cancel::METHOD =>
            {
                let params: CancelParams = serde_json::from_value(notification.params.clone()).ok()?;
                Some(match params.id {
                    lsp_types::NumberOrString::Number(id) => id.into(),
                    lsp_types::NumberOrString::String(id) => id.into(),
                })
            }
            _ => None,
        })
        .collect();
    let mut answers = Vec::new();
    if !ids.is_empty() {
        waiting.retain(|incoming| match incoming {
            Incoming::Message(Message::Request(request)) if ids.contains(&request.id) => {
                let code = lsp_server::ErrorCode::RequestCanceled as i32;
                answers.push(Message::Response(Response::new_err(
                    request.id.clone(),
                    code,
                    "cancelled".to_owned(),
                )));
                false
            }
            _ => true,
        });
    }
    answers
}
