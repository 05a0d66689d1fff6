// Bundles the playground page.
//
//   node build.mjs <dist>            bundle into <dist> and add a .gz beside every file
//   node build.mjs <dist> --brotli   add a .br beside every file of a finished <dist>
//
// The build script of the Rust crate calls both; nothing here touches the network.

import { build } from "esbuild";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import zlib from "node:zlib";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.resolve(process.argv[2] ?? path.join(here, "dist"));

// Monaco looks for a worker by the label of the language it serves.
const WORKERS = {
  graphql: "monaco-graphql/esm/graphql.worker.js",
  json: "monaco-editor/esm/vs/language/json/json.worker.js",
  editorWorkerService: "monaco-editor/esm/vs/editor/editor.worker.js",
};

const common = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  minify: true,
  target: ["es2022"],
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  outdir: path.join(dist, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  jsx: "automatic",
  loader: { ".ttf": "file", ".svg": "file" },
  define: { "process.env.NODE_ENV": '"production"' },
};

/** Name of the output that an entry point became, relative to `assets/`. */
function outputOf(metafile, entry, extension = ".js") {
  for (const [file, output] of Object.entries(metafile.outputs)) {
    if (!output.entryPoint?.endsWith(entry)) continue;
    const wanted = extension === ".js" ? file : output.cssBundle;
    if (wanted) return path.basename(wanted);
  }
  throw new Error(`no ${extension} output for ${entry}`);
}

async function bundle() {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });

  const workers = await build({
    ...common,
    entryPoints: Object.values(WORKERS),
    entryNames: "[name]-[hash]",
  });
  const names = Object.fromEntries(
    Object.entries(WORKERS).map(([label, entry]) => [label, outputOf(workers.metafile, entry)]),
  );

  const page = await build({
    ...common,
    entryPoints: ["src/main.tsx"],
    splitting: true,
    define: { ...common.define, __WORKERS__: JSON.stringify(names) },
  });

  // The page's style sheet holds every rule; those of lazily loaded parts are repeats of it that
  // nothing links to.
  const style = outputOf(page.metafile, "src/main.tsx", ".css");
  for (const file of Object.keys(page.metafile.outputs)) {
    const name = path.basename(file);
    if (name.endsWith(".css") && name !== style) await rm(path.join(dist, "assets", name));
  }

  const icon = `icon-${hashOf(await readFile(path.join(here, "src/icon.svg")))}.svg`;
  await writeFile(path.join(dist, "assets", icon), await readFile(path.join(here, "src/icon.svg")));

  const html = (await readFile(path.join(here, "src/index.html"), "utf8"))
    .replace("%SCRIPT%", `assets/${outputOf(page.metafile, "src/main.tsx")}`)
    .replace("%STYLE%", `assets/${style}`)
    .replace("%ICON%", `assets/${icon}`);
  await writeFile(path.join(dist, "index.html"), html);
}

/** A short, stable name for the content of a file: 64-bit FNV-1a in base 36. */
function hashOf(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash.toString(36).toUpperCase().slice(0, 8);
}

async function files(directory) {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && !/\.(gz|br)$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}

async function compress(extension, encode) {
  for (const file of await files(dist)) {
    const bytes = await readFile(file);
    const packed = encode(bytes);
    // A file that does not shrink is served as it is.
    if (packed.length < bytes.length) await writeFile(`${file}.${extension}`, packed);
  }
}

if (process.argv.includes("--brotli")) {
  await compress("br", (bytes) =>
    zlib.brotliCompressSync(bytes, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  );
} else {
  await bundle();
  await compress("gz", (bytes) => zlib.gzipSync(bytes, { level: 9 }));
}
