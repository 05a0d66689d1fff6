// What the server tells the page about itself: `config.json` beside the page.

export interface Config {
  /** Where operations are posted. */
  graphqlPath: string;
  /** The stream of studio events; empty when the server has none. */
  eventsPath: string;
  /** Personas and their tokens; empty when the server has none. */
  personaPath: string;
  /** Name of the project. */
  title: string;
  /** Text of the first tab of a browser that was never here. */
  initialQuery: string;
  /** Follow the events stream. */
  liveUpdate: boolean;
  /** The revision that answered when this was written; `null` when the server does not say. */
  revision: number | null;
  /** The header that carries the token, after `Bearer `. */
  tokenHeader: string;
  /** The cookie that carries the bare token instead of the header; empty for the header. */
  tokenCookie: string;
}

const text = (value: unknown, fallback: string) => (typeof value === "string" ? value : fallback);

/** Reads the configuration; everything absent has a working default. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch(new URL("config.json", document.baseURI), {
    headers: { accept: "application/json" },
    cache: "no-store",
  });
  if (!response.ok) throw new Error(`The server answered ${response.status} for config.json.`);
  const raw = (await response.json()) as Record<string, unknown>;
  return {
    graphqlPath: text(raw.graphqlPath, "/graphql"),
    eventsPath: text(raw.eventsPath, ""),
    personaPath: text(raw.personaPath, ""),
    title: text(raw.title, "exo-studio"),
    initialQuery: text(raw.initialQuery, ""),
    liveUpdate: raw.liveUpdate !== false,
    revision: typeof raw.revision === "number" ? raw.revision : null,
    tokenHeader: text(raw.tokenHeader, "Authorization"),
    tokenCookie: text(raw.tokenCookie, ""),
  };
}
