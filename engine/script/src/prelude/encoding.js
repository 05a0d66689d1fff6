({ host }) => {
  const bytesOf = (data) => {
    if (data === undefined) return new Uint8Array(0);
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  };
  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return host.encode(String(text).toWellFormed?.() ?? String(text)); }
    encodeInto(text, target) {
      let written = 0, read = 0;
      for (const character of String(text)) {
        const bytes = host.encode(character);
        if (written + bytes.length > target.length) break;
        target.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }
  class TextDecoder {
    #fatal; #keepMark; #rest = new Uint8Array(0);
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!["utf-8", "utf8", "unicode-1-1-utf-8"].includes(String(label).trim().toLowerCase())) {
        throw new RangeError(`the encoding ${label} is not available`);
      }
      this.#fatal = fatal;
      this.#keepMark = ignoreBOM;
    }
    get encoding() { return "utf-8"; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#keepMark; }
    decode(data, { stream = false } = {}) {
      let bytes = bytesOf(data);
      if (this.#rest.length > 0) {
        const joined = new Uint8Array(this.#rest.length + bytes.length);
        joined.set(this.#rest);
        joined.set(bytes, this.#rest.length);
        bytes = joined;
        this.#rest = new Uint8Array(0);
      }
      if (stream) {
        // An unfinished character at the end waits for its rest.
        let start = bytes.length;
        while (start > 0 && bytes.length - start < 3 && (bytes[start - 1] & 0xc0) === 0x80) start--;
        const lead = start > 0 ? bytes[start - 1] : 0;
        const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
        if (length > 1 && bytes.length - (start - 1) < length) {
          this.#rest = bytes.slice(start - 1);
          bytes = bytes.slice(0, start - 1);
        }
      }
      const text = host.decode(bytes.slice(), this.#fatal);
      return !this.#keepMark && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    }
  }
  const atob = (text) => {
    const bytes = host.fromBase64(String(text));
    let result = "";
    for (const byte of bytes) result += String.fromCharCode(byte);
    return result;
  };
  const btoa = (text) => {
    text = String(text);
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 255) throw new TypeError("the text has characters outside of Latin-1");
      bytes[index] = code;
    }
    return host.toBase64(bytes);
  };
  return { TextEncoder, TextDecoder, atob, btoa };
}
