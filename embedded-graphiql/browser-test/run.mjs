// Opens the playground of a running studio in a real browser and uses it.
//
//   node run.mjs --url http://127.0.0.1:9876 [--path /playground] [--persona anna]
//                [--model project/src/index.exo] [--screenshot out.png]
//                [--chromium /path/to/chromium] [--timeout 60]
//
// With --probe it only looks for the browser and installs its driver.
// With --model the file is changed and broken while the page is open, and put back as it was.
//
// Exit code 0: everything holds; 1: something does not; 2: wrong usage; 77: skipped, because no
// browser was found (with EXO_REQUIRE_BROWSER=1 that is a failure).

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PASSED = 0;
const FAILED = 1;
const USAGE = 2;
const SKIPPED = 77;

const CANDIDATES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

let options;
try {
  options = parseArgs({
    options: {
      url: { type: "string" },
      path: { type: "string", default: "/playground" },
      persona: { type: "string" },
      model: { type: "string" },
      probe: { type: "boolean", default: false },
      screenshot: { type: "string" },
      chromium: { type: "string", default: process.env.EXO_CHROMIUM },
      timeout: { type: "string", default: "60" },
    },
  }).values;
  if (!options.url && !options.probe) throw new Error("--url is required, such as --url http://127.0.0.1:9876");
  if (!(Number(options.timeout) > 0)) throw new Error("--timeout is a number of seconds");
} catch (error) {
  console.error(error.message);
  process.exit(USAGE);
}

function skip(reason) {
  if (process.env.EXO_REQUIRE_BROWSER === "1") {
    console.error(`failed: ${reason}, and EXO_REQUIRE_BROWSER=1 demands a browser`);
    process.exit(FAILED);
  }
  console.log(`skipped: ${reason}`);
  process.exit(SKIPPED);
}

/** Full path of the first browser that answers. */
function findBrowser() {
  const names = options.chromium ? [options.chromium] : CANDIDATES;
  const dirs = (process.env.PATH ?? "").split(path.delimiter);
  const files = names.flatMap((name) => (name.includes(path.sep) ? [name] : dirs.map((dir) => path.join(dir, name))));
  return files.find(
    (file) => existsSync(file) && spawnSync(file, ["--version"], { stdio: "ignore", timeout: 30_000 }).status === 0,
  );
}

/** The driver; installed beside this script from its lock file when it is not there yet. */
async function loadPlaywright() {
  const here = path.dirname(fileURLToPath(import.meta.url));
  if (!existsSync(path.join(here, "node_modules/playwright-core/package.json"))) {
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    const done = spawnSync(npm, install, { cwd: here, encoding: "utf8", timeout: 300_000 });
    if (done.status !== 0) skip(`playwright-core could not be installed: ${done.error ?? done.stderr}`);
  }
  return (await import("playwright-core")).chromium;
}

const executable = findBrowser();
if (!executable) skip(`no Chromium was found (${options.chromium ?? CANDIDATES.join(", ")})`);
const chromium = await loadPlaywright();
if (options.probe) {
  console.log(executable);
  process.exit(PASSED);
}

const limit = Number(options.timeout) * 1000;
const profile = await mkdtemp(path.join(os.tmpdir(), "exo-browser-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: executable,
  headless: true,
  viewport: { width: 1360, height: 860 },
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
context.setDefaultTimeout(limit);

const page = context.pages()[0] ?? (await context.newPage());
const origin = new URL(options.url).origin;
const complaints = [];
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(`console: ${message.text()}`);
});
page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
context.on("request", (request) => {
  const url = request.url();
  const own = url.startsWith(`${origin}/`) || /^(data|blob|about):/.test(url);
  if (!own) complaints.push(`request to another origin: ${url}`);
});

let steps = 0;
async function step(name, action) {
  try {
    await action();
    steps += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    console.log(`FAIL ${name}`);
    throw error;
  }
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** A promise that may be left alone when a step fails before it is awaited. */
function expected(promise) {
  promise.catch(() => {});
  return promise;
}

const editorText = () =>
  page.locator(".graphiql-query-editor .view-lines").first().innerText().then((text) => text.replaceAll("\u00a0", " "));
const resultText = () =>
  page.locator(".result-window .view-lines").first().innerText().then((text) => text.replaceAll("\u00a0", " "));

async function until(what, probe) {
  const end = Date.now() + limit;
  let last;
  while (Date.now() < end) {
    last = await probe().catch((error) => error.message);
    if (last === true) return;
    await page.waitForTimeout(50);
  }
  throw new Error(`${what} (last seen: ${JSON.stringify(last)})`);
}

/** Replaces the text of the query editor by pasting; typing would fight the auto-closing brackets. */
async function write(text) {
  await page.locator(".graphiql-query-editor .monaco-editor").first().click();
  await page.keyboard.press("Control+A");
  await page.evaluate((pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", pasted);
    document.activeElement.dispatchEvent(
      new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }),
    );
  }, text);
  await until(`the editor does not hold ${text}`, async () => {
    const held = (await editorText()).trim();
    return held === text.trim() || held;
  });
}

/** Chooses a persona in the panel of the title bar. */
async function choose(name) {
  const button = page.locator('[data-testid="persona-button"]');
  await button.click();
  const choice = page.locator(".studio-panel").getByRole("radio", { name, exact: true });
  await choice.click();
  await until(`${name} is not chosen`, () => choice.isChecked());
  await until(`${name} is not shown`, async () => (await button.innerText()).includes(name));
  await page.keyboard.press("Escape");
}

async function run() {
  await page.locator("button.graphiql-execute-button").click();
}

async function requestOf(action) {
  const pending = expected(
    page.waitForRequest(
      (request) =>
        request.method() === "POST" &&
        request.headers()["_exo_playground"] === "true" &&
        !/IntrospectionQuery/.test(request.postData() ?? ""),
    ),
  );
  await action();
  return pending;
}

let failure = null;
try {
  await step("the page loads and the schema is read", async () => {
    const introspection = expected(
      page.waitForResponse(
        (response) => /IntrospectionQuery/.test(response.request().postData() ?? "") && response.ok(),
      ),
    );
    await page.goto(`${origin}${options.path}`, { waitUntil: "domcontentloaded" });
    const answer = await (await introspection).json();
    check(answer.data?.__schema?.queryType?.name === "Query", `introspection: ${JSON.stringify(answer).slice(0, 300)}`);
    await page.locator(".graphiql-query-editor .monaco-editor").first().waitFor();
    check((await page.locator(".studio-title").innerText()).trim() !== "", "no project name in the title bar");
  });

  await step("a first query is filled in", () =>
    until("no query in the editor", async () => {
      const text = await editorText();
      return /\{[^]*\}/.test(text.replace(/^\s*#.*$/gm, "")) || text;
    }),
  );

  await step("the first query runs and returns data", async () => {
    // The play button is disabled until the editor has parsed its text.
    await run();
    await until("no data in the result", async () => {
      const text = await resultText();
      return (/"data"/.test(text) && !/"errors"/.test(text)) || text;
    });
  });

  await step("docs show the schema", async () => {
    await page.locator('button[aria-label*="Documentation Explorer"]').first().click();
    await until("no root type in the docs", async () => {
      const text = await page.locator(".graphiql-plugin").innerText();
      return /Query/.test(text) || text;
    });
  });

  await step("the explorer lists the fields of Query", async () => {
    await page.locator('button[aria-label*="GraphiQL Explorer"]').first().click();
    await until("no field in the explorer", async () => (await page.locator(".graphiql-explorer-root [data-arg-name], .graphiql-explorer-root .graphiql-explorer-node").count()) > 0);
  });

  await step("completion knows the schema", async () => {
    const field = await page.evaluate(async () => {
      const config = await (await fetch(new URL("config.json", document.baseURI))).json();
      const response = await fetch(config.graphqlPath, {
        method: "POST",
        headers: { "content-type": "application/json", _exo_playground: "true" },
        body: JSON.stringify({ query: "{ __schema { queryType { fields { name } } } }" }),
      });
      return (await response.json()).data.__schema.queryType.fields[0].name;
    });
    await write("{  }");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Control+Space");
    await until(`${field} is not suggested`, async () => {
      const text = await page.locator(".suggest-widget").first().innerText();
      return text.includes(field) || text;
    });
    await page.keyboard.press("Escape");
  });

  await step("traces show the SQL of the request", async () => {
    await page.locator('button[aria-label*="Traces"]').first().click();
    const first = page.locator('[data-testid="trace"]').first();
    await first.click();
    await until("no SQL in the trace", async () => {
      const text = await page.locator(".studio-traces").innerText();
      return /select/i.test(text) || text;
    });
  });

  if (options.persona) {
    await step(`persona ${options.persona} signs requests`, async () => {
      await choose("anonymous");
      await write("{ __typename }");
      const before = await requestOf(run);
      check(!before.headers().authorization, "an anonymous request carries a token");
      await choose(options.persona);
      const after = await requestOf(run);
      check(/^Bearer \S+$/.test(after.headers().authorization ?? ""), "the request carries no token");
      await until("no answer", async () => /__typename/.test(await resultText()));
    });
  }

  if (options.model) {
    const original = await readFile(options.model, "utf8");
    const changed = original.replace(/^(\s*)@pk .*$/m, "$&\n$1browserNote: String?");
    try {
      await step("a saved change reaches the open page", async () => {
        check(changed !== original, `${options.model} has no @pk line to add a field after`);
        const introspection = expected(
          page.waitForResponse(async (response) => {
            if (!/IntrospectionQuery/.test(response.request().postData() ?? "")) return false;
            return (await response.text()).includes("browserNote");
          }),
        );
        await writeFile(options.model, changed);
        await introspection;
      });

      await step("a broken model shows a banner, and the API goes on answering", async () => {
        const banner = page.locator('[data-testid="stale-banner"]');
        await writeFile(options.model, `${changed}\n}\n`);
        await banner.waitFor();
        check(/broken/.test(await banner.innerText()), "the banner does not say that the model is broken");
        await write("{ answering: __typename }");
        await run();
        await until("no answer while the model is broken", async () => {
          const text = await resultText();
          return (/"answering": "Query"/.test(text) && !/"errors"/.test(text)) || text;
        });
        await writeFile(options.model, original);
        await banner.waitFor({ state: "hidden" });
      });
    } finally {
      await writeFile(options.model, original);
    }
  }

  await step("no console error, no request to another origin", async () => {
    check(complaints.length === 0, complaints.join("\n"));
  });
} catch (error) {
  failure = error;
}

if (options.screenshot) await page.screenshot({ path: options.screenshot }).catch(() => {});
await context.close().catch(() => {});
await rm(profile, { recursive: true, force: true }).catch(() => {});

if (failure) {
  console.error(failure.message);
  for (const complaint of complaints) console.error(complaint);
  process.exit(FAILED);
}
console.log(`${steps} steps passed`);
process.exit(PASSED);
