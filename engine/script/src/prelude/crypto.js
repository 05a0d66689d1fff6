({ host }) => {
  const view = (data) =>
    data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const nameOf = (algorithm) => String(typeof algorithm === "string" ? algorithm : algorithm?.name).toUpperCase();
  const refuse = (what) => {
    throw new DOMException(`${what} is not available; digest and HMAC are`, "NotSupportedError");
  };

  // ---- HMAC, over the digests of the host
  const keys = new WeakMap();
  const secret = (key, usage) => {
    const bytes = keys.get(key);
    if (bytes === undefined) throw new TypeError("this is no key");
    if (!key.usages.includes(usage)) throw new DOMException(`the key may not ${usage}`, "InvalidAccessError");
    return bytes;
  };
  const joined = (first, second) => {
    const all = new Uint8Array(first.length + second.length);
    all.set(first);
    all.set(second, first.length);
    return all;
  };
  const authenticate = (bytes, key, data) => {
    const hash = key.algorithm.hash.name;
    const block = new Uint8Array(hash === "SHA-256" ? 64 : 128);
    block.set(bytes.length > block.length ? host.digest(hash, bytes) : bytes);
    const padded = (byte, rest) => joined(block.map((it) => it ^ byte), rest);
    return host.digest(hash, padded(0x5c, host.digest(hash, padded(0x36, view(data)))));
  };

  const crypto = {
    getRandomValues(target) {
      view(target).set(host.random(target.byteLength));
      return target;
    },
    randomUUID() {
      const bytes = host.random(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const text = hex(bytes);
      return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
    },
    subtle: {
      digest: async (algorithm, data) => host.digest(nameOf(algorithm), view(data).slice()).buffer,
      async importKey(format, data, algorithm, extractable, usages) {
        if (format !== "raw" || nameOf(algorithm) !== "HMAC") refuse(`importKey of ${nameOf(algorithm)} from ${format}`);
        const hash = { name: nameOf(algorithm.hash) };
        const bytes = view(data).slice();
        const about = { name: "HMAC", hash, length: bytes.length * 8 };
        const key = Object.freeze({ type: "secret", extractable: Boolean(extractable), algorithm: about, usages: [...usages] });
        keys.set(key, bytes);
        return key;
      },
      async sign(algorithm, key, data) {
        if (nameOf(algorithm) !== "HMAC") refuse(`sign with ${nameOf(algorithm)}`);
        return authenticate(secret(key, "sign"), key, data).buffer;
      },
      async verify(algorithm, key, signature, data) {
        if (nameOf(algorithm) !== "HMAC") refuse(`verify with ${nameOf(algorithm)}`);
        const expected = authenticate(secret(key, "verify"), key, data);
        const given = view(signature);
        // Every byte is looked at, so that the time says nothing.
        let difference = expected.length ^ given.length;
        for (let index = 0; index < expected.length; index++) difference |= expected[index] ^ (given[index] ?? 0);
        return difference === 0;
      },
    },
  };
  return { crypto };
}
