use studio_model::ir::{Ir, Plugin};
use studio_model::{SourceSet, compile};

use super::{declarations, skeleton};

const MODEL: &str = r#"
context Caller { @jwt("sub") id: Uuid? @jwt roles: Array<String> }
context Place { @clientIp ip: String }
@postgres module Shop {
  enum Shelf { LOW HIGH }
  @json type Size { width: Float  tags: Array<String?>? }
  @access(true) type Book {
    @pk id: Int = autoIncrement()
    price: Decimal
    shelf: Shelf?
    size: Size
    reviews: Set<Review>?
    printed: LocalDate
    summary: Vector?
    meta: Json
  }
  @access(true) type Review { @pk id: Int = autoIncrement() book: Book  good: Boolean }
}
@deno("code/pricing.ts") module Pricing {
  @access(true) type Quote { total: Float  notes: Array<String>?  best: Part? }
  @access(true) type Part { name: String }
  type Request { isbn: String }
  @access(true) query quote(request: Request, copies: Array<Int>?, @inject caller: Caller, @inject exograph: Exograph): Quote?
  @access(true) query bestBooks(): Set<Shop.Book>
  @around("query *") interceptor watch(operation: Operation, place: Place)
}
@deno("plain.js") module Plain {
  @access(true) query add(a: Int, b: Int): Int
}
"#;

fn model(text: &str) -> Ir {
    let mut sources = SourceSet::new();
    sources.add("src/index.exo", text.to_owned());
    let compiled = compile(&sources);
    assert!(compiled.ir.is_some(), "{:?}", compiled.diagnostics);
    compiled.ir.unwrap()
}

fn file(ir: &Ir, name: &str) -> Option<String> {
    declarations(ir).into_iter().find(|file| file.name == name).unwrap().text
}

#[test]
fn every_module_has_its_types() {
    let ir = model(MODEL);
    let names: Vec<String> = declarations(&ir).into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["exograph.d.ts", "contexts.d.ts", "Shop.d.ts", "Pricing.d.ts", "Plain.d.ts"]);
    let contexts = "// Written by the build; changes are overwritten.\n\n\
        export interface Caller {\n  id: string | undefined;\n  roles: string[];\n}\n\n\
        export interface Place {\n  ip: string;\n}\n";
    assert_eq!(file(&ir, "contexts.d.ts").unwrap(), contexts);
    let shop = file(&ir, "Shop.d.ts").unwrap();
    for line in [
        "export interface Book {",
        "  id: number;",
        "  price: string;",
        "  shelf: Shelf | undefined;",
        "  size: Size;",
        "  reviews: Review[] | undefined;",
        "  summary: number[] | undefined;",
        "  meta: any;",
        "  tags: (string | undefined)[] | undefined;",
        "export type Shelf = 'LOW' | 'HIGH';",
        "  good: boolean;",
    ] {
        assert!(shop.lines().any(|known| known == line), "{line} is not in\n{shop}");
    }
    let pricing = file(&ir, "Pricing.d.ts").unwrap();
    assert!(pricing.contains("  notes: string[] | undefined;\n  best: Part | undefined;\n"), "{pricing}");
}

#[test]
fn without_contexts_their_file_goes_and_without_scripts_there_is_nothing() {
    let ir = model(r#"@deno("a.ts") module A { @access(true) query one(): Int }"#);
    assert_eq!(file(&ir, "contexts.d.ts"), None);
    let ir = model("@postgres module A { @access(true) type B { @pk id: Int = autoIncrement() } }");
    assert_eq!(declarations(&ir), []);
}

#[test]
fn a_first_version_has_every_function() {
    let ir = model(MODEL);
    let text = |name: &str| {
        let (id, module) = ir.modules.iter().find(|(_, module)| module.name == name).unwrap();
        let Plugin::Deno(code) = &module.plugin else { panic!("a script") };
        skeleton(&ir, id, code)
    };
    assert_eq!(
        text("Pricing"),
        "import type { Exograph, Operation } from '../../generated/exograph.d.ts';\n\
         import type { Caller, Place } from '../../generated/contexts.d.ts';\n\
         import type { Quote, Request } from '../../generated/Pricing.d.ts';\n\
         import type * as Shop from '../../generated/Shop.d.ts';\n\n\
         export async function quote(request: Request, copies: number[] | undefined, caller: Caller, \
         exograph: Exograph): Promise<Quote | undefined> {\n  throw new Error('not implemented');\n}\n\n\
         export async function bestBooks(): Promise<Shop.Book[]> {\n  throw new Error('not implemented');\n}\n\n\
         export async function watch(operation: Operation, place: Place) {\n  throw new Error('not implemented');\n}\n"
    );
    assert_eq!(
        text("Plain"),
        "export async function add(a, b) {\n  throw new Error('not implemented');\n}\n"
    );
}
