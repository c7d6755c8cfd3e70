#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a kernel with checks knows after tests, see docs/testing.md: inspect.sh [COVERAGE FOLDER]
#
# Copies the counters of the lines that were run, looks for memory that nobody points
# to any more, and whether races were looked for. The module is loaded. Exit code 1: it
# has lost memory, or a check was off. On a kernel without these checks it does nothing.

set -u

leaks=/sys/kernel/debug/kmemleak
counters=/sys/kernel/debug/gcov
races=/sys/kernel/debug/kcsan

# A name of the module, or of one that has been unloaded: then it was this one, or scsi_debug.
ours='\[blksnap\]|\] 0xffffffff[c-f]'

if [ -n "${1:-}" ] && [ -d "$counters" ]; then
  (cd "$counters" && find . -name '*.gcda' -path '*/src/*') | while read -r file; do
    cat "$counters/$file" >"$1/$(basename "$file")"
  done
fi

# Races are told of in the kernel's log.
if [ -e "$races" ]; then
  looked=$(awk '/^enabled: 1/ { on = 1 } /^setup_watchpoints:/ { n = $2 } END { print on ? n : 0 }' "$races")
  echo "# KCSAN: looked at $looked accesses"
  if [ "$looked" -eq 0 ]; then
    exit 1
  fi
fi

if [ -e "$leaks" ]; then
  # An object counts when it was not found twice; what is about to be freed is gone by then.
  if ! { echo scan >"$leaks" && sleep 6 && echo scan >"$leaks"; }; then
    # It gives up for good when it gets no memory itself.
    echo "# kmemleak is off: nothing was looked for"
    exit 1
  fi
  all=$(cat "$leaks")
  lost=$(awk -v ours="$ours" '
    /^unreferenced object/ { if (text ~ ours) print text; text = "" }
    { text = text $0 "\n" }
    END { if (text ~ ours) print text }' <<<"$all")
  echo "# kmemleak: $(grep -c '^unreferenced object' <<<"$all") objects, $(grep -c '^unreferenced object' <<<"$lost") of them by the module"
fi

if [ -n "${lost:-}" ]; then
  head -n 60 <<<"$lost" | sed 's/^/# /'
  exit 1
fi
