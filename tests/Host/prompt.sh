# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Read by run.sh: the prompt of the host, typed at in a terminal (tmux).

# shows <name> <text>: waits until the terminal shows a text; the limit only ends a hang.
shows() {
  tries=0
  while [ "$tries" -lt 600 ]; do
    screen=$(tmux -L "$terminal" capture-pane -p -t prompt 2>/dev/null)
    case $screen in *"$2"*)
      ok "$1"
      return 0
      ;;
    esac
    tries=$((tries + 1))
    sleep 0.1
  done
  not_ok "$1" "not shown: $2" "$(printf '%s' "$screen" | sed '/^$/d')"
  return 1
}

# The same without a result of its own: something to type after.
ready() {
  tries=0
  until tmux -L "$terminal" capture-pane -p -t prompt 2>/dev/null | sed '/^ *$/d' | tail -n 1 | grep -q "$1\$"; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || return 1
    sleep 0.1
  done
}

keys() { tmux -L "$terminal" send-keys -t prompt "$@"; }

# A typed line, and Enter.
enter() {
  keys -l "$1"
  keys Enter
}

open_prompt() {
  tmux -L "$terminal" -f /dev/null new-session -d -s prompt -x 100 -y 40 \
    "cd '$work' && env HOME='$work/home' XDG_DATA_HOME='$work/home/data' BLKSNAP_PWSH=own '$pwshw' -NoLogo -NoProfile"
  ready 'PS .*> *'
}

if command -v tmux >/dev/null; then
  terminal=blksnapps-$$
  mkdir -p "$work/home"
  open_prompt
  enter '40 + 2'
  shows 'the prompt: a statement runs' '
42'
  enter "foreach (\$i in 1..3) {"
  ready '>> *'
  enter "  \"row \$(\$i * 11)\""
  enter '}'
  shows 'the prompt: a statement goes over several lines' 'row 33'
  keys -l 'Get-Loca'
  keys Tab
  shows 'the prompt: Tab completes' 'Get-Location'
  keys C-c
  ready 'PS .*> *'
  enter 'Start-Sleep 100000'
  sleep 1
  keys C-c
  enter "'after ' + 'the break'"
  shows 'the prompt: Ctrl+C ends what runs, and only that' 'after the break'
  enter "Write-Progress -Activity ('Copy' + 'ing') -Status 'of 9' -PercentComplete 40; Start-Sleep 100000"
  shows 'the prompt: progress is shown' 'Copying'
  keys C-c
  ready 'PS .*> *'
  enter "'kept ' + 'for later'"
  shows 'the prompt: before it ends' 'kept for later'
  enter 'exit'
  tries=0
  while tmux -L "$terminal" has-session -t prompt 2>/dev/null && [ "$tries" -lt 300 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  open_prompt
  keys Up
  keys Up
  shows 'the prompt: history of the session before' "'kept ' + 'for later'"
  keys Enter
  shows 'the prompt: a line of the history runs again' '
kept for later'
  case $(stat -c %a "$work/home/data/powershell/PwshHost/history.txt") in
    600) ok 'the history is for its owner only' ;;
    *) not_ok 'the history is for its owner only' "$(ls -l "$work/home/data/powershell/PwshHost")" ;;
  esac
  tmux -L "$terminal" kill-server 2>/dev/null
else
  skipped=$((skipped + 1))
  echo "ok $((passed + failed + 1)) - the prompt # SKIP there is no tmux"
fi
