// Monaco's language services run in workers; this tells it where their files are.

declare const __WORKERS__: Record<string, string>;

(globalThis as { MonacoEnvironment?: unknown }).MonacoEnvironment = {
  getWorker(_id: string, label: string): Worker {
    const file = __WORKERS__[label] ?? __WORKERS__.editorWorkerService;
    return new Worker(new URL(`./${file}`, import.meta.url), { type: "module", name: label });
  },
};
