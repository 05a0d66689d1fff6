// What scripts and the engine say to each other, whichever JavaScript engine runs them: `host` sends, the result receives.
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
  // What a call leaves behind must not act in the name of the next one.
  let turn = 0;
  const during = (mine) => {
    if (mine !== turn) throw new Error("the call that this object belongs to has ended");
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
    const mine = turn;
    const bound = (act) => async (...given) => {
      during(mine);
      return act(...given);
    };
    const object = {
      executeQuery: bound((query, variables) => execute(query, variables)),
      addResponseHeader: bound(header),
      setCookie: bound(cookie),
    };
    if (privileged) object.executeQueryPriv = bound(execute);
    return object;
  };

  // ---- calls
  let namespace = {};
  let proceeded;
  const operation = (info, mine = turn) => ({
    name: () => info.name,
    query: () => info.query,
    proceed: async () => {
      during(mine);
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
    turn += 1;
    const named = open || name === "" || name === "Error" ? message : `${name}: ${message}`;
    host.fail(open ? 0 : 2, named, isError ? textOf(error.stack) : "");
  };
  const finish = (result, composite) => {
    let text;
    try {
      // `T | undefined` is how declarations spell an optional field, so such a member is null and not missing.
      if (composite && typeof result === "object" && result !== null && !Array.isArray(result)) {
        for (const key of Object.keys(result)) {
          if (result[key] === undefined) result = { ...result, [key]: null };
        }
      }
      text = stringify(result) ?? "null";
    } catch (error) {
      fail(error);
      return;
    }
    // A result that was handed on unchanged keeps the spelling of its numbers.
    if (proceeded !== undefined && proceeded.printed === text) text = proceeded.text;
    turn += 1;
    host.done(text);
  };
  const load = (promise) => {
    promise.then((loaded) => {
      namespace = loaded;
      host.done("");
    }, fail);
  };
  const call = (name, given) => {
    const { a, o, c } = parse(given);
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
    (async () => target(...values))().then((result) => finish(result, c), fail);
  };

  const reset = () => {
    turn += 1;
    pending.clear();
    proceeded = undefined;
  };
  return { load, call, deliver, reset, define, ask, textOf, ExographError };
}
