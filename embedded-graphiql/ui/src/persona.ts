// Who requests are signed as. The studio holds the secret and signs; the page only ever sees
// short-lived tokens.

import { Store } from "./store";

export interface Persona {
  name: string;
  claims: unknown;
}

interface Personas {
  /** Whether the server offers personas at all. */
  available: boolean;
  active: string | null;
  all: readonly Persona[];
  /** The last refusal, for the menu. */
  error: string | null;
}

export const personas = new Store<Personas>({
  available: false,
  active: null,
  all: [],
  error: null,
});

/** A token is replaced this long before it ends. */
const RENEW_BEFORE_MS = 30_000;

let path = "";
let token: { persona: string; value: string; until: number } | null = null;
let pending: Promise<string | null> | null = null;

function read(body: unknown): Pick<Personas, "active" | "all"> {
  const raw = (body ?? {}) as { active?: unknown; personas?: unknown };
  const all = Array.isArray(raw.personas) ? (raw.personas as Persona[]) : [];
  return {
    active: typeof raw.active === "string" && raw.active ? raw.active : null,
    all: all.filter((persona) => typeof persona?.name === "string"),
  };
}

/** Asks the server which personas there are. Quiet when it has none. */
export async function loadPersonas(personaPath: string): Promise<void> {
  path = personaPath.replace(/\/$/, "");
  if (!path) return;
  try {
    const response = await fetch(path, { headers: { accept: "application/json" } });
    if (!response.ok) return;
    token = null;
    personas.set({ available: true, error: null, ...read(await response.json()) });
  } catch {
    // Without an answer the page stays anonymous; data requests will show what is wrong.
  }
}

/** Chooses a persona for the studio and this page; `null` is anonymous. */
export async function choosePersona(name: string | null): Promise<void> {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ name }),
    });
    if (!response.ok) {
      personas.set({ error: `The studio refused the change (${response.status}).` });
      return;
    }
    personaChanged(name);
  } catch {
    personas.set({ error: "The studio did not answer." });
  }
}

/** The studio says who is active now. */
export function personaChanged(name: string | null): void {
  token = null;
  pending = null;
  const known = name === null || personas.get().all.some((persona) => persona.name === name);
  personas.set({ active: name, error: null });
  if (!known) void loadPersonas(path);
}

async function fetchToken(name: string): Promise<string | null> {
  const response = await fetch(`${path}/token`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ name }),
  });
  if (!response.ok) {
    throw new Error(`No token for ${name}: the studio answered ${response.status}.`);
  }
  const body = (await response.json()) as { token?: unknown; expiresInSeconds?: unknown };
  if (typeof body.token !== "string" || !body.token) return null;
  const seconds = typeof body.expiresInSeconds === "number" ? body.expiresInSeconds : 60;
  if (personas.get().active === name) {
    token = { persona: name, value: body.token, until: Date.now() + seconds * 1000 };
  }
  return body.token;
}

/** A token of the active persona that is still good, or `null` for anonymous. */
export async function currentToken(): Promise<string | null> {
  const { available, active } = personas.get();
  if (!available || !active) return null;
  if (token?.persona === active && token.until - Date.now() > RENEW_BEFORE_MS) return token.value;
  if (!pending) {
    const mine = fetchToken(active).finally(() => {
      if (pending === mine) pending = null;
    });
    pending = mine;
  }
  return pending;
}
