import type { Exograph, ExographPriv } from "../../generated/exograph.d.ts";
import type { AuthContext } from "../../generated/contexts.d.ts";
import type { Extra, OrderRequest, Receipt } from "../../generated/Sales.d.ts";
import type * as Events from "../../generated/Events.d.ts";
import type * as Reports from "../../generated/Reports.d.ts";
import { add, type Money, multiply } from "@acme/money";
import slugify from "npm:slugify@1.6.6";
import { defaults, Shape, titleCase } from "../lib/mod.ts";
import settings from "../settings.json" with { type: "json" };

const startedAt = await Promise.resolve("started");
let visitors = 0;

export async function order(request: OrderRequest, exograph: Exograph, express?: boolean): Promise<Receipt> {
  const { event } = await exograph.executeQuery(
    `query ($id: Uuid!) { event(id: $id) { title price } }`,
    { id: request.eventId },
  );
  if (!event) throw new ExographError("There is no such event");
  const { createOrder } = await exograph.executeQuery(
    `mutation ($data: OrderCreationInput!) { createOrder(data: $data) { id reference } }`,
    { data: { reference: slugify(`${event.title} ${request.buyer?.name ?? "guest"}`), seats: request.seats, event: { id: request.eventId } } },
  );
  const extras = (request.extras ?? []).map((extra: Extra) => ({ amount: extra.amount }));
  const total: Money = [multiply({ amount: event.price }, request.seats), ...extras].reduce(add);
  return {
    reference: createOrder.reference,
    ...defaults,
    amount: express ? add(total, { amount: settings.express }).amount : total.amount,
    lines: [{ label: titleCase(event.title), seats: request.seats, detail: undefined }],
    // The declaration says `string | undefined`.
    remark: undefined,
    paid: new Date(Date.UTC(2030, 0, 2, 3, 4, 5)) as unknown as string,
  };
}

export async function orderTwice(request: OrderRequest, exograph: Exograph, auth: AuthContext) {
  const once = await order(request, exograph);
  // The same reference again: a violation, and with it everything of this request is gone.
  const again = auth.role === "staff" ? await order({ ...request, buyer: { name: "second" } } as OrderRequest, exograph) : await order(request, exograph);
  return [once, again];
}

export async function failLate(how: string, exograph: Exograph) {
  await exograph.executeQuery(`mutation { createNote(data: {text: "never kept"}) { id } }`);
  switch (how) {
    case "public":
      return await Promise.reject(new ExographError("Changed my mind"));
    case "string":
      throw "just a string";
    case "nothing":
      throw undefined;
    case "object":
      throw { message: "not an error", code: 7 };
    case "rejected":
      return await Promise.all([Promise.resolve(1), Promise.reject(new RangeError("out of range"))]);
    case "subclass": {
      class Refused extends ExographError {}
      throw new Refused("Refused for a reason");
    }
    case "unauthorized":
      await exograph.executeQuery(`mutation { createOrder(data: {reference: "x", seats: 1, event: {id: "00000000-0000-0000-0000-000000000000"}}) { id } }`);
  }
  return true;
}

export function receipt(reference: string | null): Receipt | null {
  return reference === null ? null : { reference, ...defaults, amount: "1.50", lines: [] } as unknown as Receipt;
}

export const receipts = async (references: string[], auth: AuthContext) => {
  const found = [];
  for await (const it of generate(references)) found.push(it);
  return auth.role === undefined ? found : [];
};

async function* generate(references: string[]) {
  for (const it of references) {
    yield it === "" ? null : { ...receipt(it), lines: [{ label: it, seats: 1, detail: { row: "A", numbers: [1, 2], hidden: true } }], secret: "never selected" };
  }
}

export const echo = (...all: unknown[]) => all;
export const remainder = (a: number, b: number | null) => (b === null ? null : a / b);
export const closed = () => ({ a: 1 });
export const removed = () => 1;
export const scoped = (auth: AuthContext) => ({ keys: Object.keys(auth), ...auth });
export const unusable = (auth: unknown) => auth === null;

export async function topEvent(exograph: Exograph): Promise<Events.Event | undefined> {
  const { events } = await exograph.executeQuery(`{ events(orderBy: {price: DESC}, limit: 1) { id title kind day price tags seats orders { reference } } }`);
  return events[0];
}

export const stats = (): Reports.Stats => ({ events: 2, share: undefined });
export const plainStats = () => ({ events: 3, share: 0.5 });
export const ratio = (part: number, total: number) => ({ events: part, share: part / total });
export const visits = () => ++visitors;

export async function imports(name: string) {
  const { reverse } = await import("../lib/text/reverse.js");
  const chosen = await import(`../lib/${name}.ts`).then((module) => module.secret, (error) => error.name);
  return { reverse: reverse(name), shape: Shape.Round, startedAt, chosen, url: import.meta.url.endsWith("src/sales/sales.ts") };
}

export function throwing(how: string): never {
  if (how === "public") throw new ExographError("Say it to the client");
  throw new TypeError("keep it inside");
}

export async function nestedError(how: string, exograph: Exograph) {
  try {
    return (await exograph.executeQuery(`query ($how: String!) { throwing(how: $how) }`, { how })).throwing;
  } catch (error) {
    if (how === "wrapped") throw new ExographError(`It failed: ${error.message}`);
    throw error;
  }
}

export async function elevated(exograph: ExographPriv) {
  const query = `{ events(orderBy: {title: ASC}) { title seats } scoped }`;
  const plain = await exograph.executeQuery(query).catch((error) => error.message);
  const staff = await exograph.executeQueryPriv(query, undefined, { AuthContext: { role: "staff", scopes: ["read"], id: "7" } });
  return { plain, staff };
}

export async function greet(name: string, exograph: Exograph) {
  exograph.addResponseHeader("X-Greeted", name);
  return `Hello ${name}`;
}

export async function modern() {
  class Counter {
    static #made = 0;
    #value = 0;
    static { Counter.#made = 10; }
    get next() { return ++this.#value + Counter.#made; }
  }
  const counter = new Counter();
  const parts = /(?<year>\d{4})-(?<month>\d\d)/u.exec("2030-05")!.groups!;
  const grouped = Object.groupBy([1, 2, 3], (n: number) => (n % 2 ? "odd" : "even"));
  label: for (const a of [1, 2]) for (const b of [1, 2]) if (a * b === 2) break label;
  return {
    next: counter.next,
    year: parts.year,
    grouped,
    flat: [1, [2, [3]]].flat(Infinity),
    last: [1, 2, 3].at(-1),
    sorted: [3, 1, 2].toSorted(),
    found: [1, 2, 3].findLast((n) => n < 3),
    big: (2n ** 64n).toString(),
    nullish: (null as any)?.a ?? "none",
    text: "a-b-a".replaceAll("a", "c"),
    has: Object.hasOwn({ a: 1 }, "a"),
    settled: (await Promise.allSettled([Promise.reject(new Error("x")), 1])).map((it) => it.status),
    any: await Promise.any([Promise.reject(1), Promise.resolve(2)]),
    cause: (new Error("a", { cause: "b" }) as any).cause,
    weak: new WeakRef(counter).deref() === counter,
    date: new Date("2030-01-02T03:04:05Z").toISOString(),
    url: new URL("?q=1", "https://example.org/a").searchParams.get("q"),
    copied: structuredClone({ a: [1, new Date(0)] }),
    uuid: crypto.randomUUID().length,
    mac: await hmac("key", "message"),
  };
}

async function hmac(key: string, text: string) {
  const encode = (part: string) => new TextEncoder().encode(part);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", encode(key), algorithm, false, ["sign", "verify"]);
  const signature = await crypto.subtle.sign("HMAC", imported, encode(text));
  const sound = await crypto.subtle.verify("HMAC", imported, signature, encode(text));
  const forged = await crypto.subtle.verify("HMAC", imported, signature, encode(text + "!"));
  const hex = Array.from(new Uint8Array(signature), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 16), sound, forged];
}
