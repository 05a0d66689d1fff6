// How GraphiQL reaches the API.

import type { Fetcher } from "@graphiql/toolkit";
import { currentToken } from "./persona";

/** Marks requests of this page; it exempts them from trusted documents in development. */
const MARKER = "_exo_playground";

const unreachable = (detail: string) => ({
  errors: [{ message: `The API did not answer. ${detail}` }],
});

export function createFetcher(graphqlPath: string): Fetcher {
  return async (request, options) => {
    const headers = new Headers(options?.headers as HeadersInit | undefined);
    headers.set("content-type", "application/json");
    headers.set("accept", "application/json");
    headers.set(MARKER, "true");
    // A header written by hand in the headers tab wins over the persona.
    if (!headers.has("authorization")) {
      const token = await currentToken();
      if (token) headers.set("authorization", `Bearer ${token}`);
    }
    let response: Response;
    try {
      response = await fetch(graphqlPath, {
        method: "POST",
        headers,
        body: JSON.stringify(request),
      });
    } catch {
      return unreachable("Is the studio still running?");
    }
    const body = await response.text();
    try {
      return JSON.parse(body);
    } catch {
      return unreachable(`Status ${response.status}${body ? `: ${body.slice(0, 400)}` : ""}`);
    }
  };
}
