#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of pwshw and of the host behind it: first the wrapper, and the Pester stand-in's own counts, without using
# either to judge itself; then the core commands, as Pester tests that hold for the real pwsh too.
# Ends with "N passed, N failed, N skipped"; exit code 1 when one failed.
set -u
here=$(cd -- "$(dirname -- "$0")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)
pwshw=$root/pwshw
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
passed=0 failed=0 skipped=0

ok() {
  passed=$((passed + 1))
  echo "ok $((passed + failed)) - $1"
}

not_ok() {
  failed=$((failed + 1))
  echo "not ok $((passed + failed)) - $1"
  shift
  printf '  # %s\n' "$@"
}

# check <name> <exit code> <expected standard output> <command ...>
check() {
  name=$1 code=$2 expected=$3
  shift 3
  actual=$("$@" 2>"$work/err")
  got=$?
  if [ "$got" = "$code" ] && [ "$actual" = "$expected" ]; then
    ok "$name"
  else
    not_ok "$name" "exit code $got, expected $code" "output: $actual" "expected: $expected" "errors: $(head -c 400 "$work/err")"
  fi
}

for part in "$here"/wrapper.sh "$here"/standin.sh "$here"/prompt.sh; do
  . "$part"
done

"$pwshw" -NoProfile -File "$here/Invoke-HostTests.ps1" -Path "$here" -CountFile "$work/counts" || :
if [ -f "$work/counts" ]; then
  read -r p f s <"$work/counts"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
else
  not_ok 'the core commands tests ran to their end'
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
