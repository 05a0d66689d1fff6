//! One conversation with an editor: what it opened, and who answers which message.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument,
    DidSaveTextDocument, Exit, Initialized, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentSymbolRequest, Formatting, GotoDefinition, HoverRequest,
    Initialize, PrepareRenameRequest, References, RegisterCapability, Rename, Request as _, Shutdown,
};
use lsp_types::{
    ClientCapabilities, CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions,
    DidChangeTextDocumentParams, DidChangeWatchedFilesRegistrationOptions, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, FileSystemWatcher, GlobPattern, HoverProviderCapability, InitializeParams,
    InitializeResult, OneOf, PublishDiagnosticsParams, Registration, RegistrationParams, RenameOptions,
    ServerCapabilities, ServerInfo, TextDocumentContentChangeEvent, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, Uri, WorkDoneProgressOptions,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use studio_model::SourceFile;

use super::convert::offset;
use super::workspace::{Documents, Workspace, WorkspaceKey, key_of};

/// Largest text kept for a document, in bytes.
const MAX_DOCUMENT: usize = 16 * 1024 * 1024;

/// What a message leads to.
#[derive(Debug)]
pub(super) enum Step {
    /// Messages to send.
    Replies(Vec<Message>),
    /// The editor is done.
    Exit,
}

/// An error answer: code and text.
pub(super) type Refusal = (ErrorCode, String);

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    New,
    Running,
    ShutDown,
}

/// The state of a conversation.
#[derive(Debug, Default)]
pub(super) struct Session {
    phase: Phase,
    pub(super) documents: Documents,
    workspaces: BTreeMap<WorkspaceKey, Workspace>,
    pub(super) client: ClientCapabilities,
}

impl Session {
    pub(super) fn is_shut_down(&self) -> bool {
        self.phase == Phase::ShutDown
    }

    /// Answers a message. Whatever goes wrong becomes an error answer.
    pub(super) fn handle(&mut self, message: Message) -> Step {
        match message {
            Message::Request(request) => {
                let id = request.id.clone();
                // A mistake of ours must not take the editor's server away.
                let response = catch_unwind(AssertUnwindSafe(|| self.request(request)));
                let response = response.unwrap_or_else(|_| {
                    refusal(id, (ErrorCode::InternalError, "the request failed inside the server".to_owned()))
                });
                Step::Replies(vec![Message::Response(response)])
            }
            Message::Notification(notification) if notification.method == Exit::METHOD => Step::Exit,
            Message::Notification(notification) => {
                let messages = catch_unwind(AssertUnwindSafe(|| self.notification(notification)));
                Step::Replies(messages.unwrap_or_default())
            }
            // Answers to the registration of watched files; nothing depends on them.
            Message::Response(_) => Step::Replies(Vec::new()),
        }
    }

    fn request(&mut self, request: Request) -> Response {
        match (self.phase, request.method.as_str()) {
            (Phase::New, Initialize::METHOD) => answer(request, |params: InitializeParams| {
                self.client = params.capabilities;
                self.phase = Phase::Running;
                Ok(capabilities())
            }),
            (Phase::New, _) => {
                refusal(request.id, (ErrorCode::ServerNotInitialized, "send `initialize` first".to_owned()))
            }
            (_, Initialize::METHOD) => {
                refusal(request.id, (ErrorCode::InvalidRequest, "initialized already".to_owned()))
            }
            (Phase::ShutDown, _) => {
                refusal(request.id, (ErrorCode::InvalidRequest, "the server was shut down".to_owned()))
            }
            (Phase::Running, Shutdown::METHOD) => {
                self.phase = Phase::ShutDown;
                Response::new_ok(request.id, Value::Null)
            }
            (Phase::Running, HoverRequest::METHOD) => answer(request, |params| self.hover(params)),
            (Phase::Running, GotoDefinition::METHOD) => answer(request, |params| self.definition(params)),
            (Phase::Running, References::METHOD) => answer(request, |params| self.references(params)),
            (Phase::Running, PrepareRenameRequest::METHOD) => {
                answer(request, |params| self.prepare_rename(params))
            }
            (Phase::Running, Rename::METHOD) => answer(request, |params| self.rename(params)),
            (Phase::Running, Completion::METHOD) => answer(request, |params| self.completion(params)),
            (Phase::Running, DocumentSymbolRequest::METHOD) => answer(request, |params| self.symbols(params)),
            (Phase::Running, Formatting::METHOD) => answer(request, |params| self.formatting(params)),
            (Phase::Running, CodeActionRequest::METHOD) => {
                answer(request, |params| self.code_actions(params))
            }
            (Phase::Running, method) => {
                let text = format!("there is no `{method}` here");
                refusal(request.id, (ErrorCode::MethodNotFound, text))
            }
        }
    }

    fn notification(&mut self, notification: Notification) -> Vec<Message> {
        if self.phase != Phase::Running {
            return Vec::new();
        }
        let Notification { method, params } = notification;
        match method.as_str() {
            Initialized::METHOD => return self.watch_files(),
            DidOpenTextDocument::METHOD => {
                if let Some(DidOpenTextDocumentParams { text_document }) = read(params) {
                    self.open(&text_document.uri, &text_document.text);
                }
            }
            DidChangeTextDocument::METHOD => {
                if let Some(params) = read(params) {
                    self.change(params);
                }
            }
            DidCloseTextDocument::METHOD => {
                if let Some(DidCloseTextDocumentParams { text_document }) = read(params) {
                    return self.close(&text_document.uri);
                }
            }
            DidSaveTextDocument::METHOD | DidChangeWatchedFiles::METHOD => {
                for workspace in self.workspaces.values_mut() {
                    workspace.invalidate_disk();
                }
            }
            // Notifications may be ignored.
            _ => {}
        }
        Vec::new()
    }

    /// Asks the editor to tell of changes on disk.
    fn watch_files(&self) -> Vec<Message> {
        let workspace = self.client.workspace.as_ref();
        let watches = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        if watches.and_then(|watches| watches.dynamic_registration) != Some(true) {
            return Vec::new();
        }
        let watcher =
            FileSystemWatcher { glob_pattern: GlobPattern::String("**/*.exo".to_owned()), kind: None };
        let options = DidChangeWatchedFilesRegistrationOptions { watchers: vec![watcher] };
        let Ok(options) = serde_json::to_value(options) else { return Vec::new() };
        let registration = Registration {
            id: "models".to_owned(),
            method: DidChangeWatchedFiles::METHOD.to_owned(),
            register_options: Some(options),
        };
        let params = RegistrationParams { registrations: vec![registration] };
        let id = RequestId::from("watch models".to_owned());
        vec![Message::Request(Request::new(id, RegisterCapability::METHOD.to_owned(), params))]
    }

    fn open(&mut self, uri: &Uri, text: &str) {
        // More is not kept; the file on disk answers in its place.
        if text.len() <= MAX_DOCUMENT {
            self.documents.insert(uri.clone(), Arc::from(text));
        }
        self.regroup();
        self.workspace_mut(uri).invalidate();
    }

    fn change(&mut self, params: DidChangeTextDocumentParams) {
        let uri = params.text_document.uri;
        let Some(text) = self.documents.get(&uri) else { return };
        let mut text = text.to_string();
        for change in params.content_changes {
            apply(&mut text, change);
        }
        if text.len() > MAX_DOCUMENT {
            self.documents.remove(&uri);
        } else {
            self.documents.insert(uri.clone(), Arc::from(text));
        }
        self.workspace_mut(&uri).invalidate();
    }

    fn close(&mut self, uri: &Uri) -> Vec<Message> {
        self.documents.remove(uri);
        let key = key_of(uri, &self.documents);
        let still_used = self.documents.keys().any(|other| key_of(other, &self.documents) == key);
        if still_used {
            self.workspace_mut(uri).invalidate_disk();
            return Vec::new();
        }
        // Nobody looks at the project any more: its problems go away.
        let Some(workspace) = self.workspaces.remove(&key) else { return Vec::new() };
        workspace.published.into_iter().filter_map(|uri| problems(uri, Vec::new())).collect()
    }

    /// A new root model can change which project the open documents belong to.
    fn regroup(&mut self) {
        let used: Vec<WorkspaceKey> = self.documents.keys().map(|uri| key_of(uri, &self.documents)).collect();
        for key in &used {
            self.workspaces.entry(key.clone()).or_insert_with(|| Workspace::new(key));
        }
    }

    fn workspace_mut(&mut self, uri: &Uri) -> &mut Workspace {
        let key = key_of(uri, &self.documents);
        self.workspaces.entry(key.clone()).or_insert_with(|| Workspace::new(&key))
    }

    /// The project of a document, compiled.
    pub(super) fn workspace(&mut self, uri: &Uri) -> &Workspace {
        let key = key_of(uri, &self.documents);
        let own: Vec<(Uri, Arc<str>)> = (self.documents.iter())
            .filter(|(other, _)| key_of(other, &self.documents) == key)
            .map(|(uri, text)| (uri.clone(), text.clone()))
            .collect();
        let workspace = self.workspaces.entry(key.clone()).or_insert_with(|| Workspace::new(&key));
        workspace.refresh(&own);
        workspace
    }

    /// Problems of every project that changed since they were published.
    pub(super) fn publish(&mut self) -> Vec<Message> {
        let published = catch_unwind(AssertUnwindSafe(|| {
            let mut messages = Vec::new();
            let documents: Vec<Uri> = self.documents.keys().cloned().collect();
            for uri in documents {
                if !self.workspace_mut(&uri).is_stale {
                    continue;
                }
                self.workspace(&uri);
                let workspace = self.workspace_mut(&uri);
                workspace.is_stale = false;
                let mut found = workspace.problems(&uri);
                workspace.published =
                    found.iter().filter(|(_, list)| !list.is_empty()).map(|(uri, _)| uri.clone()).collect();
                // Open documents without problems are told so, too.
                let key = key_of(&uri, &self.documents);
                for open in self.documents.keys().filter(|open| key_of(open, &self.documents) == key) {
                    found.entry(open.clone()).or_default();
                }
                messages.extend(found.into_iter().filter_map(|(uri, list)| problems(uri, list)));
            }
            messages
        }));
        published.unwrap_or_default()
    }
}

fn problems(uri: Uri, diagnostics: Vec<lsp_types::Diagnostic>) -> Option<Message> {
    let params = PublishDiagnosticsParams { uri, diagnostics, version: None };
    let params = serde_json::to_value(params).ok()?;
    Some(Message::Notification(Notification { method: PublishDiagnostics::METHOD.to_owned(), params }))
}

/// Applies an edit of the editor's to its copy here.
fn apply(text: &mut String, change: TextDocumentContentChangeEvent) {
    let Some(range) = change.range else {
        *text = change.text;
        return;
    };
    let file = SourceFile::new("", Arc::from(text.as_str()));
    let (start, end) = (offset(&file, range.start) as usize, offset(&file, range.end) as usize);
    text.replace_range(start..end.max(start), &change.text);
}

fn read<P: DeserializeOwned>(params: Value) -> Option<P> {
    serde_json::from_value(params).ok()
}

fn answer<P: DeserializeOwned, R: Serialize>(
    request: Request,
    handle: impl FnOnce(P) -> Result<R, Refusal>,
) -> Response {
    let params = match serde_json::from_value(request.params) {
        Ok(params) => params,
        Err(error) => {
            let text = format!("parameters of `{}`: {error}", request.method);
            return refusal(request.id, (ErrorCode::InvalidParams, text));
        }
    };
    match handle(params) {
        Ok(result) => match serde_json::to_value(result) {
            Ok(result) => Response::new_ok(request.id, result),
            Err(error) => refusal(request.id, (ErrorCode::InternalError, error.to_string())),
        },
        Err(reason) => refusal(request.id, reason),
    }
}

fn refusal(id: RequestId, (code, text): Refusal) -> Response {
    Response::new_err(id, code as i32, text)
}

fn capabilities() -> InitializeResult {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        save: Some(lsp_types::SaveOptions { include_text: Some(false) }.into()),
        ..TextDocumentSyncOptions::default()
    };
    let triggers = [".", "@", "\"", "<", "(", "[", "/", "="];
    InitializeResult {
        capabilities: ServerCapabilities {
            text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            definition_provider: Some(OneOf::Left(true)),
            references_provider: Some(OneOf::Left(true)),
            rename_provider: Some(OneOf::Right(RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            })),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(triggers.map(str::to_owned).to_vec()),
                ..CompletionOptions::default()
            }),
            document_symbol_provider: Some(OneOf::Left(true)),
            document_formatting_provider: Some(OneOf::Left(true)),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                ..CodeActionOptions::default()
            })),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "exo-studio".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}
