// The studio's frame around GraphiQL: title bar, banner for a broken model, plugins.

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useRef } from "react";
import type { Config } from "./config";
import { createFetcher } from "./fetcher";
import { live } from "./live";
import { PersonaButton, PersonaKey } from "./persona-menu";
import { projectStorage } from "./storage";
import { useStore } from "./store";
import { milliseconds, plural } from "./text";
import { TRACES_PLUGIN } from "./traces";

const EXPLORER_PLUGIN = explorerPlugin({ showAttribution: false });
const PLUGINS = [EXPLORER_PLUGIN, HISTORY_PLUGIN, TRACES_PLUGIN];

export function App({ config }: { config: Config }) {
  const fetcher = useMemo(() => createFetcher(config), [config]);
  const storage = useMemo(() => projectStorage(config.title), [config.title]);
  return (
    <div className="studio">
      <TitleBar title={config.title} />
      <StaleBanner />
      <main className="studio-main">
        <GraphiQL
          fetcher={fetcher}
          storage={storage}
          plugins={PLUGINS}
          defaultQuery={config.initialQuery.trimEnd()}
          defaultEditorToolsVisibility={false}
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
        >
          <GraphiQL.Logo>
            <SchemaSync />
          </GraphiQL.Logo>
          <GraphiQL.Toolbar>
            {({ prettify, copy, merge }) => (
              <>
                <PersonaKey />
                {prettify}
                {merge}
                {copy}
              </>
            )}
          </GraphiQL.Toolbar>
          <GraphiQL.Footer>
            <LastRequest />
          </GraphiQL.Footer>
        </GraphiQL>
      </main>
    </div>
  );
}

function TitleBar({ title }: { title: string }) {
  return (
    <header className="studio-bar">
      <span className="studio-mark" aria-hidden="true" />
      <h1 className="studio-title">{title}</h1>
      <Serving />
      <span className="studio-space" />
      <PersonaButton />
    </header>
  );
}

/** Which revision answers, in words as well as in colour. */
function Serving() {
  const { connection, revision, stale } = useStore(live);
  if (connection === "off") return null;
  const name = revision === null ? "" : `r${revision}`;
  let tone = "good";
  let words = name ? `serving ${name}` : "connected";
  if (connection === "connecting") {
    tone = "quiet";
    words = "connecting";
  } else if (connection === "lost") {
    tone = "bad";
    words = "studio not reachable, trying again";
  } else if (stale) {
    tone = "warn";
    words = `model broken, serving ${name || "nothing yet"}`;
  }
  return (
    <span className={`studio-chip studio-chip-${tone}`} role="status">
      <span className="studio-dot" aria-hidden="true" />
      {words}
    </span>
  );
}

function StaleBanner() {
  const { revision, stale } = useStore(live);
  if (!stale) return null;
  const served = revision === null ? "nothing yet" : `r${revision}`;
  const broken = stale.revision === null ? "The model" : `The model (r${stale.revision})`;
  return (
    <div className="studio-banner" role="alert" data-testid="stale-banner">
      <strong>{broken} is broken</strong>, serving {served}.{" "}
      {stale.problems > 0 && `${plural(stale.problems, "problem")} in the terminal's Problems pane.`}
    </div>
  );
}

/** Reads the schema again when the stream says that it may have changed. Draws nothing. */
function SchemaSync() {
  const { introspect } = useGraphiQLActions();
  const fetchError = useGraphiQL((state) => state.fetchError);
  const { schemaEpoch, connection } = useStore(live);
  const seen = useRef(schemaEpoch);

  useEffect(() => {
    if (seen.current === schemaEpoch) return;
    seen.current = schemaEpoch;
    void introspect();
  }, [schemaEpoch, introspect]);

  // Without a stream, coming back to the tab is the moment the model may have changed.
  useEffect(() => {
    if (connection !== "off") return;
    const onFocus = () => void introspect();
    window.addEventListener("focus", onFocus);
    return () => window.removeEventListener("focus", onFocus);
  }, [connection, introspect]);

  return fetchError ? (
    <span className="studio-schema-error" role="status" title={fetchError}>
      schema not loaded
    </span>
  ) : null;
}

/** One line under the result: what the last request cost. */
function LastRequest() {
  const { traces } = useStore(live);
  const { setVisiblePlugin } = useGraphiQLActions();
  const last = traces.find((trace) => trace.kind !== "introspection");
  if (!last) return null;
  return (
    <button
      type="button"
      className="studio-last"
      title="Show it in Traces"
      onClick={() => setVisiblePlugin(TRACES_PLUGIN)}
    >
      <b>{last.operation || "request"}</b> {milliseconds(last.ms)}
      <span aria-hidden="true"> · </span>
      {last.error !== null
        ? last.denied
          ? "denied"
          : "failed"
        : `${plural(last.statements.length, "statement")} · ${plural(last.rows, "row")}`}
    </button>
  );
}
