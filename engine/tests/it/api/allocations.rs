//! How often a request that is served from the plan cache asks the allocator, and how large its state is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use serde_json::json;

use studio_engine::server::Server;
use studio_engine::server::http::HttpRequest;

use super::{Lab, json_of, post};

thread_local! {
    pub(crate) static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
pub(crate) struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe by nature; this one hands everything on")]
// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as for the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as for the caller.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as for the caller.
        unsafe { System.realloc(memory, layout, size) }
    }
}

const MODEL: &str = r#"
@postgres
module Shop {
  @access(true)
  type Item {
    @pk id: Int = autoIncrement()
    name: String
    kind: String
    parts: Set<Part>?
  }
  @access(true)
  type Part {
    @pk id: Int = autoIncrement()
    size: Int
    item: Item
  }
}
"#;

/// Operations, and how many allocations each may make: reading the body, finding the plan, binding, the answer. A
/// request that walked the schema and planned makes ten times as many.
const OPERATIONS: [(&str, u64); 3] = [
    ("query($v: Int!) { item(id: $v) { id name kind } }", 45),
    (
        "query($v: Int!) { items(where: {id: {gte: $v}}, orderBy: {name: ASC}, limit: 20) { id name parts { id size } } }",
        45,
    ),
    ("mutation($v: Int!) { createPart(data: {size: $v, item: {id: 1}}) { id size } }", 45),
];
/// How many fields the wide type has.
const WIDE: usize = 60;
/// Bytes that the state of a request may take: it is moved several times on its way.
const STATE: usize = 4352;

pub(crate) async fn all(lab: &Lab) {
    operations(lab).await;
    width(lab).await;
}

/// The fewest allocations of a request that is asked several times, and those of the first.
async fn counted(server: &Server, query: &str) -> (u64, u64) {
    let mut fewest = u64::MAX;
    let mut first = None;
    for value in 1..30 {
        let body = json!({"query": query, "variables": {"v": value}});
        let before = COUNT.with(Cell::get);
        let reply = post(server, "/graphql", Vec::new(), &body).await;
        let count = COUNT.with(Cell::get) - before;
        assert!(json_of(&reply)["data"].is_object());
        first.get_or_insert(count);
        fewest = fewest.min(count);
    }
    (fewest, first.unwrap_or_default())
}

/// A request whose plan is known walks neither the schema nor its selection: sixty fields cost what one costs, where
/// validation and planning cost several allocations for each.
async fn width(lab: &Lab) {
    let names: Vec<String> = (0..WIDE).map(|index| format!("field{index}")).collect();
    let fields: Vec<String> = names.iter().map(|name| format!("{name}: Int?")).collect();
    let model = format!(
        "@postgres\nmodule Shop {{\n  @access(true)\n  type Wide {{ @pk id: Int = autoIncrement()\n{}\n  }}\n}}\n",
        fields.join("\n")
    );
    let api = lab.api(&model, &[]).await;
    let server = api.quiet();
    let query = |names: &[String]| format!("query($v: Int!) {{ wide(id: $v) {{ {} }} }}", names.join(" "));
    let (narrow, _) = counted(&server, &query(&names[..1])).await;
    let (wide, first) = counted(&server, &query(&names)).await;
    println!("{wide} allocations for {WIDE} fields, {narrow} for one; {first} while planning");
    assert!(first > narrow + WIDE as u64, "planning has to look at each field: {first}");
    // The text of the request is longer; nothing else may be.
    assert!(wide <= narrow + 4, "{wide} allocations for {WIDE} fields where one takes {narrow}");
}

async fn operations(lab: &Lab) {
    let api = lab.api(MODEL, &[]).await;
    api.sql("INSERT INTO items (name, kind) SELECT 'n' || n, 'k' FROM generate_series(1, 50) n").await;
    let server = api.quiet();
    let request = HttpRequest::default();
    let state = size_of_val(&server.dispatch(&request));
    println!("the state of a request takes {state} bytes");
    assert!(state <= STATE, "{state} bytes; something that is rarely waited for should be in a box");
    for (query, most) in OPERATIONS {
        let (fewest, first) = counted(&server, query).await;
        println!("{fewest} allocations from the plan cache, {first} without: {query}");
        assert!(fewest <= most, "{fewest} allocations where {most} were thought to be enough: {query}");
        assert!(fewest * 2 < first, "the first request has to plan: {first} against {fewest}");
    }
}
