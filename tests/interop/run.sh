#!/usr/bin/env bash
# Runs real m-ld clones through the gateway: all scenarios, or with --short a few of them in under a minute.
#
# GATEWAY_BIN           the gateway to run; otherwise the debug build, which is brought up to date first
# GATEWAY_UNDER_TEST    "reference": the same scripts against a minimal gateway in JavaScript
set -eu
cd "$(dirname "$0")"

limit=2100
files='test/*.test.mjs'
case "${1-}" in
  '') export INTEROP=full ;;
  --short)
    export INTEROP=short
    limit=300
    files='test/authentication.test.mjs test/converge.test.mjs test/hosted.test.mjs test/native.test.mjs test/poison.test.mjs test/reconnect.test.mjs test/signatures.test.mjs' ;;
  *)
    echo "usage: $0 [--short]" >&2
    exit 64 ;;
esac

# npm leaves this file behind when it is done
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
if [ "${GATEWAY_UNDER_TEST-}" != reference ] && [ -z "${GATEWAY_BIN-}" ]; then
  cargo build --quiet --locked --package meldgate --bin meldgate
fi

# shellcheck disable=SC2086 # a list of files
exec timeout --kill-after=10 "$limit" node --test --test-timeout=600000 --test-concurrency=1 --test-reporter=spec $files
