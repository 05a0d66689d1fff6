// Several projects are served from one origin over time (localhost:9876), so what GraphiQL keeps
// in the browser is filed under the project's name.

export function projectStorage(project: string): Storage | null {
  let backing: Storage;
  try {
    backing = window.localStorage;
  } catch {
    return null; // Storage is switched off: GraphiQL then keeps nothing.
  }
  const prefix = `exo-studio:${project}:`;
  const keys = () => Object.keys(backing).filter((key) => key.startsWith(prefix));
  return {
    getItem: (key) => backing.getItem(prefix + key),
    setItem: (key, value) => backing.setItem(prefix + key, value),
    removeItem: (key) => backing.removeItem(prefix + key),
    clear: () => keys().forEach((key) => backing.removeItem(key)),
    key: (index) => keys()[index]?.slice(prefix.length) ?? null,
    get length() {
      return keys().length;
    },
  };
}
