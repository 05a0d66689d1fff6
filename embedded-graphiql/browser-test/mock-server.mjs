// A stand-in for the studio, for working on the page without the engine: a small GraphQL API in
// memory with the endpoints that the crate's documentation lists. Not used by the product.
//
//   node mock-server.mjs <dist> [--port 9876] [--path /playground] [--model file]
//
// Type a letter and Enter to play the studio: s swap, b broken model, p next persona. With --model it
// does so by itself: a file with unequal braces is a broken model, any other change a swap.
// It ends when standard input does.

import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import readline from "node:readline";
import { buildSchema, graphql, parse } from "graphql";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "9876" },
    path: { type: "string", default: "/playground" },
    model: { type: "string" },
  },
});
const dist = path.resolve(positionals[0] ?? "../ui/dist");
const playground = `/${values.path.replace(/^\/|\/$/g, "")}`;

let extra = false;
let note = false;
const schema = () =>
  buildSchema(`
    "Something to be done"
    type Todo { id: Int!  title: String!  completed: Boolean! ${extra ? "due: String" : ""} ${note ? "browserNote: String" : ""} }
    input StringFilter { eq: String  startsWith: String }
    input BooleanFilter { eq: Boolean }
    input TodoFilter { title: StringFilter  completed: BooleanFilter }
    enum Ordering { ASC DESC }
    input TodoOrdering { id: Ordering  title: Ordering }
    type Query {
      "Get a single \`Todo\` by primary key"
      todo(id: Int!): Todo
      "Get multiple \`Todo\`s given the provided \`where\` filter"
      todos(where: TodoFilter, orderBy: [TodoOrdering!], limit: Int, offset: Int): [Todo!]!
      whoami: String
    }
    input TodoCreationInput { title: String!  completed: Boolean }
    type Mutation { createTodo(data: TodoCreationInput!): Todo! }
  `);

const todos = [
  { id: 1, title: "Buy groceries", completed: true },
  { id: 2, title: "File the taxes", completed: false },
  { id: 3, title: "Water the plants", completed: false },
];
const personas = [
  { name: "anna", claims: { sub: "anna", role: "librarian" } },
  { name: "ben", claims: { sub: "ben", role: "reader", tenants: [1, 2] } },
];
let active = null;
let revision = 14;
let stale = null;
let traceId = 0;
const listeners = new Set();

const tell = (event) => {
  for (const listener of listeners) listener.write(`data: ${JSON.stringify(event)}\n\n`);
};
const state = () =>
  stale ? { kind: "stale", revision: stale, problems: 2, serving: revision } : { kind: "swapped", revision };

const json = (response, status, body) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

function trace(query, started, failed, rows, caller) {
  let operation = "";
  let kind = "invalid";
  try {
    const [definition] = parse(query).definitions;
    kind = definition.operation;
    operation = definition.name?.value ?? definition.selectionSet.selections[0].name.value;
    if (/^__|Introspection/.test(operation)) kind = "introspection";
  } catch {
    // An invalid document is a trace, too.
  }
  const total = Math.round((performance.now() - started) * 1000) + 2400;
  const statement = {
    text: `select coalesce(json_agg(json_build_object('id', "t"."id", 'title', "t"."title", 'completed', "t"."completed") order by "t"."title" asc), '[]')::text from (select "todos".* from "todos" where "todos"."completed" = $1 order by "todos"."title" asc limit $2) as "t"`,
    params: [
      { ty: "bool", value: "false", origin: "argument where.completed.eq" },
      { ty: "int8", value: null, origin: "" },
    ],
    rows,
    wait: 12,
    time: 1400,
    prepared: true,
    error: null,
  };
  tell({
    kind: "trace",
    trace: {
      id: ++traceId,
      at: Date.now() * 1000,
      revision,
      surface: "playground",
      kind,
      operation,
      caller,
      document: query,
      variables: "",
      status: 200,
      total,
      phases: [
        { kind: "read", start: 0, time: 60, note: "" },
        { kind: "parse", start: 60, time: 140, note: "" },
        { kind: "validate", start: 200, time: 190, note: "" },
        { kind: "plan", start: 390, time: 210, note: "" },
        { kind: "sql", start: 600, time: total - 900, note: "" },
        { kind: "encode", start: total - 300, time: 300, note: "" },
      ],
      statements: kind === "introspection" || failed ? [] : [statement],
      round_trips: kind === "introspection" ? 0 : 1,
      rows,
      response_bytes: 312,
      error: failed ? { message: failed, cause: null, denied: false } : null,
      access: kind === "query" ? ["Todo query: true"] : [],
    },
  });
}

const routes = {
  [`GET ${playground}/config.json`]: (_request, response) =>
    json(response, 200, {
      graphqlPath: "/graphql",
      eventsPath: "/_studio/events",
      personaPath: "/_studio/persona",
      title: "todo",
      initialQuery:
        "# The first query. Run it with Ctrl-Enter, then change it.\nquery OpenTodos {\n  todos(where: { completed: { eq: false } }, orderBy: { title: ASC }) {\n    id\n    title\n    completed\n  }\n}\n",
      liveUpdate: true,
      revision,
    }),
  "GET /_studio/events": (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    listeners.add(response);
    request.on("close", () => listeners.delete(response));
    response.write(`data: ${JSON.stringify(state())}\n\n`);
    response.write(`data: ${JSON.stringify({ kind: "persona", name: active })}\n\n`);
  },
  "GET /_studio/persona": (_request, response) => json(response, 200, { active, personas }),
  "POST /_studio/persona": async (request, response) => {
    active = JSON.parse(await body(request)).name ?? null;
    tell({ kind: "persona", name: active });
    json(response, 200, { active });
  },
  "POST /_studio/persona/token": async (request, response) => {
    const { name } = JSON.parse(await body(request));
    json(response, 200, { token: `mock-token-of-${name}`, expiresInSeconds: 600 });
  },
  "POST /graphql": async (request, response) => {
    const started = performance.now();
    const { query, variables, operationName } = JSON.parse(await body(request));
    const caller = /^Bearer mock-token-of-(.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    let rows = 0;
    const result = await graphql({
      schema: schema(),
      source: query,
      variableValues: variables,
      operationName,
      rootValue: {
        todo: ({ id }) => todos.find((todo) => todo.id === id),
        todos: ({ where }) => {
          const found = todos.filter((todo) => where?.completed?.eq === undefined || todo.completed === where.completed.eq);
          rows = found.length;
          return found;
        },
        whoami: () => caller || null,
        createTodo: ({ data }) => {
          const todo = { id: todos.length + 1, completed: false, ...data };
          todos.push(todo);
          rows = 1;
          return todo;
        },
      },
    });
    json(response, 200, result.errors ? { errors: [{ message: result.errors[0].message }] } : result);
    trace(query, started, result.errors?.[0].message, rows, caller);
  },
};

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".ttf": "font/ttf" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const route = routes[`${request.method} ${pathname}`];
  if (route) return route(request, response);
  if (request.method === "GET" && `${pathname}/`.startsWith(`${playground}/`)) {
    const file = pathname.slice(playground.length + 1) || "index.html";
    try {
      let content = await readFile(path.join(dist, path.normalize(`/${file}`)));
      if (file === "index.html") {
        content = content.toString().replace('<base href="/playground/" />', `<base href="${playground}/" />`);
        response.setHeader("content-security-policy", POLICY);
      }
      response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" });
      return response.end(content);
    } catch {
      // Falls through to 404.
    }
  }
  response.writeHead(404);
  response.end();
});

server.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}${playground}`);
});

const swap = () => {
  revision = (stale ?? revision) + 1;
  stale = null;
  tell(state());
};
const breakModel = () => {
  stale = (stale ?? revision) + 1;
  tell(state());
};
const nextPersona = () => {
  const names = [null, ...personas.map((persona) => persona.name)];
  active = names[(names.indexOf(active) + 1) % names.length];
  tell({ kind: "persona", name: active });
};

const keys = {
  s: () => {
    extra = !extra;
    swap();
  },
  b: breakModel,
  p: nextPersona,
};
readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => keys[line]?.())
  .on("close", () => process.exit(0));

if (values.model) {
  let seen = readFileSync(values.model, "utf8");
  setInterval(() => {
    const text = readFileSync(values.model, "utf8");
    if (text === seen) return;
    seen = text;
    if (text.split("{").length !== text.split("}").length) return breakModel();
    note = text.includes("browserNote");
    swap();
  }, 50);
}
