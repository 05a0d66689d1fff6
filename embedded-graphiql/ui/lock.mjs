// Renews a lock file after package.json changed, and keeps it free of addresses:
//
//   node lock.mjs [folder]

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const folder = path.resolve(process.argv[2] ?? ".");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";
const done = spawnSync(npm, ["install", "--package-lock-only", "--ignore-scripts"], { cwd: folder, stdio: "inherit" });
if (done.status !== 0) process.exit(done.status ?? 1);

const file = path.join(folder, "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
  delete entry.resolved;
}
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
