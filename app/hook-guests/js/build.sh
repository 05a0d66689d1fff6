#!/bin/sh
# Builds hook.wasm with npm. Hooks are synchronous: nobody waits for a promise.
set -eu
cd "$(dirname "$0")"
[ -d node_modules ] || npm install --no-audit --no-fund
npm run --silent build
