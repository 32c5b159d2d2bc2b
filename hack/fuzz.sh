#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after another,
# and says of each how many inputs were tried. Fails if one found anything; the
# input is then in the package's testdata/fuzz and fails in every go test.
set -uo pipefail
time=${1:-30s}
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
found=0
for pkg in $(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u); do
  for target in $(grep -h '^func Fuzz' "$pkg"/*_test.go | sed 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/'); do
    # Minimizing is bounded: of a large input it would take a minute each.
    go test "./$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x >"$log" 2>&1
    status=$?
    execs=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$log" | tail -1)
    fresh=$(sed -n 's/.*new interesting: \([0-9]*\).*/\1/p' "$log" | tail -1)
    verdict=ok
    if [ "${execs:-0}" -eq 0 ]; then
      verdict='ok, but the time was up before the inputs of earlier runs were through'
    fi
    if [ $status -ne 0 ]; then
      verdict=FAILED found=1
    fi
    printf '%-22s %-18s %9s inputs, %4s new paths  %s\n' "$pkg" "$target" "${execs:-0}" "${fresh:-0}" "$verdict"
    [ $status -eq 0 ] || cat "$log"
  done
done
exit $found
