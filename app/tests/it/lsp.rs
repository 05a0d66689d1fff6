//! `exo-studio lsp` over standard input and output, as an editor drives it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use crate::harness::{PATIENCE, command, folder, project};

struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    next: i64,
}

impl Editor {
    fn start() -> Self {
        let mut child = command().arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                let mut line = String::new();
                while output.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
                    if let Some(value) = line.strip_prefix("Content-Length: ") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                if length == 0 || output.read_exact(&mut body).is_err() {
                    return;
                }
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, input, messages, next: 1 }
    }

    fn initialized() -> Self {
        let mut editor = Self::start();
        let capabilities =
            json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } });
        let answer = editor.request("initialize", json!({ "capabilities": capabilities }));
        assert_eq!(answer["capabilities"]["hoverProvider"], true);
        editor.notify("initialized", json!({}));
        editor
    }

    fn raw(&mut self, body: &str) {
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.raw(&json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string());
    }

    fn message(&self) -> Value {
        self.messages.recv_timeout(PATIENCE).expect("a message of the server")
    }

    /// The whole answer; notifications in between are dropped.
    fn answer(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.raw(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        loop {
            let message = self.message();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    fn open(&mut self, path: &Path, text: &str) {
        let document = json!({ "uri": uri(path), "languageId": "exo", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// The next published problems of a file.
    fn problems(&self, path: &Path) -> Vec<Value> {
        loop {
            let message = self.message();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri(path)
            {
                return message["params"]["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    fn end(mut self) -> i32 {
        assert_eq!(self.request("shutdown", Value::Null), Value::Null);
        self.notify("exit", Value::Null);
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The parameters of a request about the place before the nth occurrence of a text.
fn at(path: &Path, text: &str, what: &str) -> Value {
    let offset = text.find(what).unwrap();
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let character = before.rsplit('\n').next().unwrap().encode_utf16().count();
    json!({ "textDocument": { "uri": uri(path) }, "position": { "line": line, "character": character } })
}

fn with(mut params: Value, key: &str, value: Value) -> Value {
    params[key] = value;
    params
}

/// A project of two files; the root imports the other one.
fn shop(root: &Path) -> (PathBuf, PathBuf, String, String) {
    let source = root.join("shop/src");
    std::fs::create_dir_all(&source).unwrap();
    let source = source.canonicalize().unwrap();
    let index = "import \"people\"\n@postgres\nmodule Shop {\n  @access(true)\n  type Book {\n    @pk id: Int = autoIncrement()\n    /* ü😀 */ owner: Person?\n  }\n}\n";
    let people = "@postgres\nmodule People {\n  @access(true)\n  /// Reads.\n  type Person {\n    @pk id: Int = autoIncrement()\n    name: String\n    books: Set<Book>?\n  }\n}\n";
    let (one, other) = (source.join("index.exo"), source.join("people.exo"));
    std::fs::write(&one, index).unwrap();
    std::fs::write(&other, people).unwrap();
    (one, other, index.to_owned(), people.to_owned())
}

#[test]
fn an_editor_works_on_a_project_of_several_files() {
    let folder = folder();
    let (index, people, index_text, people_text) = shop(folder.path());
    let mut editor = Editor::initialized();
    editor.open(&index, &index_text);
    assert_eq!(editor.problems(&index), Vec::<Value>::new());

    // Across files, with columns in UTF-16 units.
    let place = at(&index, &index_text, "Person?");
    assert_eq!(place["position"]["character"], 21);
    let found = editor.request("textDocument/definition", place.clone());
    assert_eq!(found["uri"], uri(&people));
    assert_eq!(found["range"]["start"], json!({ "line": 4, "character": 7 }));
    let hover = editor.request("textDocument/hover", place.clone());
    let text = hover["contents"]["value"].as_str().unwrap();
    assert!(text.contains("Table `people`") && text.contains("`createPerson`"), "{text}");
    let references = editor.request(
        "textDocument/references",
        with(place.clone(), "context", json!({ "includeDeclaration": true })),
    );
    assert_eq!(references.as_array().unwrap().len(), 2);
    let edit = editor.request("textDocument/rename", with(place.clone(), "newName", "Human".into()));
    let changes = edit["changes"].as_object().unwrap();
    assert_eq!(changes.len(), 2, "{edit}");
    assert_eq!(changes[&uri(&people)][0]["newText"], "Human");
    let prepared = editor.request("textDocument/prepareRename", place.clone());
    assert_eq!(prepared["placeholder"], "Person");
    let refused = editor.answer("textDocument/rename", with(place, "newName", "Book".into()));
    assert_eq!(refused["error"]["code"], -32803);

    // What is not saved counts.
    let range = json!({ "start": { "line": 6, "character": 21 }, "end": { "line": 6, "character": 27 } });
    let change = json!({ "textDocument": { "uri": uri(&index), "version": 2 }, "contentChanges": [{ "range": range, "text": "Persn" }] });
    editor.notify("textDocument/didChange", change);
    let problems = editor.problems(&index);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["code"], "E0030");
    assert_eq!(problems[0]["range"]["start"], json!({ "line": 6, "character": 21 }));
    assert_eq!(problems[0]["range"]["end"], json!({ "line": 6, "character": 26 }));
    let actions = editor.request(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri(&index) }, "range": problems[0]["range"], "context": { "diagnostics": problems } }),
    );
    assert_eq!(actions[0]["title"], "write `Person`");
    assert_eq!(actions[0]["edit"]["changes"][uri(&index)][0]["newText"], "Person");
    assert_eq!(actions[0]["diagnostics"][0]["code"], "E0030");

    // The other file on disk changes below the buffer.
    std::fs::write(&people, people_text.replace("Person", "Persn")).unwrap();
    let changed = json!({ "changes": [{ "uri": uri(&people), "type": 2 }] });
    editor.notify("workspace/didChangeWatchedFiles", changed);
    assert_eq!(editor.problems(&index), Vec::<Value>::new());

    // Closing forgets.
    editor.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri(&index) } }));
    assert_eq!(editor.end(), 0);
}

#[test]
fn suggestions_outline_and_layout() {
    let folder = folder();
    let path = project(folder.path(), "bookshop").canonicalize().unwrap().join("src/index.exo");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut editor = Editor::initialized();
    editor.open(&path, &text);
    assert_eq!(editor.problems(&path), Vec::<Value>::new(), "templates are free of warnings");
    let outline =
        editor.request("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri(&path) } }));
    assert!(
        outline.as_array().unwrap().iter().any(|item| item["kind"] == 2 && item["children"].is_array()),
        "{outline}"
    );
    let formatting =
        json!({ "textDocument": { "uri": uri(&path) }, "options": { "tabSize": 2, "insertSpaces": true } });
    assert_eq!(editor.request("textDocument/formatting", formatting.clone()), json!([]));

    // The whole text anew, as some editors send it; then half a rule.
    let half = format!(
        "{text}\ncontext Extra {{ @jwt sub: String   @header lang: String }}\n@postgres module More {{ @access(Extra.)\n type Thing {{ @pk id: Int }} }}\n"
    );
    let change =
        json!({ "textDocument": { "uri": uri(&path), "version": 2 }, "contentChanges": [{ "text": half }] });
    editor.notify("textDocument/didChange", change);
    let place = at(&path, &half, ")\n type Thing");
    let found = editor.request("textDocument/completion", place);
    let labels: Vec<&str> =
        found.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["sub", "lang"]);
    let whole = half.replace("Extra.", "Extra.sub == \"x\"");
    let change =
        json!({ "textDocument": { "uri": uri(&path), "version": 3 }, "contentChanges": [{ "text": whole }] });
    editor.notify("textDocument/didChange", change);
    let edits = editor.request("textDocument/formatting", formatting);
    assert_eq!(edits.as_array().unwrap().len(), 1);
    assert!(
        edits[0]["newText"]
            .as_str()
            .unwrap()
            .contains("context Extra {\n  @jwt sub: String\n  @header lang: String\n}")
    );
    let access = at(&path, &whole, "access(Extra");
    let annotations = editor.request("textDocument/completion", access);
    let table = annotations.as_array().unwrap().iter().find(|item| item["label"] == "table").unwrap().clone();
    assert_eq!(table["textEdit"]["newText"], "table(\"$1\")");
    assert_eq!(table["insertTextFormat"], 2);
    assert_eq!(editor.end(), 0);
}

#[test]
fn files_outside_of_projects_and_files_nobody_imports() {
    let folder = folder();
    let (index, _, index_text, _) = shop(folder.path());
    let mut editor = Editor::initialized();
    // A lone file is its own project.
    let lone = folder.path().canonicalize().unwrap().join("lone.exo");
    editor.open(&lone, "@postgres module M { type T { @pk id: Strng } }");
    assert_eq!(editor.problems(&lone)[0]["code"], "E0030");
    // So is a buffer that was never saved.
    let untitled =
        json!({ "uri": "untitled:Untitled-1", "languageId": "exo", "version": 1, "text": "module M { }" });
    editor.notify("textDocument/didOpen", json!({ "textDocument": untitled }));
    let message = loop {
        let message = editor.message();
        if message["params"]["uri"] == "untitled:Untitled-1" {
            break message;
        }
    };
    assert_eq!(message["params"]["diagnostics"][0]["code"], "E0027");
    // A file of the project that is not imported yet knows the project's types.
    let orders = index.with_file_name("orders.exo");
    editor.open(&index, &index_text);
    editor.open(
        &orders,
        "@postgres module Orders { @access(true) type Order { @pk id: Int  @manyToOne book: Book } }",
    );
    assert_eq!(editor.problems(&orders), Vec::<Value>::new());
    assert_eq!(editor.end(), 0);
}

#[test]
fn whatever_arrives_is_answered_and_the_server_goes_on() {
    let mut editor = Editor::start();
    assert_eq!(editor.answer("textDocument/hover", json!({}))["error"]["code"], -32002);
    editor.notify("textDocument/didOpen", json!(17));
    editor.request("initialize", json!({ "capabilities": {} }));
    assert_eq!(editor.answer("initialize", json!({ "capabilities": {} }))["error"]["code"], -32600);
    assert_eq!(editor.answer("textDocument/codeLens", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.answer("$/unknown", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.answer("textDocument/hover", json!({ "nothing": true }))["error"]["code"], -32602);
    let nowhere = json!({ "textDocument": { "uri": "file:///nowhere/x.exo" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(editor.answer("textDocument/hover", nowhere)["error"]["code"], -32602);
    editor.raw("{ no json");
    assert_eq!(editor.message()["error"]["code"], -32700);
    editor.raw(r#"{"jsonrpc":"2.0","id":"x","nothing":1}"#);
    let answer = editor.message();
    assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &json!("x")));
    // Garbage in notifications is dropped.
    for method in ["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "whatever"] {
        editor.notify(method, json!({ "textDocument": 5 }));
    }
    // Positions past every end, in a text full of mistakes.
    let folder = folder();
    let path = folder.path().canonicalize().unwrap().join("x.exo");
    editor.open(&path, "@postgres module { type T { @pk \"\n\u{1f600} id: Set<<");
    assert!(!editor.problems(&path).is_empty());
    for (line, character) in [(0, 0), (0, 9999), (1, 1), (1, 2), (9, 9), (u32::MAX, u32::MAX)] {
        let place = json!({ "textDocument": { "uri": uri(&path) }, "position": { "line": line, "character": character } });
        for method in ["hover", "definition", "completion"] {
            editor.request(&format!("textDocument/{method}"), place.clone());
        }
        let range = json!({ "start": place["position"], "end": { "line": 0, "character": 3 } });
        let change = json!({ "textDocument": { "uri": uri(&path), "version": 2 }, "contentChanges": [{ "range": range, "text": "" }] });
        editor.notify("textDocument/didChange", change);
    }
    assert_eq!(editor.end(), 0);
}

#[test]
fn going_away_without_a_word_ends_the_server() {
    let mut editor = Editor::initialized();
    editor.notify("exit", Value::Null);
    assert_eq!(editor.child.wait().unwrap().code(), Some(1));
    let mut editor = Editor::initialized();
    drop(editor.input.take());
    assert_eq!(editor.child.wait().unwrap().code(), Some(1));
}
