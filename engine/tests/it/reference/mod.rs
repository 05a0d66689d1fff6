//! Access control against a reference: random models, rows, callers and requests; what the API shows and changes in
//! a real database equals what a plain evaluator in memory says.

mod eval;
mod model;
mod nested;
mod order;
mod request;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use studio_engine::config::{Environment, Mode, Settings};
use studio_engine::derived::Derived;
use studio_engine::runtime::auth::sign;
use studio_engine::runtime::caller::RequestHead;
use studio_engine::runtime::serving::Serving;
use studio_engine::server::Server;
use studio_engine::server::http::HttpRequest;
use studio_events::Revision;
use studio_model::{SourceSet, compile};
use studio_postgres::{Databases, Pool, PoolOptions};

use self::eval::{Caller, Cell, Data, Given, Row, Store};
use self::model::{CONTEXT, Kind, Model, Rng, V};
use self::nested::Entries;
use self::request::{Answer, DENIED, World};

const SECRET: &str = "a secret that only this test knows";

/// Models; `EXO_REFERENCE_MODELS=from..to` chooses others.
fn seeds() -> std::ops::Range<u64> {
    let chosen = std::env::var("EXO_REFERENCE_MODELS").ok().and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    chosen.unwrap_or(0..24)
}

pub(crate) async fn the_api_agrees_with_a_plain_evaluator(databases: &Databases) {
    let mut told = Told::default();
    for seed in seeds() {
        one_model(databases, seed, &mut told).await;
    }
    println!("reference: {told:?}");
    // A test that never meets rows, refusals and hidden rows would prove nothing.
    assert!(told.shown > 10 * told.models && told.denied > told.models && told.hidden > told.models);
    assert!(told.updated > 0 && told.nested > 0 && told.deleted > 0 && told.created > 0);
    assert!(told.paged > told.models && told.unique > 0 && told.deep > 0);
}

/// What the run met.
#[derive(Debug, Default)]
struct Told {
    models: usize,
    requests: usize,
    shown: usize,
    hidden: usize,
    denied: usize,
    updated: usize,
    nested: usize,
    deleted: usize,
    created: usize,
    deep: usize,
    paged: usize,
    unique: usize,
}

struct Api {
    server: Server,
    pool: Pool,
    derived: Derived,
    environment: Environment,
}

async fn one_model(databases: &Databases, seed: u64, told: &mut Told) {
    let mut rng = Rng(seed.wrapping_mul(0x2545_F491_4F6C_DD1D).wrapping_add(11));
    let model = Model::random(&mut rng);
    let text = model.text();
    let compiled = compile(&SourceSet::from_root(&text));
    let ir = compiled.ir.unwrap_or_else(|| panic!("seed {seed}\n{text}\n{:#?}", compiled.diagnostics));
    let derived = Derived::new(Arc::new(ir), true);
    let name = format!("reference_{seed}");
    databases.create(&name, None).await.unwrap();
    let pool = Pool::new(databases.target(&name), PoolOptions { size: 2, ..PoolOptions::default() });
    let store = random_store(&mut rng, &model);
    let connection = pool.get().await.unwrap();
    connection.batch_execute(&derived.ddl).await.unwrap();
    connection.batch_execute(&insert_script(&model, &store)).await.unwrap();
    drop(connection);
    let environment = Environment::from_map(BTreeMap::from([
        ("EXO_JWT_SECRET".to_owned(), SECRET.to_owned()),
        ("EXO_MAX_SELECTION_DEPTH".to_owned(), "12".to_owned()),
    ]));
    let api = Api { server: server(&environment, &derived, &pool), pool, derived, environment };

    told.models += 1;
    let mut run = Run { seed, text: &text, model: &model, api: &api, store, told };
    for _ in 0..4 {
        let caller = random_caller(&mut rng);
        run.reads(&mut rng, &caller).await;
    }
    run.repeated_reads(&mut rng).await;
    for _ in 0..16 {
        let caller = random_caller(&mut rng);
        match rng.below(7) {
            0 => run.delete(&mut rng, &caller).await,
            1 | 2 => run.create(&mut rng, &caller).await,
            3 | 4 => run.update_nested(&mut rng, &caller).await,
            5 => run.repeated_updates(&mut rng).await,
            _ => run.update(&mut rng, &caller).await,
        }
    }
    api.pool.close();
    databases.drop(&name).await.unwrap();
}

struct Run<'a> {
    seed: u64,
    text: &'a str,
    model: &'a Model,
    api: &'a Api,
    store: Store,
    told: &'a mut Told,
}

impl Run<'_> {
    async fn reads(&mut self, rng: &mut Rng, caller: &Caller) {
        for entity in 0..self.model.entities.len() {
            let (one, many) = (self.model.entities[entity].one(), self.model.entities[entity].many());
            let world = World::new(self.model, &self.store, caller);
            let keys = world.key_selection(entity);
            let mut requests: Vec<(String, String, Answer<Json>)> = Vec::new();
            let plain = world.list(entity, None, &keys);
            requests.push((format!("{many} {}", world.selection_text(entity, &keys)), many.clone(), plain));
            for _ in 0..3 {
                let selection = world.random_selection(rng, entity, 2);
                let filter = rng.chance(60).then(|| world.random_filter(rng, entity, 2, true));
                let argument = filter.as_ref().map_or_else(String::new, |filter| {
                    format!("(where: {})", world.filter_text(entity, filter))
                });
                let fields = world.selection_text(entity, &selection);
                let answer = world.list(entity, filter.as_ref(), &selection);
                requests.push((format!("{many}{argument} {fields}"), many.clone(), answer));
                let answer = world.count(entity, filter.as_ref());
                let key = format!("{many}Agg");
                requests.push((format!("{key}{argument} {{ num {{ count }} }}"), key, answer));
            }
            let mut pages = Vec::new();
            for _ in 0..2 {
                let selection = world.random_selection(rng, entity, 2);
                let filter = rng.chance(40).then(|| world.random_filter(rng, entity, 1, true));
                let page = world.random_page(rng, entity);
                let fields = world.selection_text(entity, &selection);
                let filter_text = filter
                    .as_ref()
                    .map_or_else(String::new, |it| format!("where: {}, ", world.filter_text(entity, it)));
                let text = format!("{many}({filter_text}{}) {fields}", world.page_text(entity, &page));
                pages.push((text, world.page(entity, filter.as_ref(), &page, &selection)));
            }
            if !self.store.rows[entity].is_empty() {
                let at = (entity, rng.below(self.store.rows[entity].len()));
                for (field, definition) in self.model.entities[entity].fields.iter().enumerate() {
                    let selection = world.random_selection(rng, entity, 1);
                    if let Some((arguments, answer)) = world.by_partner(at, field, &selection) {
                        let (first, rest) = definition.name.split_at(1);
                        let name = format!("{one}By{}{rest}", first.to_uppercase());
                        let fields = world.selection_text(entity, &selection);
                        requests.push((format!("{name}{arguments} {fields}"), name, answer));
                        self.told.unique += 1;
                    }
                }
                let key = world.evaluator().key(at);
                let arguments = world.key_text(entity, &key, "(", ")");
                let selection = world.random_selection(rng, entity, 1);
                let answer = world.by_key(entity, &key, &selection);
                let fields = world.selection_text(entity, &selection);
                requests.push((format!("{one}{arguments} {fields}"), one, answer));
            }
            for (document, key, expected) in requests {
                self.expect(caller, &format!("{{ {document} }}"), &key, expected, entity).await;
            }
            for (text, expected) in pages {
                let document = format!("{{ {text} }}");
                let reply = self.api.ask(caller, &document, &[]).await;
                if let Ok(Json::Array(rows)) = &expected {
                    let keys = |rows: &[Json]| rows.iter().map(sorted_ref).collect::<Vec<_>>();
                    let got = reply["data"][&many].as_array().map(|rows| keys(rows));
                    assert!(
                        got == Some(keys(rows)),
                        "{}\nanother order\ncaller {:?}\nexpected {rows:?}\ngot      {reply}",
                        self.story(&document),
                        caller.values
                    );
                    self.told.paged += usize::from(rows.len() > 1);
                }
                self.compare(&document, &reply, &many, expected, entity, caller);
            }
        }
    }

    /// One document with other values and callers: plans that are used again have to mean the same.
    async fn repeated_reads(&mut self, rng: &mut Rng) {
        for entity in 0..self.model.entities.len() {
            let many = self.model.entities[entity].many();
            for _ in 0..3 {
                let nobody = random_caller(rng);
                let world = World::new(self.model, &self.store, &nobody);
                let mut selection = world.random_selection(rng, entity, 2);
                let mut filter = world.random_filter(rng, entity, 2, true);
                let mut callers = vec![random_caller(rng), random_caller(rng)];
                for turn in 0..6 {
                    if turn > 0 {
                        filter.change_values(rng);
                        selection.iter_mut().for_each(|selected| selected.change_values(rng));
                    }
                    if turn == 3 {
                        callers = vec![random_caller(rng), random_caller(rng)];
                    }
                    let caller = rng.pick(&callers);
                    let variables = RefCell::default();
                    let world = World::new(self.model, &self.store, &caller).with_variables(&variables);
                    let text = format!(
                        "{many}(where: {}) {}",
                        world.filter_text(entity, &filter),
                        world.selection_text(entity, &selection)
                    );
                    let answer = world.list(entity, Some(&filter), &selection);
                    let variables = variables.into_inner();
                    let reply =
                        self.api.ask(&caller, &document("query", &text, &variables), &variables).await;
                    let story = format!("{} {}", document("query", &text, &variables), json!(variables));
                    // A server that has planned nothing yet says the same, byte for byte.
                    let document = document("query", &text, &variables);
                    let anew = self.api.ask_anew(&caller, &document, &variables).await;
                    let again = send(&self.api.server, &caller, &document, &variables).await;
                    let (anew, again) = (String::from_utf8_lossy(&anew), String::from_utf8_lossy(&again));
                    assert!(anew == again, "{}\nanew  {anew}\nagain {again}", self.story(&story));
                    self.compare(&story, &reply, &many, answer, entity, &caller);
                }
            }
        }
    }

    async fn repeated_updates(&mut self, rng: &mut Rng) {
        let entity = rng.below(self.model.entities.len());
        let nobody = random_caller(rng);
        let world = World::new(self.model, &self.store, &nobody);
        let Some(mut data) = random_data(rng, &world, entity, Purpose::Update, &mut Vec::new()) else {
            return;
        };
        let mut filter = world.random_filter(rng, entity, 1, true);
        let selection = world.random_selection(rng, entity, 0);
        let key = format!("update{}s", self.model.entities[entity].name);
        let callers = vec![random_caller(rng), random_caller(rng)];
        for turn in 0..4 {
            if turn > 0 {
                filter.change_values(rng);
                for (field, cell) in &mut data.values {
                    if let (Cell::Value(value), Kind::Value { ty, optional }) =
                        (cell, &self.model.entities[entity].fields[*field].kind)
                    {
                        *value = if *optional && rng.chance(20) { V::Null } else { V::random(rng, *ty) };
                    }
                }
            }
            let caller = rng.pick(&callers);
            let variables = RefCell::default();
            let world = World::new(self.model, &self.store, &caller).with_variables(&variables);
            let text = format!(
                "{key}(where: {}, data: {}) {}",
                world.filter_text(entity, &filter),
                world.data_text(entity, &data),
                world.selection_text(entity, &selection)
            );
            let (after, answer) = match world.update(entity, Some(&filter), &data, &selection) {
                Ok((after, answer)) => (after, Ok(answer)),
                Err(reason) => (self.store.clone(), Err(reason)),
            };
            let variables = variables.into_inner();
            let reply = self.api.ask(&caller, &document("mutation", &text, &variables), &variables).await;
            let story = format!("{} {}", document("mutation", &text, &variables), json!(variables));
            self.compare(&story, &reply, &key, answer, entity, &caller);
            self.expect_rows(&story, &after).await;
            self.store = after;
        }
    }

    async fn update(&mut self, rng: &mut Rng, caller: &Caller) {
        let entity = rng.below(self.model.entities.len());
        let world = World::new(self.model, &self.store, caller);
        let Some(data) = random_data(rng, &world, entity, Purpose::Update, &mut Vec::new()) else { return };
        let filter = rng.chance(50).then(|| world.random_filter(rng, entity, 1, true));
        let selection = world.random_selection(rng, entity, 1);
        let argument = filter
            .as_ref()
            .map_or_else(String::new, |filter| format!("where: {}, ", world.filter_text(entity, filter)));
        let key = format!("update{}s", self.model.entities[entity].name);
        let document = format!(
            "mutation {{ {key}({argument}data: {}) {} }}",
            world.data_text(entity, &data),
            world.selection_text(entity, &selection)
        );
        let (after, answer) = match world.update(entity, filter.as_ref(), &data, &selection) {
            Ok((after, answer)) => (after, Ok(answer)),
            Err(reason) => (self.store.clone(), Err(reason)),
        };
        self.told.updated += usize::from(after != self.store);
        self.expect(caller, &document, &key, answer, entity).await;
        self.expect_rows(&document, &after).await;
        self.store = after;
    }

    async fn update_nested(&mut self, rng: &mut Rng, caller: &Caller) {
        let entity = rng.below(self.model.entities.len());
        if self.store.rows[entity].is_empty() {
            return;
        }
        let at = (entity, rng.below(self.store.rows[entity].len()));
        let world = World::new(self.model, &self.store, caller);
        let key = world.evaluator().key(at);
        let mut data = random_data(rng, &world, entity, Purpose::Update, &mut Vec::new()).unwrap_or_default();
        let entries = random_entries(rng, &world, at);
        // What rules on the data see of the elements.
        for part in &entries {
            let items: Vec<Data> = part.updates.iter().chain(&part.creates).cloned().collect();
            if !items.is_empty() {
                data.nested.push((part.field, items));
            }
        }
        if entries.is_empty() {
            return;
        }
        let creates = entries.iter().flat_map(|part| &part.creates);
        self.told.deep += usize::from(creates.map(Data::levels).any(|levels| levels > 1));
        let selection = world.random_selection(rng, entity, 1);
        let name = format!("update{}", self.model.entities[entity].name);
        let values = world.data_text(entity, &Data { nested: Vec::new(), ..data.clone() });
        let values = &values[1..values.len() - 1];
        let document = format!(
            "mutation {{ {name}({}, data: {{{}}}) {} }}",
            world.key_text(entity, &key, "", ""),
            format!("{values}{}", world.entries_text(entity, &entries)).trim_start_matches(", "),
            world.selection_text(entity, &selection)
        );
        let mut next = self.api.next_numbers(self.model).await;
        let (after, answer) = match world.update_nested(at, &data, &entries, &selection, &mut next) {
            Ok((after, answer)) => (after, Ok(answer)),
            Err(reason) => (self.store.clone(), Err(reason)),
        };
        self.told.nested += usize::from(after != self.store);
        self.expect(caller, &document, &name, answer, entity).await;
        self.expect_rows(&document, &after).await;
        self.store = after;
    }

    async fn delete(&mut self, rng: &mut Rng, caller: &Caller) {
        let entity = rng.below(self.model.entities.len());
        let world = World::new(self.model, &self.store, caller);
        let filter = rng.chance(85).then(|| world.random_filter(rng, entity, 1, true));
        let selection = world.random_selection(rng, entity, 1);
        let argument = filter
            .as_ref()
            .map_or_else(String::new, |filter| format!("(where: {})", world.filter_text(entity, filter)));
        let key = format!("delete{}s", self.model.entities[entity].name);
        let document = format!("mutation {{ {key}{argument} {} }}", world.selection_text(entity, &selection));
        let (after, answer) = match world.delete(entity, filter.as_ref(), &selection) {
            Ok((after, answer)) => (after, Ok(answer)),
            Err(reason) => (self.store.clone(), Err(reason)),
        };
        self.told.deleted += usize::from(after != self.store);
        self.expect(caller, &document, &key, answer, entity).await;
        self.expect_rows(&document, &after).await;
        self.store = after;
    }

    async fn create(&mut self, rng: &mut Rng, caller: &Caller) {
        let entity = rng.below(self.model.entities.len());
        let world = World::new(self.model, &self.store, caller);
        let mut taken = Vec::new();
        let mut objects = Vec::new();
        for _ in 0..1 + rng.below(2) {
            objects.extend(random_data(rng, &world, entity, Purpose::Create, &mut taken));
        }
        if objects.is_empty() {
            return;
        }
        self.told.deep += usize::from(objects.iter().any(|data| data.levels() > 2));
        let key = format!("create{}s", self.model.entities[entity].name);
        let texts: Vec<_> = objects.iter().map(|data| world.data_text(entity, data)).collect();
        let keys = world.key_selection(entity);
        let fields = world.selection_text(entity, &keys);
        let document = format!("mutation {{ {key}(data: [{}]) {fields} }}", texts.join(", "));
        match world.may_create(entity, &objects) {
            Err(reason) => {
                self.expect(caller, &document, &key, Err(reason), entity).await;
                let before = self.store.clone();
                self.expect_rows(&document, &before).await;
            }
            Ok(()) => {
                let mut expected: Vec<Vec<Row>> = vec![Vec::new(); self.model.entities.len()];
                for data in &objects {
                    add_new_rows(&world, entity, data, None, &mut expected);
                }
                let reply = self.api.ask(caller, &document, &[]).await;
                let after = self.api.rows(self.model).await;
                let new = self.new_rows(&document, &reply, &after, expected);
                let world = World::new(self.model, &after, caller);
                let at: Vec<_> = new.into_iter().map(|index| (entity, index)).collect();
                let answer = world.seen(entity, &at).map(Json::Array);
                self.told.created += at.len();
                self.compare(&document, &reply, &key, answer, entity, caller);
                self.store = after;
            }
        }
    }

    /// Checks that exactly the expected rows are new; returns the positions of those of the entity created last.
    fn new_rows(
        &self,
        document: &str,
        reply: &Json,
        after: &Store,
        mut expected: Vec<Vec<Row>>,
    ) -> Vec<usize> {
        let root = expected.iter().position(|rows| !rows.is_empty()).unwrap_or(0);
        let created: Vec<usize> = expected.iter().map(Vec::len).collect();
        let mut positions = vec![Vec::new(); after.rows.len()];
        for (entity, rows) in after.rows.iter().enumerate() {
            let mut old = self.store.rows[entity].clone();
            for (index, row) in rows.iter().enumerate() {
                if let Some(place) = old.iter().position(|known| known == row) {
                    old.swap_remove(place);
                    continue;
                }
                let place = expected[entity].iter().position(|wanted| is_as_wanted(wanted, row));
                let place = place
                    .unwrap_or_else(|| panic!("{}\nunexpected row {row:?}\n{reply}", self.story(document)));
                expected[entity].swap_remove(place);
                positions[entity].push(index);
            }
            assert!(old.is_empty(), "{}\nrows are gone or changed: {old:?}\n{reply}", self.story(document));
            assert!(
                expected[entity].is_empty(),
                "{}\nnot created: {:?} of {created:?} (first {root})\n{reply}",
                self.story(document),
                expected[entity]
            );
        }
        let name = document.trim_start_matches("mutation { create");
        let entity = self.model.entities.iter().position(|entity| name.starts_with(entity.name)).unwrap();
        // Children of the same entity do not exist: its own collections are not part of creation inputs.
        positions.swap_remove(entity)
    }

    async fn expect(
        &mut self,
        caller: &Caller,
        document: &str,
        key: &str,
        expected: Answer<Json>,
        entity: usize,
    ) {
        let reply = self.api.ask(caller, document, &[]).await;
        self.compare(document, &reply, key, expected, entity, caller);
    }

    fn compare(
        &mut self,
        document: &str,
        reply: &Json,
        key: &str,
        expected: Answer<Json>,
        entity: usize,
        caller: &Caller,
    ) {
        self.told.requests += 1;
        let expected = match expected {
            Ok(value) => {
                let shown = value.as_array().map_or(1, Vec::len);
                self.told.shown += shown;
                self.told.hidden += usize::from(shown < self.store.rows[entity].len());
                json!({"data": {key: value}})
            }
            Err(message) => {
                self.told.denied += usize::from(message == DENIED);
                json!({"errors": [{"message": message}]})
            }
        };
        let (expected, got) = (sorted(expected), sorted(reply.clone()));
        assert!(
            expected == got,
            "{}\ncaller {:?}\nexpected {expected}\ngot      {got}",
            self.story(document),
            caller.values
        );
    }

    async fn expect_rows(&self, document: &str, expected: &Store) {
        let stored = self.api.rows(self.model).await;
        let sorted = |store: &Store| -> Vec<Vec<String>> {
            let text = |rows: &Vec<Row>| {
                let mut lines: Vec<_> = rows.iter().map(|row| format!("{:?}", row.cells)).collect();
                lines.sort();
                lines
            };
            store.rows.iter().map(text).collect()
        };
        assert!(
            sorted(&stored) == sorted(expected),
            "{}\nexpected rows {:#?}\nstored {:#?}",
            self.story(document),
            sorted(expected),
            sorted(&stored)
        );
    }

    fn story(&self, document: &str) -> String {
        format!(
            "seed {}\n{}\n{:#?}\n{document}",
            self.seed,
            self.text,
            insert_script(self.model, &self.store)
        )
    }
}

/// A server that has answered nothing yet.
fn server(environment: &Environment, derived: &Derived, pool: &Pool) -> Server {
    let settings = Settings::from_environment(environment, Mode::Test).unwrap();
    let server = Server::new(settings, Arc::new(environment.clone()));
    server.swap(Arc::new(Serving::new(Revision(1), derived, pool.clone())));
    server
}

impl Api {
    /// The answer of a server that has answered nothing yet, as it comes.
    async fn ask_anew(&self, caller: &Caller, document: &str, variables: &[Json]) -> Vec<u8> {
        let fresh = server(&self.environment, &self.derived, &self.pool);
        send(&fresh, caller, document, variables).await
    }

    async fn ask(&self, caller: &Caller, document: &str, variables: &[Json]) -> Json {
        serde_json::from_slice(&send(&self.server, caller, document, variables).await).unwrap()
    }

    /// The number the next row of each entity gets.
    async fn next_numbers(&self, model: &Model) -> Vec<i64> {
        let connection = self.pool.get().await.unwrap();
        let mut numbers = Vec::new();
        for entity in &model.entities {
            let sql = format!("SELECT (last_value + 1)::text FROM \"{}_id_seq\"", entity.many());
            let number = if entity.fields[0].auto {
                connection.run(&sql, &[]).await.unwrap()[0][0].as_deref().unwrap().parse().unwrap()
            } else {
                0
            };
            numbers.push(number);
        }
        numbers
    }

    /// All rows of the database.
    async fn rows(&self, model: &Model) -> Store {
        let connection = self.pool.get().await.unwrap();
        let mut rows = Vec::new();
        for entity in &model.entities {
            let sql = format!("SELECT row_to_json(each)::text FROM \"{}\" AS each", entity.many());
            let lines = connection.run(&sql, &[]).await.unwrap();
            let parsed = lines.into_iter().map(|line| {
                let json: Json = serde_json::from_str(line[0].as_deref().unwrap()).unwrap();
                stored_row(model, entity, &json)
            });
            rows.push(parsed.collect());
        }
        Store { rows }
    }
}

/// Sends a request and gives the body of the answer.
async fn send(server: &Server, caller: &Caller, document: &str, variables: &[Json]) -> Vec<u8> {
    let mut claims = Map::new();
    let mut names = Map::new();
    let mut headers = Vec::new();
    let mut cookies = Vec::new();
    for (given, (name, annotation, ..)) in caller.values.iter().zip(CONTEXT) {
        let value = match given {
            Given::Missing => continue,
            Given::Value(value) => request::value_json(value),
            Given::List(items) => items.iter().map(request::value_json).collect(),
        };
        if annotation.starts_with("@header") {
            headers.push(("X-Desk".to_owned(), value.to_string()));
        } else if annotation.starts_with("@cookie") {
            let name = if name == "beta" { "beta-flag" } else { name };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            cookies.push(format!("{name}={text}"));
        } else if annotation.contains("names.") {
            names.insert(name.to_owned(), value);
        } else {
            claims.insert(if name == "id" { "sub" } else { name }.to_owned(), value);
        }
    }
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    if !names.is_empty() {
        claims.insert("names".to_owned(), Json::Object(names));
    }
    if !claims.is_empty() {
        let token = sign(SECRET, &claims, 600).unwrap();
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
    let request = HttpRequest {
        method: "POST".into(),
        path: "/graphql".to_owned(),
        head: RequestHead { headers: headers.into(), client_ip: None },
        body: json!({ "query": document, "variables": named(variables) }).to_string().into(),
        ..HttpRequest::default()
    };
    server.dispatch(&request).await.body.to_vec()
}

fn stored_row(model: &Model, entity: &model::Entity, json: &Json) -> Row {
    let value = |column: &str| match &json[column] {
        Json::Null => V::Null,
        Json::Bool(value) => V::Bool(*value),
        Json::Number(number) => V::Int(number.as_i64().unwrap()),
        Json::String(text) => V::Str(text.clone()),
        other => panic!("{column}: {other}"),
    };
    let cells = entity.fields.iter().map(|field| match &field.kind {
        Kind::Value { .. } => Cell::Value(value(&field.name)),
        Kind::Ref { target, .. } => {
            let key: Vec<V> =
                reference_columns(model, &field.name, *target).iter().map(|name| value(name)).collect();
            Cell::Reference((!key.contains(&V::Null)).then_some(key))
        }
        Kind::Inverse { .. } => Cell::Nothing,
    });
    Row { cells: cells.collect() }
}

fn reference_columns(model: &Model, field: &str, target: usize) -> Vec<String> {
    let target = &model.entities[target];
    target.keys().map(|key| format!("{field}_{}", target.fields[key].name)).collect()
}

/// Variables by their names.
fn named(variables: &[Json]) -> Map<String, Json> {
    variables.iter().enumerate().map(|(index, value)| (format!("v{index}"), value.clone())).collect()
}

/// A document that declares its variables; their types do not matter.
fn document(kind: &str, text: &str, variables: &[Json]) -> String {
    if variables.is_empty() {
        return format!("{kind} {{ {text} }}");
    }
    let declared: Vec<_> = (0..variables.len()).map(|index| format!("$v{index}: Any")).collect();
    format!("{kind} ({}) {{ {text} }}", declared.join(", "))
}

fn sorted_ref(json: &Json) -> Json {
    sorted(json.clone())
}

/// Lists in any order.
fn sorted(json: Json) -> Json {
    match json {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.into_iter().map(sorted).collect();
            items.sort_by_key(ToString::to_string);
            Json::Array(items)
        }
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        other => other,
    }
}

fn random_caller(rng: &mut Rng) -> Caller {
    let anonymous = rng.chance(15);
    let values = CONTEXT
        .iter()
        .map(|(_, annotation, ty, list, _)| {
            let token = annotation.starts_with("@jwt");
            if (anonymous && token) || rng.chance(20) {
                Given::Missing
            } else if *list {
                // Not empty: whether null is in an empty list depends on how the null came about.
                Given::List((0..1 + rng.below(2)).map(|_| V::random(rng, *ty)).collect())
            } else if token && rng.chance(10) {
                Given::Value(V::Null)
            } else {
                Given::Value(V::random(rng, *ty))
            }
        })
        .collect();
    Caller { values }
}

fn random_store(rng: &mut Rng, model: &Model) -> Store {
    let mut store = Store { rows: vec![Vec::new(); model.entities.len()] };
    let caller = Caller { values: vec![Given::Missing; CONTEXT.len()] };
    for entity in 0..model.entities.len() {
        let mut taken = Vec::new();
        for number in 0..3 + rng.below(6) {
            let world = World::new(model, &store, &caller);
            let Some(data) = random_data(rng, &world, entity, Purpose::Store, &mut taken) else { continue };
            let mut row = world.new_row(entity, &data);
            for (index, field) in model.entities[entity].fields.iter().enumerate() {
                if field.auto {
                    row.cells[index] = Cell::Value(V::Int(number as i64 + 1));
                }
            }
            store.rows[entity].push(row);
        }
    }
    store
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    /// A row put into the database directly.
    Store,
    Create,
    /// Below a row of an entity. What is nested in it leads to other entities than the mutation's own.
    Nested {
        container: usize,
        root: usize,
        /// Whether the mutation is an update: what is nested says all its keys by numbering.
        numbered: bool,
    },
    Update,
    /// Changes of a row below a row of this entity.
    Entry(usize),
}

/// Random data for one object; `None` if there is no row it could refer to. `taken` are keys and one-to-one partners
/// that were given out.
fn random_data(
    rng: &mut Rng,
    world: &World<'_>,
    entity: usize,
    purpose: Purpose,
    taken: &mut Vec<(usize, usize, Vec<V>)>,
) -> Option<Data> {
    let model = world.model;
    let evaluator = world.evaluator();
    let fields = &model.entities[entity].fields;
    let mut data = Data::default();
    let changes = matches!(purpose, Purpose::Update | Purpose::Entry(_));
    if fields.iter().any(|field| field.key && !field.auto) && !changes {
        let key = (0..50)
            .map(|_| vec![V::Int(rng.below(6) as i64), V::Str(rng.pick(&["a", "b", "c", "d"]).to_owned())]);
        let key = key.into_iter().find(|key| {
            evaluator.find(entity, key).is_none() && !taken.contains(&(entity, usize::MAX, key.clone()))
        })?;
        taken.push((entity, usize::MAX, key.clone()));
        let keys: Vec<usize> = model.entities[entity].keys().collect();
        data.values.extend(keys.into_iter().zip(key.into_iter().map(Cell::Value)));
    }
    for (index, field) in fields.iter().enumerate() {
        if field.key {
            continue;
        }
        match &field.kind {
            Kind::Value { ty, optional } => {
                let supply = match purpose {
                    Purpose::Update | Purpose::Entry(_) => rng.chance(30),
                    _ => (!optional && field.default.is_none()) || rng.chance(50),
                };
                if supply {
                    let null = *optional && rng.chance(25);
                    data.values.push((index, Cell::Value(if null { V::Null } else { V::random(rng, *ty) })));
                }
            }
            Kind::Ref { target, optional, single } => {
                let below = matches!(purpose, Purpose::Nested { container, .. } | Purpose::Entry(container)
                    if container == *target);
                if below || (changes && (*single || rng.chance(70))) {
                    continue;
                }
                if *optional && rng.chance(30) {
                    if rng.chance(50) {
                        data.values.push((index, Cell::Reference(None)));
                    }
                    continue;
                }
                let candidates: Vec<Vec<V>> = (0..world.store.rows[*target].len())
                    .map(|row| evaluator.key((*target, row)))
                    .filter(|key| {
                        let used = world.store.rows[entity]
                            .iter()
                            .any(|row| row.cells[index] == Cell::Reference(Some(key.clone())));
                        !single || !(used || taken.contains(&(entity, index, key.clone())))
                    })
                    .collect();
                if candidates.is_empty() {
                    if *optional || changes {
                        continue;
                    }
                    return None;
                }
                let key = rng.pick(&candidates);
                if *single {
                    taken.push((entity, index, key.clone()));
                }
                data.values.push((index, Cell::Reference(Some(key))));
            }
            Kind::Inverse { target, owner, single } => {
                let nested = match purpose {
                    Purpose::Create => Purpose::Nested { container: entity, root: entity, numbered: false },
                    Purpose::Nested { container, root, numbered }
                        if *target != root && *target != container =>
                    {
                        Purpose::Nested { container: entity, root, numbered }
                    }
                    _ => continue,
                };
                if *target == entity || !rng.chance(40) {
                    continue;
                }
                let numbered = matches!(nested, Purpose::Nested { numbered: true, .. });
                if numbered && !is_numbered(model, *target) {
                    continue;
                }
                // Other required references to this entity could not be supplied below it.
                let impossible = model.entities[*target].fields.iter().enumerate().any(|(index, field)| {
                    index != *owner
                        && matches!(field.kind, Kind::Ref { target, optional: false, .. } if target == entity)
                });
                if impossible {
                    continue;
                }
                let count = if *single { 1 } else { 1 + rng.below(2) };
                let items: Vec<Data> =
                    (0..count).filter_map(|_| random_data(rng, world, *target, nested, taken)).collect();
                if !items.is_empty() {
                    data.nested.push((index, items));
                }
            }
        }
    }
    if purpose == Purpose::Update && data.values.is_empty() {
        return None;
    }
    Some(data)
}

/// Entries below the collections of a row: of its own children mostly, sometimes of others.
fn random_entries(rng: &mut Rng, world: &World<'_>, at: (usize, usize)) -> Vec<Entries> {
    let evaluator = world.evaluator();
    let mut out = Vec::new();
    for (field, definition) in world.model.entities[at.0].fields.iter().enumerate() {
        let Kind::Inverse { target, owner, single } = definition.kind else { continue };
        if !rng.chance(60) {
            continue;
        }
        let mut keys: Vec<Vec<V>> =
            evaluator.related(at, field).into_iter().map(|child| evaluator.key(child)).collect();
        if !world.store.rows[target].is_empty() && rng.chance(30) {
            keys.push(evaluator.key((target, rng.below(world.store.rows[target].len()))));
        }
        let fields = &world.model.entities[target].fields;
        let mut part = Entries { field, updates: Vec::new(), creates: Vec::new(), deletes: Vec::new() };
        for key in keys {
            match rng.below(3) {
                0 => part.deletes.push(key),
                1 => {
                    let mut data = Data::default();
                    let own: Vec<usize> = world.model.entities[target].keys().collect();
                    data.values.extend(own.into_iter().zip(key.into_iter().map(Cell::Value)));
                    let changes = random_data(rng, world, target, Purpose::Entry(at.0), &mut Vec::new());
                    data.values.extend(changes.unwrap_or_default().values);
                    part.updates.push(data);
                }
                _ => {}
            }
        }
        let impossible = !is_numbered(world.model, target)
            || single
            || fields.iter().enumerate().any(|(index, field)| {
                index != owner
                    && matches!(field.kind, Kind::Ref { target, optional: false, .. } if target == at.0)
            });
        if !impossible && rng.chance(50) {
            let purpose = Purpose::Nested { container: at.0, root: at.0, numbered: true };
            part.creates.extend(random_data(rng, world, target, purpose, &mut Vec::new()));
        }
        if !(part.updates.is_empty() && part.creates.is_empty() && part.deletes.is_empty()) {
            out.push(part);
        }
    }
    out
}

/// Whether rows of an entity get their keys from the database and are nobody's only partner.
fn is_numbered(model: &Model, entity: usize) -> bool {
    let fields = &model.entities[entity].fields;
    fields[0].auto && !fields.iter().any(|field| matches!(field.kind, Kind::Ref { single: true, .. }))
}

/// The rows that data stands for; what only the database knows is `Cell::Nothing`.
fn add_new_rows(world: &World<'_>, entity: usize, data: &Data, below: Option<usize>, out: &mut [Vec<Row>]) {
    let fields = &world.model.entities[entity].fields;
    let mut row = world.new_row(entity, data);
    for (index, field) in fields.iter().enumerate() {
        if field.auto {
            row.cells[index] = Cell::Nothing;
        }
    }
    if let Some(owner) = below {
        row.cells[owner] = Cell::Nothing;
    }
    out[entity].push(row);
    for (field, items) in &data.nested {
        let Kind::Inverse { target, owner, .. } = fields[*field].kind else { continue };
        for item in items {
            add_new_rows(world, target, item, Some(owner), out);
        }
    }
}

fn is_as_wanted(wanted: &Row, row: &Row) -> bool {
    wanted.cells.iter().zip(&row.cells).all(|(wanted, cell)| *wanted == Cell::Nothing || wanted == cell)
}

fn insert_script(model: &Model, store: &Store) -> String {
    let literal = |value: &V| match value {
        V::Null => "NULL".to_owned(),
        V::Int(value) => value.to_string(),
        V::Bool(value) => value.to_string(),
        V::Str(text) => format!("'{text}'"),
    };
    let mut script = String::new();
    for (entity, rows) in model.entities.iter().zip(&store.rows) {
        for row in rows {
            let mut columns = Vec::new();
            let mut values = Vec::new();
            for (field, cell) in entity.fields.iter().zip(&row.cells) {
                match (&field.kind, cell) {
                    (Kind::Value { .. }, Cell::Value(value)) => {
                        columns.push(format!("\"{}\"", field.name));
                        values.push(literal(value));
                    }
                    (Kind::Ref { target, .. }, Cell::Reference(Some(key))) => {
                        let names = reference_columns(model, &field.name, *target);
                        columns.extend(names.into_iter().map(|name| format!("\"{name}\"")));
                        values.extend(key.iter().map(literal));
                    }
                    _ => {}
                }
            }
            script.push_str(&format!(
                "INSERT INTO \"{}\" ({}) VALUES ({});\n",
                entity.many(),
                columns.join(", "),
                values.join(", ")
            ));
        }
        if entity.fields[0].auto {
            script.push_str(&format!(
                "SELECT setval(pg_get_serial_sequence('\"{}\"', 'id'), 1000);\n",
                entity.many()
            ));
        }
    }
    script
}
