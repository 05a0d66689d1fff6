#!/usr/bin/env node
// As much of `deno` as our worker needs, on `node`: for machines without the real one.
const { writeSync } = require("node:fs");
globalThis.Deno = {
  stdin: { readable: require("node:stream").Readable.toWeb(process.stdin) },
  stdout: { writeSync: (bytes) => writeSync(1, bytes) },
  inspect: require("node:util").inspect,
  env: { get: (name) => process.env[name] },
};
globalThis.addEventListener ??= (name, listener) => {
  if (name === "unhandledrejection") process.on("unhandledRejection", (reason) => listener({ reason, preventDefault() {} }));
};
import(process.argv.at(-1));
