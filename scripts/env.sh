# Sourced by the scripts: goes to the root of the project, says where things are.
#   TARGET  what cargo and the scripts build (a clean checkout loses it)
#   CACHE   what is worth keeping between checkouts: tools, the system that boot-test boots
# shellcheck shell=bash
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
CACHE=$(realpath -m "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/meldgate")
export CARGO_TARGET_DIR=$TARGET CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
export PATH=$CACHE/tools/bin:$PATH:${HOME:-/root}/.cargo/bin

# What the tests ask for that is not Rust.
export TEST_PYTHON=$TARGET/venv/bin/python

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
