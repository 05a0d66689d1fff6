// Start of the page: read the configuration, then show GraphiQL inside the studio's frame.

import "./workers";

import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "@graphiql/plugin-explorer/style.css";
import "graphiql/graphiql.css";
import "./studio.css";

import { createRoot } from "react-dom/client";
import { App } from "./app";
import { type Config, loadConfig } from "./config";
import { follow, live } from "./live";
import { loadPersonas, personaChanged } from "./persona";

const root = createRoot(document.getElementById("root")!);

function begin(config: Config) {
  document.title = `${config.title} · GraphiQL`;
  if (config.personaPath) void loadPersonas(config.personaPath);
  live.set({ revision: config.revision });
  if (config.liveUpdate && config.eventsPath) {
    follow(config.eventsPath, { onPersona: personaChanged });
  }
  root.render(<App config={config} />);
}

function Failure({ reason, retry }: { reason: string; retry: () => void }) {
  return (
    <div className="studio-boot" role="alert">
      <h1>The playground could not start</h1>
      <p>{reason}</p>
      <p>Is the studio still running? Its terminal shows the address it listens on.</p>
      <button type="button" className="studio-button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

async function start() {
  try {
    begin(await loadConfig());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    root.render(<Failure reason={reason} retry={() => void start()} />);
  }
}

void start();
