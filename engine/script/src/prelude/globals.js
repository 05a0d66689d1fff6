// Globals of the web and of Deno that the embedded engine lacks.
(host, bridge) => {
  "use strict";
  const { parse, stringify } = JSON;
  const { define, ask, textOf, ExographError } = bridge;

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

  // ---- rejections that nobody handles: said at the end of the call, since a handler may still come
  const rejected = new Map();
  const rejection = (promise, reason, handled) => {
    if (handled) rejected.delete(promise);
    else rejected.set(promise, reason);
  };

  const reset = () => {
    for (const reason of rejected.values()) globalThis.console.error("Uncaught (in a promise)", reason);
    rejected.clear();
    timers.clear();
    bridge.reset();
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
  const table = (rows, ...rest) => {
    if (typeof rows !== "object" || rows === null) return log(rows, ...rest);
    for (const key of Object.keys(rows)) log(`${key}:`, rows[key]);
  };
  const counts = new Map();
  const clocks = new Map();
  const count = (label = "default") => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    log(`${label}: ${counts.get(label)}`);
  };
  const elapsed = (label, rest) => {
    const since = clocks.get(label);
    if (since === undefined) return print(2)(`no timer \`${label}\` was started`);
    log(`${label}: ${(performance.now() - since).toFixed(3)} ms`, ...rest);
  };
  define("console", {
    debug: print(0), trace: print(0), log, info: log, dir: (value) => log(value), dirxml: log, table, warn: print(2), error: print(3),
    assert: (holds, ...parts) => { if (!holds) print(3)("Assertion failed:", ...parts); },
    group: log, groupCollapsed: log, groupEnd() {}, clear() {},
    count, countReset: (label = "default") => { counts.delete(label); },
    time: (label = "default") => { clocks.set(label, performance.now()); },
    timeLog: (label = "default", ...rest) => elapsed(label, rest),
    timeEnd: (label = "default") => { elapsed(label, []); clocks.delete(label); },
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
  return { timer, reset, rejection };
}
