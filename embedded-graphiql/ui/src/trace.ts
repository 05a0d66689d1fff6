// One served request as the events stream describes it.

export interface Statement {
  sql: string;
  params: { type: string; value: string | null; origin: string }[];
  rows: number;
  ms: number;
  error: string | null;
}

export interface Trace {
  id: string;
  at: number;
  revision: number | null;
  surface: string;
  kind: string;
  operation: string;
  caller: string;
  ms: number;
  rows: number;
  roundTrips: number;
  bytes: number;
  phases: { kind: string; start: number; ms: number }[];
  statements: Statement[];
  error: string | null;
  denied: boolean;
  access: string[];
}

type Raw = Record<string, unknown>;

const record = (value: unknown): Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Raw) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" ? value : 0);
/** Times travel as microseconds. */
const millis = (value: unknown): number => number(value) / 1000;

function surfaceOf(value: unknown): string {
  if (typeof value === "string") return value;
  const [name] = Object.keys(record(value));
  return name ?? "";
}

/** Reads a trace; `null` when the event has none. */
export function readTrace(value: unknown): Trace | null {
  const raw = record(value);
  if (typeof raw.operation !== "string") return null;
  const error = record(raw.error);
  return {
    id: typeof raw.id === "number" ? raw.id.toString(16).padStart(6, "0") : text(raw.id),
    at: millis(raw.at),
    revision: typeof raw.revision === "number" ? raw.revision : null,
    surface: surfaceOf(raw.surface),
    kind: text(raw.kind),
    operation: raw.operation,
    caller: text(raw.caller),
    ms: millis(raw.total),
    rows: number(raw.rows),
    roundTrips: number(raw.round_trips),
    bytes: number(raw.response_bytes),
    phases: list(raw.phases).map((item) => {
      const phase = record(item);
      return { kind: text(phase.kind), start: millis(phase.start), ms: millis(phase.time) };
    }),
    statements: list(raw.statements).map((item) => {
      const statement = record(item);
      return {
        sql: text(statement.text),
        params: list(statement.params).map((entry) => {
          const param = record(entry);
          return {
            type: text(param.ty),
            value: typeof param.value === "string" ? param.value : null,
            origin: text(param.origin),
          };
        }),
        rows: number(statement.rows),
        ms: millis(statement.time),
        error: text(statement.error) || null,
      };
    }),
    error: text(error.message) || null,
    denied: error.denied === true,
    access: list(raw.access).map(text).filter(Boolean),
  };
}
