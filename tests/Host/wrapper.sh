# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Read by run.sh: pwshw itself, and what pwsh promises about its command line and exit codes.

check 'the host builds or is there' 0 'PowerShell 7.' sh -c '"$1" -Version | cut -c1-13' sh "$pwshw"
check '-Command prints' 0 '2' "$pwshw" -Command '1+1'
check '-c joins its arguments' 0 'a b' "$pwshw" -c Write-Output '"a' 'b"'
check '-Command: exit code of exit' 9 '' "$pwshw" -Command 'exit 9'
check '-Command: 1 when the last statement failed' 1 '' "$pwshw" -Command '1/0'
check '-Command: 0 when only an earlier one failed' 0 'x' "$pwshw" -Command '1/0; "x"'
check '-Command: 1 when the last program failed' 1 '' "$pwshw" -Command 'sh -c "exit 4"'
check '-Command: 1 after throw' 1 '' "$pwshw" -Command 'throw "x"'
check '-Command: 1 after a parse error' 1 '' "$pwshw" -Command '1 +'
check '$LASTEXITCODE' 0 '4' "$pwshw" -Command 'sh -c "exit 4"; $LASTEXITCODE'

cat >"$work/exit.ps1" <<'PS'
param([string] $Name = 'none', [switch] $Flag, [int] $Number)
"$Name $Flag $Number $($args -join '+')"
exit 7
PS
check '-File: parameters and exit' 7 'n True 3 a+b' "$pwshw" -File "$work/exit.ps1" -Name n -Flag -Number 3 a b
check 'a script path is -File' 7 'n False 0 ' "$pwshw" "$work/exit.ps1" -Name n
check '-File: -Name:value' 7 'v False 0 ' "$pwshw" -File "$work/exit.ps1" -Name:v -Flag:\$false
echo 'throw "x"' >"$work/throw.ps1"
check '-File: 1 after an error that nothing caught' 1 '' "$pwshw" -File "$work/throw.ps1"
echo 'sh -c "exit 5"' >"$work/native.ps1"
check '-File: 0 when the last program failed' 0 '' "$pwshw" -File "$work/native.ps1"
printf '& "%s/exit.ps1"\n"after $LASTEXITCODE"\n' "$work" >"$work/nested.ps1"
check 'exit in a called script ends only that' 0 'none False 0 
after 7' "$pwshw" "$work/nested.ps1"
# shellcheck disable=SC2016
echo '"$PSScriptRoot|$PSCommandPath"' >"$work/where.ps1"
check '$PSScriptRoot and $PSCommandPath' 0 "$work|$work/where.ps1" "$pwshw" "$work/where.ps1"
check '-File: missing file' 64 '' "$pwshw" -File "$work/nothing.ps1"
check 'unknown option' 64 '' "$pwshw" -Nonsense
check '-EncodedCommand' 0 'hi' "$pwshw" -EncodedCommand "$(printf '"hi"' | iconv -t UTF-16LE | base64 -w 0)"
check '-WorkingDirectory' 0 '/usr' "$pwshw" -WorkingDirectory /usr -Command '(Get-Location).Path'
check 'options that change nothing here' 0 '1' "$pwshw" -NoProfile -NonInteractive -NoLogo -ExecutionPolicy Bypass -Command 1
check '-CommandWithArgs' 0 'a b' "$pwshw" -CommandWithArgs '"$args"' a b

check 'standard input as $input' 0 '<a>
<b>' sh -c 'printf "a\nb\n" | "$1" -Command '\''$input | ForEach-Object { "<$_>" }'\' sh "$pwshw"
check 'a script that does not read the input leaves it' 0 'line' sh -c 'echo line | "$1" -Command "cat"' sh "$pwshw"
check '-Command -' 4 '2
5' sh -c 'printf "1+1\nif (1) {\n 5\n}\n\nexit 4\n" | "$1" -Command -' sh "$pwshw"

"$pwshw" -Command 'Write-Error bad; Write-Host host; "out"' >"$work/out" 2>"$work/err"
if grep -q bad "$work/err" && ! grep -q bad "$work/out" && [ "$(cat "$work/out")" = 'host
out' ]; then
  ok 'errors go to standard error, the rest to standard output'
else
  not_ok 'errors go to standard error, the rest to standard output' "$(cat "$work/out" "$work/err")"
fi
if grep -q "$(printf '\033')" "$work/out" "$work/err"; then
  not_ok 'no escape sequences where there is no terminal'
else
  ok 'no escape sequences where there is no terminal'
fi

ln -s "$pwshw" "$work/link"
ln -s link "$work/link2"
check 'through symbolic links, from another directory' 0 'x' sh -c 'cd / && "$1" -c \"x\"' sh "$work/link2"

# A tree of its own: what the wrapper does when it must build, and cannot.
mkdir -p "$work/tree/src/PwshHost"
cp "$pwshw" "$work/tree/pwshw"
: >"$work/tree/Directory.Build.props"
mkdir "$work/bin"
for tool in sh dirname readlink find sort head cat cksum uname mkdir touch; do
  ln -s "$(command -v $tool)" "$work/bin/$tool"
done
check 'no SDK: exit code 1' 1 '' env PATH="$work/bin" BLKSNAP_PWSH=own "$work/tree/pwshw" -c 1
if [ "$(wc -l <"$work/err")" = 1 ] && grep -q 'dotnet-sdk' "$work/err"; then
  ok 'no SDK: one sentence that says what to install'
else
  not_ok 'no SDK: one sentence that says what to install' "$(cat "$work/err")"
fi
# A pwsh that is installed is taken if the cmdlets can be loaded into it.
printf '#!/bin/sh\ncase "$*" in *-Version*) echo "PowerShell $FAKE_VERSION" ;; *) echo "pwsh $FAKE_VERSION" ;; esac\n' >"$work/bin/pwsh"
chmod +x "$work/bin/pwsh"
check 'pwsh 7.6 is taken' 0 'pwsh 7.6.1' env PATH="$work/bin" FAKE_VERSION=7.6.1 "$work/tree/pwshw" -c 1
check 'pwsh 7.10 is taken' 0 'pwsh 7.10.0' env PATH="$work/bin" FAKE_VERSION=7.10.0 "$work/tree/pwshw" -c 1
check 'pwsh 7.4 is not taken' 1 '' env PATH="$work/bin" FAKE_VERSION=7.4.12 "$work/tree/pwshw" -c 1
check 'BLKSNAP_PWSH=<path> runs that one' 0 'it ran -c 1' env BLKSNAP_PWSH="$here/fixtures/fake-pwsh" "$pwshw" -c 1

if [ -x "$root/out/pwsh/PwshHost" ]; then
  before=$(cat "$root/out/pwsh/.sources")
  check 'up to date: nothing is built' 0 '1' "$pwshw" -c 1
  if grep -q building "$work/err" || [ "$before" != "$(cat "$root/out/pwsh/.sources")" ]; then
    not_ok 'up to date: nothing is said or written'
  else
    ok 'up to date: nothing is said or written'
  fi
fi

# Ctrl+C stops the pipeline, and the process ends.
# (A shell starts what it puts in the background with the interrupt ignored.)
env --default-signal=INT "$pwshw" -Command 'Start-Sleep 60' >"$work/out" 2>&1 &
child=$!
sleep 3
kill -INT "$child"
waited=0
while kill -0 "$child" 2>/dev/null && [ "$waited" -lt 100 ]; do
  sleep 0.1
  waited=$((waited + 1))
done
if kill -0 "$child" 2>/dev/null; then
  kill -KILL "$child"
  not_ok 'an interrupt ends a sleeping command'
else
  ok 'an interrupt ends a sleeping command'
fi
wait "$child" 2>/dev/null
