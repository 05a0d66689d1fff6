// Choosing who requests are signed as: a labelled button in the title bar, a key in the toolbar of
// the editor, and the panel that both open.

import { ToolbarButton } from "@graphiql/react";
import { useState } from "react";
import { choosePersona, personas } from "./persona";
import { useStore } from "./store";

const PANEL = "studio-personas";

function KeyIcon(props: { className?: string }) {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true" {...props}>
      <circle cx="5" cy="11" r="3" />
      <path d="M7.2 8.8 14 2m-3.2 3.2 2.2 2.2M9.2 6.8l1.6 1.6" strokeLinecap="round" />
    </svg>
  );
}

const label = (active: string | null) =>
  active ? `Signed in as ${active}. Change persona` : "Anonymous. Choose a persona";

export function PersonaButton() {
  const { available, active } = useStore(personas);
  if (!available) return null;
  return (
    <>
      <button
        type="button"
        className={`studio-button studio-persona ${active ? "studio-persona-on" : ""}`}
        popoverTarget={PANEL}
        aria-label={label(active)}
        data-testid="persona-button"
      >
        <KeyIcon />
        <span>{active ?? "anonymous"}</span>
      </button>
      <PersonaPanel />
    </>
  );
}

/** The same panel from the column of tools beside the editor. */
export function PersonaKey() {
  const { available, active } = useStore(personas);
  if (!available) return null;
  return (
    <ToolbarButton
      label={label(active)}
      className={active ? "studio-key-on" : undefined}
      popoverTarget={PANEL}
    >
      <KeyIcon className="graphiql-toolbar-icon" />
    </ToolbarButton>
  );
}

function PersonaPanel() {
  const { active, all, error } = useStore(personas);
  const [busy, setBusy] = useState(false);
  const chosen = all.find((persona) => persona.name === active);
  const choose = async (name: string | null) => {
    setBusy(true);
    await choosePersona(name);
    setBusy(false);
  };
  return (
    <div id={PANEL} popover="auto" className="studio-panel" role="dialog" aria-label="Persona">
      <fieldset disabled={busy}>
        <legend>Send requests as</legend>
        {[null, ...all.map((persona) => persona.name)].map((name) => (
          <label key={name ?? ""} className="studio-choice">
            <input
              type="radio"
              name="persona"
              checked={active === name}
              onChange={() => void choose(name)}
            />
            <span>{name ?? "anonymous"}</span>
          </label>
        ))}
      </fieldset>
      {all.length === 0 && (
        <p className="studio-hint">
          No personas yet. Add a table <code>[personas.anna]</code> with <code>claims</code> to{" "}
          <code>exo.toml</code>.
        </p>
      )}
      {error && (
        <p className="studio-error" role="alert">
          {error}
        </p>
      )}
      {chosen && (
        <>
          <h2>Claims</h2>
          <pre data-testid="persona-claims">{JSON.stringify(chosen.claims, null, 2)}</pre>
        </>
      )}
      <p className="studio-hint">The studio signs a short-lived token; no secret is kept in this page.</p>
    </div>
  );
}
