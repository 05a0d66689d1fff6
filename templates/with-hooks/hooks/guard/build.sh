#!/bin/sh
# Builds hook.wasm. Any clang that knows wasm32 will do; `pip install ziglang` brings one.
set -eu
cd "$(dirname "$0")"
${CC:-python3 -m ziglang cc} -target wasm32-freestanding -Os -nostdlib -Wl,--no-entry -o hook.wasm hook.c
