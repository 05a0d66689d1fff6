// Several projects are served from one origin over time (localhost:9876), so what GraphiQL keeps
// in the browser is filed under the project's name.

export function projectStorage(project: string): Storage {
  const backing = browserStorage();
  const prefix = `exo-studio:${project}:`;
  const keys = () => backing.keys().filter((key) => key.startsWith(prefix));
  return {
    getItem: (key) => backing.get(prefix + key),
    setItem: (key, value) => backing.set(prefix + key, value),
    removeItem: (key) => backing.remove(prefix + key),
    clear: () => keys().forEach((key) => backing.remove(key)),
    key: (index) => keys()[index]?.slice(prefix.length) ?? null,
    get length() {
      return keys().length;
    },
  };
}

/** The browser's storage, or, where that is switched off, memory that ends with the page. */
function browserStorage() {
  try {
    const storage = window.localStorage;
    return {
      get: (key: string) => storage.getItem(key),
      set: (key: string, value: string) => storage.setItem(key, value),
      remove: (key: string) => storage.removeItem(key),
      keys: () => Object.keys(storage),
    };
  } catch {
    const memory = new Map<string, string>();
    return {
      get: (key: string) => memory.get(key) ?? null,
      set: (key: string, value: string) => void memory.set(key, value),
      remove: (key: string) => void memory.delete(key),
      keys: () => [...memory.keys()],
    };
  }
}
