// How GraphiQL reaches the API.

import type { Fetcher } from "@graphiql/toolkit";
import type { Config } from "./config";
import { currentToken } from "./persona";

/** Marks requests of this page; it exempts them from trusted documents in development. */
const MARKER = "_exo_playground";

const unreachable = (detail: string) => ({
  errors: [{ message: `The API did not answer. ${detail}` }],
});

type Settings = Pick<Config, "graphqlPath" | "tokenHeader" | "tokenCookie">;

export function createFetcher({ graphqlPath, tokenHeader, tokenCookie }: Settings): Fetcher {
  return async (request, options) => {
    const headers = new Headers(options?.headers as HeadersInit | undefined);
    headers.set("content-type", "application/json");
    headers.set("accept", "application/json");
    headers.set(MARKER, "true");
    // A header written by hand in the headers tab wins over the persona.
    if (!headers.has(tokenHeader)) {
      const token = await currentToken();
      if (tokenCookie) setCookie(tokenCookie, token);
      else if (token) headers.set(tokenHeader, `Bearer ${token}`);
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

/** Only for servers that read the token from a cookie. It ends with the session. */
function setCookie(name: string, token: string | null): void {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const end = token ? "" : "; Max-Age=0";
  document.cookie = `${name}=${token ?? ""}; Path=/; SameSite=Strict${secure}${end}`;
}
