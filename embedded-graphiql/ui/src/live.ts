// The events stream of the studio: which revision serves, whether the model is broken, which
// persona is active, and what was just asked. Without a stream the page works as a plain GraphiQL.

import { Store } from "./store";
import { readTrace, type Trace } from "./trace";

export interface Live {
  /** `off`: this server has no stream. `lost`: it had one and the page is trying again. */
  connection: "off" | "connecting" | "open" | "lost";
  /** The revision that answers. */
  revision: number | null;
  /** Counts every reason to read the schema again. */
  schemaEpoch: number;
  /** Set while the newest model has errors and an older revision answers. */
  stale: { revision: number | null; problems: number } | null;
  /** Newest first. */
  traces: readonly Trace[];
}

export const TRACES_KEPT = 50;

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 15_000;

export const live = new Store<Live>({
  connection: "off",
  revision: null,
  schemaEpoch: 0,
  stale: null,
  traces: [],
});

const count = (value: unknown): number | null => (typeof value === "number" ? value : null);

export function clearTraces(): void {
  live.set({ traces: [] });
}

function schemaMayHaveChanged(): void {
  live.set({ schemaEpoch: live.get().schemaEpoch + 1 });
}

interface Handlers {
  onPersona: (name: string | null) => void;
}

function apply(data: string, handlers: Handlers): void {
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(data) as Record<string, unknown>;
  } catch {
    return; // A truncated message; the next one stands on its own.
  }
  switch (event.kind) {
    case "swapped": {
      const revision = count(event.revision);
      const changed = live.get().revision !== revision;
      live.set({ revision, stale: null });
      if (changed) schemaMayHaveChanged();
      break;
    }
    case "stale":
      live.set({
        revision: count(event.serving) ?? live.get().revision,
        stale: { revision: count(event.revision), problems: count(event.problems) ?? 0 },
      });
      break;
    case "unchanged":
      // The model is what already answers: whatever was broken in between is mended.
      live.set({ stale: null });
      break;
    case "persona":
      handlers.onPersona(typeof event.name === "string" && event.name ? event.name : null);
      break;
    case "trace": {
      const trace = readTrace(event.trace ?? event);
      if (trace) live.set({ traces: [trace, ...live.get().traces].slice(0, TRACES_KEPT) });
      break;
    }
    default: // Kinds that a newer server knows.
  }
}

/** Follows the stream until the returned function is called. */
export function follow(url: string, handlers: Handlers): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delay = RETRY_FIRST_MS;
  let wasOpen = false;

  const connect = () => {
    live.set({ connection: wasOpen ? "lost" : "connecting" });
    source = new EventSource(url);
    source.onopen = () => {
      delay = RETRY_FIRST_MS;
      live.set({ connection: "open" });
      // Whatever happened while the stream was away: read the schema again.
      if (wasOpen) schemaMayHaveChanged();
      wasOpen = true;
    };
    source.onmessage = (message: MessageEvent<string>) => apply(message.data, handlers);
    source.onerror = () => {
      // The browser's own retry stops for good on an HTTP error, so the page retries itself.
      source?.close();
      live.set({ connection: wasOpen ? "lost" : "off" });
      timer = setTimeout(connect, delay);
      delay = Math.min(delay * 2, RETRY_MAX_MS);
    };
  };

  connect();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
