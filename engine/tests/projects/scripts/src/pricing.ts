import type { Exograph, ExographPriv } from "../generated/exograph.d.ts";
import type { Caller, Cookies } from "../generated/contexts.d.ts";
import type { Line, Quote, Request } from "../generated/Pricing.d.ts";
import type * as Shop from "../generated/Shop.d.ts";
import { Currency, round } from "./lib/money.ts";
import rates from "./lib/rates.json" with { type: "json" };
import { withTax } from "tax";

export async function quote(request: Request, exograph: Exograph): Promise<Quote | undefined> {
  const { bookByIsbn: book } = await exograph.executeQuery(
    `query ($isbn: String!) { bookByIsbn(isbn: $isbn) { title price } }`,
    { isbn: request.isbn },
  );
  if (book === null) return undefined;
  const lines: Line[] = [{ label: book.title, amount: book.price * request.copies }];
  return {
    total: round(book.price * request.copies * rates.EUR),
    currency: Currency.Euro,
    lines,
    note: undefined,
    ...{ surplus: "never selected" },
  } as Quote;
}

export function quotes(count: number): Quote[] {
  return Array.from({ length: count }, (_, n) => ({ total: n, currency: "EUR", lines: [], note: "" }));
}

export const whoAmI = (caller: Caller) => caller;

export async function positions(first: number | undefined, exograph: Exograph, second?: string, third?: any) {
  return [first, typeof exograph.executeQuery, second, third];
}

export async function hidden() {
  return { a: 1 };
}

export async function add(a: number, b: number): Promise<number> {
  return a + b;
}

export async function words(n: number): Promise<string[]> {
  return ["one", "two", "three"].slice(0, n);
}

export async function nothing() {}

export async function incomplete() {
  return { total: 1 };
}

class Broken<T> extends Error {
  constructor(readonly detail: T) {
    super(`broken: ${detail}`);
  }
}

export async function failing(how: string): Promise<string> {
  switch (how) {
    case "public":
      throw new ExographError('the "price" is secret');
    case "private":
      throw new Broken<string>("by design");
    case "string":
      throw "thrown as a string";
    case "loop":
      for (;;);
    case "deep": {
      const deeper = (n: number): number => deeper(n + 1) + 1;
      return String(deeper(0));
    }
    case "forever":
      await new Promise(() => {});
      return "never";
    default:
      return how;
  }
}

export async function indirectly(how: string, exograph: Exograph): Promise<string> {
  if (how === "caught") {
    try {
      await exograph.executeQuery(`{ failing(how: "private") }`);
    } catch (error) {
      return `caught: ${error.message}`;
    }
  }
  if (how === "syntax") await exograph.executeQuery(`{ nope`);
  const result = await exograph.executeQuery(`query ($how: String!) { failing(how: $how) }`, { how });
  return result.failing;
}

export async function openHours(): Promise<boolean> {
  return Deno.env.get("SHOP_OPEN") === "yes";
}

export async function bestSeller(exograph: Exograph): Promise<Shop.Book | undefined> {
  const { books } = await exograph.executeQuery(
    `{ books(orderBy: {price: DESC}, limit: 1) { id isbn title price reviews { id text } } }`,
  );
  return books[0];
}

export async function cheapBooks(limit: number, exograph: Exograph): Promise<Shop.Book[]> {
  const query = `query ($limit: Float!) { books(where: {price: {lt: $limit}}, orderBy: {id: ASC}) { id title price } }`;
  return (await exograph.executeQuery(query, { limit })).books;
}

export async function web() {
  const url = new URL("/a/../b?x=1&y=%20z#h", "https://example.org:443/");
  url.searchParams.append("q", "a b&c");
  const controller = new AbortController();
  let aborted = false;
  controller.signal.addEventListener("abort", () => (aborted = true));
  controller.abort();
  const cyclic: any = { date: new Date(0), set: new Set([1]) };
  cyclic.self = cyclic;
  const copy = structuredClone(cyclic);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc"));
  let ticks = 0;
  await new Promise<void>((resolve) => {
    const id = setInterval(() => {
      if (++ticks === 3) {
        clearInterval(id);
        resolve();
      }
    }, 1);
  });
  const headers = new Headers({ "Content-Type": "text/plain" });
  headers.append("content-type", "x");
  return {
    href: url.href,
    y: url.searchParams.get("y"),
    aborted,
    copied: copy.self === copy && copy.date.getTime() === 0 && copy.set.has(1) && copy !== cyclic,
    hash: Array.from(new Uint8Array(hash).slice(0, 4)),
    text: new TextDecoder().decode(new TextEncoder().encode("grün €")),
    base64: atob(btoa("grün")),
    uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
    ticks,
    header: headers.get("CONTENT-TYPE"),
    missing: Deno.env.get("NOT_SET") ?? null,
    now: performance.now() >= 0,
    response: await new Response(JSON.stringify({ a: 1 })).json(),
  };
}

export async function packaged(amount: number) {
  const { thousandths } = await import("./lib/money.ts");
  return { taxed: withTax(amount), thousandths: thousandths(amount) };
}

export async function setHeaders(exograph: Exograph): Promise<boolean> {
  exograph.addResponseHeader("X-Price", "high");
  await exograph.setCookie({ name: "visit", value: "second", path: "/", httpOnly: true, sameSite: "Lax", maxAge: 60 });
  return true;
}

export async function readCookie(cookies: Cookies) {
  return cookies.visit;
}

export async function reprice(isbn: string, factor: number | undefined, exograph: Exograph) {
  const { bookByIsbn } = await exograph.executeQuery(`query ($isbn: String!) { bookByIsbn(isbn: $isbn) { id price } }`, {
    isbn,
  });
  if (bookByIsbn === null) return null;
  const data = { price: bookByIsbn.price * (factor ?? 2) };
  const result = await exograph.executeQuery(
    `mutation ($id: Int!, $data: BookUpdateInput!) { updateBook(id: $id, data: $data) { id title price } }`,
    { id: bookByIsbn.id, data },
  );
  return result.updateBook;
}

// The second one violates a constraint. Code that goes on keeps the rest of its work.
export async function createTwice(isbn: string, exograph: Exograph): Promise<string> {
  const create = `mutation ($line: String!) { createLog(data: {line: $line}) { id } }`;
  await exograph.executeQuery(create, { line: "before" });
  const book = `mutation ($isbn: String!) {
    a: createLog(data: {line: "lost"}) { id }
    b: createReview(data: {text: "x", book: {id: 12345}}) { id }
  }`;
  try {
    await exograph.executeQuery(book, { isbn });
  } catch (error) {
    await exograph.executeQuery(create, { line: `caught ${error.message}` });
  }
  return "done";
}

const REVIEW = `mutation ($data: ReviewCreationInput!) { createReview(data: $data) { text } }`;

export async function review(isbn: string, text: string, exograph: Exograph): Promise<string> {
  await exograph.executeQuery(`mutation { createLog(data: {line: "reviewing"}) { id } }`);
  const { bookByIsbn } = await exograph.executeQuery(`{ bookByIsbn(isbn: "${isbn}") { id } }`);
  return (await exograph.executeQuery(REVIEW, { data: { text, book: { id: bookByIsbn.id } } })).createReview.text;
}

export async function reviewAs(isbn: string, text: string, role: string, exograph: ExographPriv) {
  const { bookByIsbn } = await exograph.executeQuery(`{ bookByIsbn(isbn: "${isbn}") { id } }`);
  const data = { text, book: { id: bookByIsbn.id } };
  const { createReview } = await exograph.executeQueryPriv(REVIEW, { data }, { Caller: { role } });
  const { whoAmI } = await exograph.executeQueryPriv(`{ whoAmI }`, undefined, { Caller: { role: "staff", branch: "b2" } });
  return { text: createReview.text, whoAmI };
}
