#!/usr/bin/env bash
# Runs real m-ld clones through the gateway: all scenarios, or with --short a few of them in about a minute.
#
#   endurance [seconds] [seed]   instead: ten clones of both engines, while everything fails that can; an hour
#   crash [rounds]               instead: native clones are killed while they write, so many times with each engine
#
# GATEWAY_BIN           the gateway to run; otherwise the debug build, which is brought up to date first
# GATEWAY_UNDER_TEST    "reference": the same scripts against a minimal gateway in JavaScript
set -eu
cd "$(dirname "$0")"

usage() {
  echo "usage: $0 [--short | endurance [seconds] [seed] | crash [rounds]]" >&2
  exit 64
}

limit=2400
each=600
files='test/*.test.mjs'
names='.'
case "${1-}" in
  '') export INTEROP=full ;;
  --short)
    export INTEROP=short
    limit=300
    files='test/agreements.test.mjs test/authentication.test.mjs test/browser.test.mjs test/converge.test.mjs test/hosted.test.mjs test/native.test.mjs test/own.test.mjs test/poison.test.mjs test/reconnect.test.mjs test/requests.test.mjs test/signatures.test.mjs' ;;
  endurance) ;;
  crash)
    export INTEROP=full INTEROP_CRASH_ROUNDS="${2:-200}"
    case "$INTEROP_CRASH_ROUNDS" in *[!0-9]*) usage ;; esac
    each=$((300 + 5 * INTEROP_CRASH_ROUNDS))
    limit=$((3 * each))
    files='test/native.test.mjs'
    names='killed while it writes' ;;
  *) usage ;;
esac

# npm leaves this file behind when it is done
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
if [ "${GATEWAY_UNDER_TEST-}" != reference ] && [ -z "${GATEWAY_BIN-}" ]; then
  cargo build --quiet --locked --package meldgate --bin meldgate
fi

if [ "${1-}" = endurance ]; then
  shift
  # It ends by itself; this is for when it does not.
  exec timeout --kill-after=10 $((${1:-3600} + 1800)) node endurance/run.mjs "$@"
fi
# shellcheck disable=SC2086 # a list of files
exec timeout --kill-after=10 "$limit" node --test --test-timeout=$((each * 1000)) --test-concurrency=1 \
  --test-name-pattern="$names" --test-reporter=spec $files
