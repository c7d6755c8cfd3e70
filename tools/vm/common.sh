# SPDX-License-Identifier: MIT
# Sourced by the scripts of this folder: messages, folders, missing packages.

set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${BLKSNAP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/blksnapps}
supported_kernels=(6.1 6.12)
# Built here with checks that cost time, see build-kernel: they say more than they are like a kernel that people run.
checking_kernels=(debug kcsan)

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

check_kernel_name() {
  local k
  for k in "${supported_kernels[@]}" "${checking_kernels[@]}"; do [[ $k == "$1" ]] && return; done
  die "kernel '$1' is not supported: choose one of ${supported_kernels[*]} ${checking_kernels[*]}."
}

is_checking_kernel() {
  [[ " ${checking_kernels[*]} " == *" $1 "* ]]
}

# need_packages COMMAND=PACKAGE... installs the packages whose command (or file, by its full path) is missing.
need_packages() {
  local pair missing=()
  for pair; do
    [[ -e ${pair%%=*} && $pair == /* ]] || PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null ||
    die "apt-get is not on this machine: install ${missing[*]} with your own package manager, then run this again."
  ((EUID == 0)) || die "${missing[*]} must be installed: run this as root, or run 'apt-get install ${missing[*]}' first."
  say "Installing with apt: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! apt_install "${missing[@]}" >"$log" 2>&1; then
    # Package lists that are old or absent are the usual reason.
    { apt-get update -q && apt_install "${missing[@]}"; } >>"$log" 2>&1 ||
      { tail -n 20 "$log" >&2; rm -f "$log"; die "apt-get could not install ${missing[*]} (its last lines are above)."; }
  fi
  rm -f "$log"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
