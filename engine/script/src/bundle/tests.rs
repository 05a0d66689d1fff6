use std::path::Path;

use super::{Bundled, bundle};

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn bundled(root: &Path) -> Bundled {
    bundle(root, ["src/a.ts"])
}

/// `file:line:column message` of every problem.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let dir = project(files);
    let found = bundled(dir.path()).problems;
    found
        .iter()
        .map(|problem| format!("{}:{}:{} {}", problem.file, problem.line, problem.column, problem.message))
        .collect()
}

#[test]
fn types_go_and_what_only_they_needed() {
    let dir = project(&[(
        "src/a.ts",
        "import type { Exograph } from '../generated/exograph.d.ts';\n\
         import { Quote } from 'https://example.org/types.ts';\n\
         enum Kind { A = 1 << 2, B = A | 1 }\n\
         export class Money<T extends string> { constructor(private readonly amount: T) {} }\n\
         export async function f(q: Quote, e: Exograph): Promise<Kind> { return Kind.B satisfies Kind as any; }\n",
    )]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert_eq!(problems, []);
    let script = &scripts["src/a.ts"];
    assert!(script.imports.is_empty(), "{:?}", script.imports);
    assert!(
        !script.code.contains("Promise<") && script.code.contains("this.amount = amount"),
        "{}",
        script.code
    );
    let exports: Vec<_> = script.exports.as_ref().unwrap().iter().map(String::as_str).collect();
    assert_eq!(exports, ["Money", "f"]);
}

#[test]
fn lines_of_the_generated_code_lead_back_to_the_source() {
    let text = "interface A {\n  b: string;\n}\n\n\nexport function f(a: A) {\n  throw new Error(a.b);\n}\n";
    let dir = project(&[("src/a.ts", text)]);
    let scripts = bundled(dir.path()).scripts;
    let script = &scripts["src/a.ts"];
    let line = script.code.lines().position(|line| line.contains("throw")).unwrap() + 1;
    assert_ne!(line, 7, "the types above are gone");
    assert_eq!(script.source_line(u32::try_from(line).unwrap(), 9), 7);
}

#[test]
fn imports_lead_to_files_with_and_without_extension() {
    let dir = project(&[
        (
            "src/a.ts",
            "import './b'; import './c.js'; import './d'; import data from './e.json'; export * from '../lib/f.mjs'; export default data;",
        ),
        ("src/b.ts", "import './a.ts';"),
        ("src/c.ts", ""),
        ("src/d/index.ts", ""),
        ("src/e.json", "{\"k\": [1]}"),
        ("lib/f.mjs", "export const g = 1;"),
    ]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert_eq!(problems, []);
    let paths: Vec<_> = scripts.keys().map(String::as_str).collect();
    assert_eq!(paths, ["lib/f.mjs", "src/a.ts", "src/b.ts", "src/c.ts", "src/d/index.ts", "src/e.json"]);
    assert_eq!(scripts["src/a.ts"].exports, None, "`export *` leaves it open");
    assert_eq!(scripts["lib/f.mjs"].code, "export const g = 1;");
}

#[test]
fn packages_are_found_by_their_exports() {
    let dir = project(&[
        (
            "src/a.ts",
            "import 'one'; import 'npm:one@1.2/sub/x'; import '@s/two'; export { default } from 'three';",
        ),
        (
            "node_modules/one/package.json",
            r#"{"exports": {".": {"node": "./node.js", "require": "./r.cjs", "default": {"import": "./m.js"}}, "./sub/*": "./lib/*.js"}}"#,
        ),
        ("node_modules/one/m.js", "import '#inner';"),
        ("node_modules/one/lib/x.js", ""),
        ("node_modules/@s/two/package.json", r#"{"main": "r.js", "module": "m"}"#),
        ("node_modules/@s/two/m.js", ""),
        ("node_modules/three/index.js", "export default 3;"),
    ]);
    let Bundled { scripts, problems } = bundled(dir.path());
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["cannot find `#inner` in the `imports` of package.json"]);
    for path in ["one/m.js", "one/lib/x.js", "@s/two/m.js", "three/index.js"] {
        assert!(scripts.contains_key(&format!("node_modules/{path}")), "{path}");
    }
}

#[test]
fn the_import_map_of_the_project_counts() {
    let dir = project(&[
        ("deno.json", r#"{"imports": {"money": "./lib/money.ts", "lib/": "./lib/", "pkg": "npm:one@3"}}"#),
        ("src/a.ts", "import 'money'; import 'lib/other.ts'; import 'pkg';"),
        ("lib/money.ts", ""),
        ("lib/other.ts", ""),
        ("node_modules/one/index.js", ""),
    ]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert_eq!(problems, []);
    assert_eq!(scripts["src/a.ts"].imports["pkg"], "node_modules/one/index.js");
}

#[test]
fn mistakes_have_a_place_and_a_next_step() {
    assert_eq!(
        problems(&[("src/a.ts", "export const x = 1;\n  export function (\n")]),
        ["src/a.ts:2:19 Expected function name"]
    );
    assert_eq!(
        problems(&[("src/a.ts", "import './b.ts';\nimport 'fs';"), ("src/b.ts", "let a = 1; let a = 2;")]),
        [
            "src/a.ts:2:8 cannot import `fs`: modules of Node are not available to scripts",
            "src/b.ts:1:5 Identifier `a` has already been declared",
        ]
    );
    let network = problems(&[("src/a.ts", "import {x} from 'https://example.org/x.ts'; x();")]);
    assert_eq!(
        network,
        ["src/a.ts:1:17 cannot import `https://example.org/x.ts`: modules are not fetched from the network"]
    );
    let common = problems(&[
        ("src/a.ts", "import 'old';"),
        ("node_modules/old/index.js", "'use strict';\nmodule.exports = 1;"),
    ]);
    assert_eq!(
        common,
        ["node_modules/old/index.js:2:1 this file is a CommonJS module, which has no exports to import"]
    );
    let json = problems(&[("src/a.ts", "import './x.json';"), ("src/x.json", "{\n  \"a\": }")]);
    assert!(json[0].starts_with("src/x.json:2:8 the file is no JSON"), "{json:?}");
}

#[test]
fn dynamic_imports_are_bundled_when_they_can_be() {
    let dir = project(&[
        ("src/a.ts", "export const f = () => import('./b.ts'); export const g = () => import('fs');"),
        ("src/b.ts", "export const b: number = 1;"),
    ]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert_eq!(problems, []);
    assert!(scripts.contains_key("src/b.ts"));
}

#[test]
fn a_file_that_does_not_exist_is_left_to_the_caller() {
    let dir = project(&[]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert!(scripts.is_empty() && problems.is_empty());
}

#[test]
fn names_have_to_be_exported_where_they_come_from() {
    let files = [
        (
            "src/a.ts",
            "import { one, type T, U } from './b';\nimport x, { two as deux } from './b.ts';\nimport data, { k } from './c.json';\n\
             export { V, three } from './b.ts'; export const u: U | T = [one, x, deux, data, k];",
        ),
        ("src/b.ts", "export const one = 1; export interface T {} export type U = T; export interface V {}"),
        ("src/c.json", "{}"),
    ];
    assert_eq!(
        problems(&files),
        [
            "src/a.ts:2:8 `./b.ts` has no export `default`",
            "src/a.ts:2:13 `./b.ts` has no export `two`",
            "src/a.ts:3:16 `./c.json` has no export `k`",
            "src/a.ts:4:13 `./b.ts` has no export `three`",
        ]
    );
    let dir = project(&files);
    let found = bundled(dir.path()).problems;
    assert_eq!((found[1].length, found[1].help.as_str()), (3, "it exports one"));
}

#[test]
fn types_may_be_passed_on_like_values() {
    let dir = project(&[
        ("src/a.ts", "export { T, value } from './b.ts'; export * from './b.ts';"),
        (
            "src/b.ts",
            "export interface T {} export enum E { A } export namespace N { export const n = 1; } export const value = E.A;",
        ),
    ]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert_eq!(problems, []);
    let exports: Vec<_> = scripts["src/b.ts"].exports.as_ref().unwrap().iter().map(String::as_str).collect();
    assert_eq!(exports, ["E", "N", "T", "value"]);
    assert!(scripts["src/b.ts"].code.contains("export { $type_T as T }"), "{}", scripts["src/b.ts"].code);
}

#[test]
fn imports_of_json_may_use_the_old_word() {
    let dir = project(&[
        ("src/a.ts", "import b from './b.js'; export default b;"),
        ("src/b.js", "\nimport data from './c.json' assert { type: 'json' };\nexport default data;"),
        ("src/c.json", "{}"),
    ]);
    let Bundled { scripts, problems } = bundled(dir.path());
    assert_eq!(problems, []);
    let script = &scripts["src/b.js"];
    assert!(script.code.contains("with { type: \"json\" }"), "{}", script.code);
    assert_eq!((script.code.lines().next().is_some_and(str::is_empty), script.source_line(1, 1)), (false, 2));
}
