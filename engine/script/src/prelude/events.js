() => {
  class DOMException extends Error {
    #name;
    constructor(message = "", name = "Error") {
      super(message);
      this.#name = name;
    }
    get name() { return this.#name; }
  }
  class Event {
    #type; #cancelable; #prevented = false;
    constructor(type, { cancelable = false } = {}) {
      this.#type = String(type);
      this.#cancelable = cancelable;
      this.target = null;
    }
    get type() { return this.#type; }
    get defaultPrevented() { return this.#prevented; }
    preventDefault() { this.#prevented = this.#cancelable; }
    stopPropagation() {}
    stopImmediatePropagation() { this._stopped = true; }
  }
  class EventTarget {
    #listeners = [];
    addEventListener(type, listener, options) {
      if (listener && !this.#listeners.some((it) => it.type === type && it.listener === listener)) {
        this.#listeners.push({ type, listener, once: options?.once === true });
      }
    }
    removeEventListener(type, listener) {
      this.#listeners = this.#listeners.filter((it) => it.type !== type || it.listener !== listener);
    }
    dispatchEvent(event) {
      event.target = this;
      const property = this[`on${event.type}`];
      if (typeof property === "function") property.call(this, event);
      for (const { type, listener, once } of [...this.#listeners]) {
        if (type !== event.type) continue;
        if (once) this.removeEventListener(type, listener);
        if (typeof listener === "function") listener.call(this, event);
        else listener.handleEvent(event);
        if (event._stopped) break;
      }
      return !event.defaultPrevented;
    }
  }
  class AbortSignal extends EventTarget {
    aborted = false;
    reason = undefined;
    _abort(reason) {
      if (this.aborted) return;
      this.aborted = true;
      this.reason = reason ?? new DOMException("The operation was aborted", "AbortError");
      this.dispatchEvent(new Event("abort"));
    }
    throwIfAborted() {
      if (this.aborted) throw this.reason;
    }
    static abort(reason) {
      const signal = new AbortSignal();
      signal._abort(reason);
      return signal;
    }
    static timeout(milliseconds) {
      const signal = new AbortSignal();
      setTimeout(() => signal._abort(new DOMException("The operation timed out", "TimeoutError")), milliseconds);
      return signal;
    }
    static any(signals) {
      const any = new AbortSignal();
      for (const signal of signals) {
        if (signal.aborted) any._abort(signal.reason);
        else signal.addEventListener("abort", () => any._abort(signal.reason), { once: true });
      }
      return any;
    }
  }
  class AbortController {
    signal = new AbortSignal();
    abort(reason) { this.signal._abort(reason); }
  }
  return { Event, EventTarget, DOMException, AbortController, AbortSignal };
}
