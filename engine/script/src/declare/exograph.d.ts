// Written by the build; changes are overwritten.

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

export interface Cookie {
  name: string;
  value: string;
  expires?: Date | string;
  maxAge?: number;
  domain?: string;
  path?: string;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: 'Strict' | 'Lax' | 'None';
}

/** Queries as the caller, in the transaction of the caller. Errors are thrown. */
export interface Exograph {
  executeQuery(query: string, variables?: any): Promise<any>;
  addResponseHeader(name: string, value: string): Promise<void>;
  setCookie(cookie: Cookie): Promise<void>;
}

/** The same, and queries with other context values: `{ ContextName: { field: value } }`. */
export interface ExographPriv extends Exograph {
  executeQueryPriv(query: string, variables?: any, contextOverride?: any): Promise<any>;
}

/** A selected field. */
export interface Field {
  alias: string | null;
  name: string;
  arguments: JsonObject;
  subfields: Field[];
}

/** The operation an interceptor is woven around; only `@around` interceptors proceed. */
export interface Operation {
  name(): string;
  query(): Field;
  proceed<T = any>(): Promise<T>;
}

declare global {
  /** Its message is shown to the client; messages of other errors are not. */
  class ExographError extends Error {
    constructor(message: string);
  }
}
