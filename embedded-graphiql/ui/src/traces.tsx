// The Traces plugin: the last requests with their time, their SQL and their rows.

import type { GraphiQLPlugin } from "@graphiql/react";
import { useState } from "react";
import { clearTraces, live, TRACES_KEPT } from "./live";
import { Sql } from "./sql";
import { useStore } from "./store";
import { clock, milliseconds, plural } from "./text";
import type { Statement, Trace } from "./trace";

export const TRACES_PLUGIN: GraphiQLPlugin = {
  title: "Traces",
  icon: TracesIcon,
  content: TracesPanel,
};

function TracesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" aria-hidden="true">
      <path d="M3 6h9M7 12h11M11 18h10" />
      <path d="M3 3v18" opacity=".5" />
    </svg>
  );
}

function TracesPanel() {
  const { traces, connection } = useStore(live);
  const [open, setOpen] = useState<string | null>(null);
  const [schemaToo, setSchemaToo] = useState(false);
  const shown = traces.filter((trace) => schemaToo || trace.kind !== "introspection");
  return (
    <section className="studio-traces" aria-label="Traces">
      <div className="studio-traces-head">
        <div className="graphiql-doc-explorer-title">Traces</div>
        <label className="studio-choice">
          <input
            type="checkbox"
            checked={schemaToo}
            onChange={(event) => setSchemaToo(event.target.checked)}
          />
          <span>schema queries</span>
        </label>
        <button type="button" className="studio-button" onClick={clearTraces} disabled={!shown.length}>
          Clear
        </button>
      </div>
      {shown.length === 0 ? (
        <p className="studio-hint">
          {connection === "off"
            ? "This server does not stream its traces."
            : `Run an operation: the last ${TRACES_KEPT} requests of every client appear here with their SQL.`}
        </p>
      ) : (
        <ol className="studio-trace-list">
          {shown.map((trace) => (
            <TraceRow
              key={`${trace.id}:${trace.at}`}
              trace={trace}
              open={open === trace.id}
              toggle={() => setOpen(open === trace.id ? null : trace.id)}
            />
          ))}
        </ol>
      )}
    </section>
  );
}

function TraceRow({ trace, open, toggle }: { trace: Trace; open: boolean; toggle: () => void }) {
  const failed = trace.error !== null;
  return (
    <li className={failed ? "studio-trace studio-trace-failed" : "studio-trace"}>
      <button type="button" aria-expanded={open} onClick={toggle} data-testid="trace">
        <span className="studio-trace-name">
          <span className="studio-trace-kind">{trace.kind || "request"}</span>{" "}
          {trace.operation}
        </span>
        <span className="studio-trace-ms">{milliseconds(trace.ms)}</span>
        <span className="studio-trace-facts">
          {failed ? (trace.denied ? "denied" : "failed") : plural(trace.rows, "row")}
          {" · "}
          {plural(trace.statements.length, "statement")}
          {trace.caller && ` · as ${trace.caller}`}
          {trace.surface && ` · ${trace.surface}`}
        </span>
      </button>
      {open && <TraceDetail trace={trace} />}
    </li>
  );
}

function TraceDetail({ trace }: { trace: Trace }) {
  const facts = [
    clock(trace.at),
    trace.revision !== null && `r${trace.revision}`,
    trace.roundTrips > 0 && plural(trace.roundTrips, "round trip"),
    trace.bytes > 0 && `${trace.bytes.toLocaleString()} bytes`,
  ].filter(Boolean);
  return (
    <div className="studio-trace-detail">
      <p className="studio-hint">{facts.join(" · ")}</p>
      {trace.error && <p className="studio-error">{trace.error}</p>}
      {trace.phases.length > 0 && <Phases trace={trace} />}
      {trace.access.length > 0 && (
        <ul className="studio-access" aria-label="Access rules">
          {trace.access.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {trace.statements.map((statement, index) => (
        <StatementView key={index} statement={statement} index={index} />
      ))}
      {trace.statements.length === 0 && <p className="studio-hint">No SQL was needed.</p>}
    </div>
  );
}

/** Where the time went: one bar per phase, each with its number in words. */
function Phases({ trace }: { trace: Trace }) {
  const total = Math.max(trace.ms, 0.001);
  const percent = (value: number) => `${Math.min(100, (100 * value) / total).toFixed(2)}%`;
  return (
    <dl className="studio-phases">
      {trace.phases.map((phase, index) => (
        <div key={index}>
          <dt>{phase.kind}</dt>
          <dd>
            <span className="studio-phase-track" aria-hidden="true">
              <span style={{ marginInlineStart: percent(phase.start), width: percent(phase.ms) }} />
            </span>
            {milliseconds(phase.ms)}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function StatementView({ statement, index }: { statement: Statement; index: number }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(statement.sql);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <figure className="studio-statement">
      <figcaption>
        <span>
          SQL {index + 1} · {milliseconds(statement.ms)} · {plural(statement.rows, "row")}
        </span>
        <button type="button" className="studio-button" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy"}
        </button>
      </figcaption>
      <pre tabIndex={0} aria-label={`SQL statement ${index + 1}`}>
        <Sql text={statement.sql} />
      </pre>
      {statement.params.length > 0 && (
        <ol className="studio-params" aria-label="Parameters">
          {statement.params.map((param, position) => (
            <li key={position}>
              <code>${position + 1}</code> <b>{param.value ?? "NULL"}</b> {param.type}
              {param.origin && <span> from {param.origin}</span>}
            </li>
          ))}
        </ol>
      )}
      {statement.error && <p className="studio-error">{statement.error}</p>}
    </figure>
  );
}
