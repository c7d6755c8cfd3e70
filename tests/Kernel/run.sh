#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the kernel tests: run.sh BINDIR [PROGRAM...]; run.sh --list names them.
#
# As root, in a machine that may crash. Environment:
#   BLKSNAP_MODULE_KO   the module under test; the programs load and unload it
#   BLKSNAP_TEST_DISKS  empty scratch disks, separated by spaces
#   BLKSNAP_TEST_SEED   another seed for the random numbers
#   BLKSNAP_TEST_LONG   1: many times as many rounds where chance decides
#   BLKSNAP_TEST_SLOW   how many times as long everything may take, on a kernel with checks
#   BLKSNAP_COVERAGE    where such a kernel leaves the counters of the lines that were run
#
# Every line is prefixed with the name of its program; the last one is the total.
# A program that crashes, hangs or ends early is a failure, and so is a complaint
# of the kernel while it ran.

set -u

all=(selftest hook requests answers image writable instant ordered changes trackers overflow
  errors events multi discard copying storage freeze latecomer drain refusals death inject kill crash pressure stacks rings faults shortage switches stress lifecycle)
if [ "${1:-}" = --list ]; then
  printf '%s\n' "${all[@]}"
  exit
fi

bindir=${1:?usage: run.sh BINDIR [PROGRAM...]}
shift
programs=("$@")
if [ ${#programs[@]} -eq 0 ]; then
  programs=("${all[@]}")
fi

# Longer than the limit of any single test, which the programs watch themselves.
silence=240
if [ "${BLKSNAP_TEST_LONG:-0}" != 0 ]; then
  silence=2400
fi
silence=$((silence * ${BLKSNAP_TEST_SLOW:-1}))
complaints='WARNING:|BUG:|Oops|general protection|blocked for more than|UBSAN|KASAN|list_(add|del) corruption|refcount_t:|Call Trace'
complaints+='|ODEBUG|possible (circular|recursive|irq)|inconsistent lock state|suspicious RCU usage|sleeping function'

passed=0 failed=0 skipped=0

fail() {
  failed=$((failed + 1))
  echo "$1: not ok - $2"
}

# These two ask for allocations that fail, and the kernel says so.
asked_for='asked && /vmalloc error|page allocation failure/ { skip = 1 } !skip; /<\/TASK>/ { skip = 0 }'

check_log() {
  local name=$1 found
  found=$(dmesg | awk -v mark="$mark" 'seen; index($0, mark) { seen = 1 }' |
    awk -v asked="$([[ $name == faults || $name == shortage ]] && echo 1)" "$asked_for" |
    grep -E -m 12 "$complaints")
  if [ -n "$found" ]; then
    fail "$name" "the kernel complained"
    while IFS= read -r line; do echo "$name: # $line"; done <<<"$found"
  fi
}

run_program() {
  local name=$1 line plan=0 seen=0 status= input
  if [ ! -x "$bindir/$name" ]; then
    fail "$name" "there is no such program"
    return
  fi
  mark="kernel test $name $RANDOM$RANDOM"
  echo "$mark" >/dev/kmsg
  exec {input}< <("$bindir/$name" 2>&1; echo "exit status $?")
  while IFS= read -r -t "$silence" -u "$input" line; do
    case $line in
      "exit status "*) status=${line#exit status }; break ;;
      1..*) plan=${line#1..} ;;
      "ok "*"# SKIP"*) skipped=$((skipped + 1)); seen=$((seen + 1)) ;;
      "ok "*) passed=$((passed + 1)); seen=$((seen + 1)) ;;
      "not ok "*) failed=$((failed + 1)); seen=$((seen + 1)) ;;
    esac
    echo "$name: $line"
  done
  exec {input}<&-
  if [ -z "$status" ]; then
    fail "$name" "no output for $silence s"
  elif [ "$seen" -ne "$plan" ] || [ "$plan" -eq 0 ]; then
    fail "$name" "ended with $status after $seen of $plan tests"
  elif [ "$status" -gt 1 ]; then
    fail "$name" "ended with $status"
  fi
  check_log "$name"
}

started=$SECONDS
for name in "${programs[@]}"; do
  before=$SECONDS
  run_program "$name"
  echo "$name: # $((SECONDS - before)) s"
done
if ! "$(dirname "$0")/inspect.sh" "${BLKSNAP_COVERAGE:-}"; then
  fail inspect "the module has lost memory, or a check was off"
fi
[ -d /sys/module/blksnap ] && rmmod blksnap 2>/dev/null

echo "kernel tests on $(uname -r): $passed passed, $failed failed, $skipped skipped in $((SECONDS - started)) s"
[ "$failed" -eq 0 ]
