({ host, ask }) => {
  const { parse, stringify } = JSON;
  class Headers {
    #list = [];
    constructor(init) {
      if (init === undefined || init === null) return;
      const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const [name, value] of pairs) this.append(name, value);
    }
    #find(name) { return String(name).toLowerCase(); }
    append(name, value) { this.#list.push([this.#find(name), String(value).trim()]); }
    set(name, value) { this.delete(name); this.append(name, value); }
    delete(name) { this.#list = this.#list.filter(([known]) => known !== this.#find(name)); }
    get(name) {
      const found = this.#list.filter(([known]) => known === this.#find(name)).map(([, value]) => value);
      return found.length === 0 ? null : found.join(", ");
    }
    getSetCookie() { return this.#list.filter(([known]) => known === "set-cookie").map(([, value]) => value); }
    has(name) { return this.#list.some(([known]) => known === this.#find(name)); }
    forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
    *entries() {
      for (const name of [...new Set(this.#list.map(([known]) => known))].sort()) yield [name, this.get(name)];
    }
    *keys() { for (const [name] of this.entries()) yield name; }
    *values() { for (const [, value] of this.entries()) yield value; }
    [Symbol.iterator]() { return this.entries(); }
  }
  const bytesOf = (body, headers) => {
    const kind = (type) => headers.has("content-type") || headers.set("content-type", type);
    if (body === undefined || body === null) return new Uint8Array(0);
    if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength));
    kind(body instanceof URLSearchParams ? "application/x-www-form-urlencoded;charset=UTF-8" : "text/plain;charset=UTF-8");
    return host.encode(String(body));
  };
  class Body {
    #bytes; #used = false;
    _set(body) { this.#bytes = bytesOf(body, this.headers); }
    _peek() { return this.#bytes; }
    get bodyUsed() { return this.#used; }
    async bytes() {
      if (this.#used) throw new TypeError("the body was read before");
      this.#used = true;
      return this.#bytes;
    }
    async arrayBuffer() { return (await this.bytes()).buffer; }
    async text() { return host.decode(await this.bytes(), false); }
    async json() { return parse(await this.text()); }
  }
  class Request extends Body {
    constructor(input, init = {}) {
      super();
      const from = input instanceof Request ? input : undefined;
      this.url = from ? from.url : String(input);
      this.method = String(init.method ?? from?.method ?? "GET").toUpperCase();
      this.headers = new Headers(init.headers ?? from?.headers);
      this.signal = init.signal ?? from?.signal ?? null;
      this.redirect = init.redirect ?? from?.redirect ?? "follow";
      this._set(init.body ?? from?._peek());
    }
    clone() { return new Request(this); }
  }
  class Response extends Body {
    constructor(body, { status = 200, statusText = "", headers } = {}) {
      super();
      this.status = status;
      this.statusText = statusText;
      this.headers = new Headers(headers);
      this.url = "";
      this.type = "default";
      this.redirected = false;
      this._set(body);
    }
    get ok() { return this.status >= 200 && this.status < 300; }
    clone() { return new Response(this._peek(), this); }
    static json(value, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(stringify(value), { ...init, headers });
    }
    static error() { return new Response(null, { status: 0 }); }
  }
  const fetch = async (input, init) => {
    const request = new Request(input, init);
    request.signal?.throwIfAborted();
    const sent = stringify({
      url: request.url,
      method: request.method,
      headers: [...request.headers],
      body: host.toBase64(request._peek()),
      redirect: request.redirect,
    });
    const answer = ask((id) => host.fetch(id, sent)).catch((error) => {
      throw new TypeError(error.message);
    });
    const aborted = new Promise((_, reject) => {
      request.signal?.addEventListener("abort", () => reject(request.signal.reason), { once: true });
    });
    const reply = parse(request.signal ? await Promise.race([answer, aborted]) : await answer);
    const empty = [204, 205, 304].includes(reply.status);
    const response = new Response(empty ? null : host.fromBase64(reply.body), reply);
    response.url = reply.url;
    return response;
  };
  return { Headers, Request, Response, fetch };
}
