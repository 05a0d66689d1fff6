(host) => {
  "use strict";
  // Taken now, so that a script that replaces them only deceives itself.
  const { parse, stringify } = JSON;
  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  class ExographError extends Error {
    constructor(message) {
      super(message);
      this.name = "ExographError";
    }
  }
  define("ExographError", ExographError);

  // ---- questions to the engine
  const pending = new Map();
  let next = 0;
  const ask = (send) =>
    new Promise((resolve, reject) => {
      const id = ++next;
      if (!send(id)) {
        reject(new Error("too many requests of this script are open"));
        return;
      }
      pending.set(id, { resolve, reject });
    });
  const deliver = (id, outcome, text) => {
    const question = pending.get(id);
    if (question === undefined) return;
    pending.delete(id);
    if (outcome === 0) question.resolve(text);
    else question.reject(outcome === 1 ? new ExographError(text) : new Error(text));
  };

  // ---- injected objects
  const documentOf = (query) => {
    if (typeof query !== "string") throw new TypeError("the query must be a string");
    return query;
  };
  const execute = async (query, variables, contexts) => {
    const given = variables === undefined ? "null" : stringify(variables) ?? "null";
    const overrides = contexts === undefined || contexts === null ? undefined : stringify(contexts);
    return parse(await ask((id) => host.query(id, documentOf(query), given, overrides)));
  };
  const header = (name, value) => {
    name = String(name);
    value = String(value);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new TypeError(`invalid header name: ${name}`);
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new TypeError(`invalid value of the header ${name}`);
    host.header(name, value);
  };
  const cookie = (given) => {
    const { name, value, expires, maxAge, domain, path, secure, httpOnly, sameSite } = given;
    if (typeof name !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw new TypeError("invalid cookie name");
    }
    const safe = (text, what) => {
      text = String(text);
      if (/[;\x00-\x1f\x7f]/.test(text)) throw new TypeError(`invalid ${what} of the cookie ${name}`);
      return text;
    };
    const known = (given) => given !== undefined && given !== null;
    let text = `${name}=${safe(value ?? "", "value")}`;
    if (known(expires)) text += `; Expires=${new Date(expires).toUTCString()}`;
    if (known(maxAge)) text += `; Max-Age=${Math.trunc(Number(maxAge))}`;
    if (known(domain)) text += `; Domain=${safe(domain, "domain")}`;
    if (known(path)) text += `; Path=${safe(path, "path")}`;
    if (secure) text += "; Secure";
    if (httpOnly) text += "; HttpOnly";
    if (known(sameSite)) {
      const same = String(sameSite).toLowerCase();
      if (!["strict", "lax", "none"].includes(same)) throw new TypeError(`invalid sameSite of the cookie ${name}`);
      text += `; SameSite=${same[0].toUpperCase()}${same.slice(1)}`;
    }
    header("Set-Cookie", text);
  };
  const exograph = (privileged) => {
    const object = {
      executeQuery: (query, variables) => execute(query, variables),
      addResponseHeader: async (name, value) => header(name, value),
      setCookie: async (given) => cookie(given),
    };
    if (privileged) {
      object.executeQueryPriv = (query, variables, contexts) => execute(query, variables, contexts);
    }
    return object;
  };

  // ---- calls
  let namespace = {};
  let proceeded;
  const operation = (info) => ({
    name: () => info.name,
    query: () => info.query,
    proceed: async () => {
      if (!info.proceed) throw new Error("only `@around` interceptors can proceed");
      const text = await ask((id) => host.proceed(id));
      const value = parse(text);
      proceeded = { text, printed: stringify(value) };
      return value;
    },
  });
  const textOf = (part) => {
    try {
      return String(part ?? "");
    } catch {
      return "";
    }
  };
  const fail = (error) => {
    const isError = typeof error === "object" && error !== null;
    const name = isError ? textOf(error.name) : "";
    const message = textOf(isError ? error.message : error);
    const open = error instanceof ExographError || name === "ExographError";
    const named = open || name === "" || name === "Error" ? message : `${name}: ${message}`;
    host.fail(open ? 0 : 2, named, isError ? textOf(error.stack) : "");
  };
  const finish = (result) => {
    let text;
    try {
      text = stringify(result) ?? "null";
    } catch (error) {
      fail(error);
      return;
    }
    // A result that was handed on unchanged keeps the spelling of its numbers.
    if (proceeded !== undefined && proceeded.printed === text) text = proceeded.text;
    host.done(text);
  };
  const load = (promise) => {
    promise.then((loaded) => {
      namespace = loaded;
      host.done("");
    }, fail);
  };
  const call = (name, given) => {
    const { a, o } = parse(given);
    proceeded = undefined;
    const target = namespace[name];
    if (typeof target !== "function") {
      host.fail(1, `the script exports no function \`${name}\``, "");
      return;
    }
    const values = a.map((argument) => {
      if (argument === 2) return operation(o);
      return typeof argument === "number" ? exograph(argument === 1) : argument[0];
    });
    (async () => target(...values))().then(finish, fail);
  };

  // ---- timers
  const timers = new Map();
  let timerId = 0;
  const start = (callback, delay, rest, repeat) => {
    const id = ++timerId;
    const wait = Math.max(Number(delay) || 0, repeat ? 1 : 0);
    timers.set(id, { callback, rest, wait, repeat });
    host.after(id, wait);
    return id;
  };
  const timer = (id) => {
    const found = timers.get(id);
    if (found === undefined) return;
    if (found.repeat) host.after(id, found.wait);
    else timers.delete(id);
    try {
      if (typeof found.callback === "function") found.callback(...found.rest);
    } catch (error) {
      globalThis.console.error("Uncaught (in a timer)", error);
    }
  };
  const clear = (id) => {
    if (timers.delete(id)) host.forget(id);
  };
  define("setTimeout", (callback, delay, ...rest) => start(callback, delay, rest, false));
  define("setInterval", (callback, delay, ...rest) => start(callback, delay, rest, true));
  define("clearTimeout", clear);
  define("clearInterval", clear);

  const reset = () => {
    pending.clear();
    timers.clear();
    proceeded = undefined;
  };

  // ---- console
  const show = (value, depth, seen) => {
    if (typeof value === "string") return depth === 0 ? value : stringify(value);
    if (typeof value === "function") return `[Function${value.name ? `: ${value.name}` : ""}]`;
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value !== "object" || value === null) return String(value);
    if (value instanceof Error) return textOf(value.stack) ? `${value}\n${value.stack}`.trimEnd() : String(value);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (seen.includes(value)) return "[Circular]";
    if (depth > 4) return Array.isArray(value) ? "[Array]" : "[Object]";
    const inside = [...seen, value];
    const inner = (part) => show(part, depth + 1, inside);
    if (Array.isArray(value)) return `[ ${value.slice(0, 100).map(inner).join(", ")} ]`.replace("[  ]", "[]");
    if (value instanceof Map) {
      return `Map(${value.size}) { ${[...value].map(([k, v]) => `${inner(k)} => ${inner(v)}`).join(", ")} }`;
    }
    if (value instanceof Set) return `Set(${value.size}) { ${[...value].map(inner).join(", ")} }`;
    const members = Object.keys(value).map((key) => `${key}: ${inner(value[key])}`);
    const kind = value.constructor?.name;
    const prefix = kind && kind !== "Object" ? `${kind} ` : "";
    return members.length === 0 ? `${prefix}{}` : `${prefix}{ ${members.join(", ")} }`;
  };
  const print = (level) => (...parts) => {
    try {
      host.print(level, parts.map((part) => show(part, 0, [])).join(" "));
    } catch (error) {
      host.print(level, `(cannot be shown: ${textOf(error?.message)})`);
    }
  };
  const log = print(1);
  define("console", {
    debug: print(0), trace: print(0), log, info: log, dir: log, table: log, warn: print(2), error: print(3),
    assert: (holds, ...parts) => holds || print(3)("Assertion failed:", ...parts),
    group() {}, groupEnd() {}, groupCollapsed() {}, time() {}, timeEnd() {}, timeLog() {}, count() {}, countReset() {}, clear() {},
  });

  // ---- the web interfaces that few scripts use are compiled when they are first asked for
  const lazy = (names, make) => {
    for (const name of names) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        enumerable: false,
        get() {
          const made = make({ host, ask, ExographError });
          for (const other of names) define(other, made[other]);
          return made[name];
        },
        set(value) {
          define(name, value);
        },
      });
    }
  };
  for (const { names, load: make } of host.shims) lazy(names, (tools) => make()(tools));
  define("self", globalThis);
  define("Deno", {
    env: {
      get: (name) => host.env(String(name)),
      has: (name) => host.env(String(name)) !== undefined,
      toObject: () => parse(host.envAll()),
    },
    errors: {},
    build: { os: "linux", arch: "x86_64" },
    version: { deno: "0.0.0", v8: "0.0.0", typescript: "0.0.0" },
  });
  return { load, call, deliver, timer, reset };
}
