#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after another.
set -euo pipefail
time=${1:-30s}
cd "$(dirname "$0")/.."
grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u | while read -r pkg; do
  for target in $(grep -h '^func Fuzz' "$pkg"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do
    echo "== $pkg $target"
    go test "./$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
  done
done
