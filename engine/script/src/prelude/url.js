({ host }) => {
  const { parse } = JSON;
  const encode = (text) =>
    encodeURIComponent(text)
      .replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
      .replace(/%20/g, "+");
  const decode = (text) => {
    text = text.replace(/\+/g, " ");
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  class URLSearchParams {
    #pairs = [];
    #changed = () => {};
    constructor(init = "", changed) {
      if (changed) this.#changed = changed;
      if (typeof init === "object" && init !== null && typeof init[Symbol.iterator] === "function") {
        for (const [name, value] of init) this.#pairs.push([String(name), String(value)]);
      } else if (typeof init === "object" && init !== null) {
        for (const name of Object.keys(init)) this.#pairs.push([name, String(init[name])]);
      } else {
        this._read(String(init));
      }
    }
    _read(text) {
      this.#pairs = text.replace(/^\?/, "").split("&").filter((part) => part !== "").map((part) => {
        const cut = part.indexOf("=");
        return cut < 0 ? [decode(part), ""] : [decode(part.slice(0, cut)), decode(part.slice(cut + 1))];
      });
    }
    get size() { return this.#pairs.length; }
    append(name, value) { this.#pairs.push([String(name), String(value)]); this.#changed(); }
    delete(name, value) {
      this.#pairs = this.#pairs.filter(([n, v]) => n !== String(name) || (value !== undefined && v !== String(value)));
      this.#changed();
    }
    get(name) { return this.#pairs.find(([n]) => n === String(name))?.[1] ?? null; }
    getAll(name) { return this.#pairs.filter(([n]) => n === String(name)).map(([, v]) => v); }
    has(name, value) {
      return this.#pairs.some(([n, v]) => n === String(name) && (value === undefined || v === String(value)));
    }
    set(name, value) {
      const at = this.#pairs.findIndex(([n]) => n === String(name));
      if (at < 0) this.#pairs.push([String(name), String(value)]);
      else {
        this.#pairs[at] = [String(name), String(value)];
        this.#pairs = this.#pairs.filter(([n], index) => index <= at || n !== String(name));
      }
      this.#changed();
    }
    sort() { this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); this.#changed(); }
    forEach(callback, self) { for (const [n, v] of this.#pairs) callback.call(self, v, n, this); }
    *keys() { for (const [n] of this.#pairs) yield n; }
    *values() { for (const [, v] of this.#pairs) yield v; }
    *entries() { for (const [n, v] of this.#pairs) yield [n, v]; }
    [Symbol.iterator]() { return this.entries(); }
    toString() { return this.#pairs.map(([n, v]) => `${encode(n)}=${encode(v)}`).join("&"); }
  }
  class URL {
    #parts;
    #params;
    constructor(text, base) {
      this.#parts = parse(host.parseUrl(String(text), base === undefined ? undefined : String(base)));
    }
    static canParse(text, base) {
      try {
        new URL(text, base);
        return true;
      } catch {
        return false;
      }
    }
    static parse(text, base) { return URL.canParse(text, base) ? new URL(text, base) : null; }
    #change(part, value) {
      this.#parts = parse(host.changeUrl(this.#parts.href, part, String(value)));
      if (part === "search") this.#params?._read(this.#parts.search);
    }
    get href() { return this.#parts.href; }
    set href(value) { this.#parts = parse(host.parseUrl(String(value))); this.#params?._read(this.#parts.search); }
    get origin() { return this.#parts.origin; }
    get searchParams() {
      this.#params ??= new URLSearchParams(this.#parts.search, () => {
        this.#parts = parse(host.changeUrl(this.#parts.href, "search", this.#params.toString()));
      });
      return this.#params;
    }
    get protocol() { return this.#parts.protocol; } set protocol(v) { this.#change("protocol", v); }
    get username() { return this.#parts.username; } set username(v) { this.#change("username", v); }
    get password() { return this.#parts.password; } set password(v) { this.#change("password", v); }
    get host() { return this.#parts.host; } set host(v) { this.#change("host", v); }
    get hostname() { return this.#parts.hostname; } set hostname(v) { this.#change("hostname", v); }
    get port() { return this.#parts.port; } set port(v) { this.#change("port", v); }
    get pathname() { return this.#parts.pathname; } set pathname(v) { this.#change("pathname", v); }
    get search() { return this.#parts.search; } set search(v) { this.#change("search", v); }
    get hash() { return this.#parts.hash; } set hash(v) { this.#change("hash", v); }
    toString() { return this.href; }
    toJSON() { return this.href; }
  }
  return { URL, URLSearchParams };
}
