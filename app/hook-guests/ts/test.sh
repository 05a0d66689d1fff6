#!/bin/sh
# Calls the built hook by hand: one request that passes, one that is refused.
set -eu
cd "$(dirname "$0")"
studio=${EXO_STUDIO_BIN:-exo-studio}
"$studio" hook call hook.wasm gateway.on-request --json '{}' | grep -q '"ok":null'
"$studio" hook call hook.wasm gateway.on-request --json '{"headers":{"x-blocked":"1"}}' | grep -q '"status":403'
"$studio" hook call hook.wasm gateway.on-response --json '{}' | grep -q '"x-hook","{{name}}"'
echo "the hook works"
