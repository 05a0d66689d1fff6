#!/bin/sh
# Builds hook.wasm with componentize-py (pip install componentize-py==0.25.1).
set -eu
cd "$(dirname "$0")"
componentize-py -d wit -w app componentize --stub-wasi app -o hook.wasm
