# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Read by run.sh: what Invoke-Pester makes of tests whose results are known.

known=$here/fixtures/Known.ps1
check 'known results: the counts' 0 '22 9 9 3 1 0' "$pwshw" -Command \
  "\$r = Invoke-Pester -Path '$known' -Output None -PassThru; \"\$(\$r.TotalCount) \$(\$r.PassedCount) \$(\$r.FailedCount) \$(\$r.SkippedCount) \$(\$r.InconclusiveCount) \$(\$r.NotRunCount)\""
check 'known results: a failed setup is a failed block' 0 '1' "$pwshw" -Command \
  "(Invoke-Pester -Path '$known' -Output None -PassThru).FailedBlocksCount"
check 'a tag selects' 0 '9 0' "$pwshw" -Command \
  "\$r = Invoke-Pester -Path '$known' -Tag good -Output None -PassThru; \"\$(\$r.PassedCount) \$(\$r.FailedCount)\""
check 'Run.Exit: the exit code counts the failures' 10 '' "$pwshw" -Command \
  "Invoke-Pester -Configuration @{ Run = @{ Path = '$known'; Exit = \$true }; Output = @{ Verbosity = 'None' } }"
check 'Filter.FullName selects, expanded names included' 0 'Passed' "$pwshw" -Command \
  "\$c = New-PesterConfiguration; \$c.Run.Path = '$known'; \$c.Run.PassThru = \$true; \$c.Output.Verbosity = 'None'; \$c.Filter.FullName = '*doubles 5*'; (Invoke-Pester -Configuration \$c).Tests | Where-Object Result -ne NotRun | ForEach-Object Result"
check 'a file that does not parse is a failed container' 0 '1 Failed' "$pwshw" -Command \
  "'Describe x {' | Set-Content '$work/bad.ps1'; \$r = Invoke-Pester -Path '$work/bad.ps1' -Output None -PassThru; \"\$(\$r.FailedContainersCount) \$(\$r.Result)\""

"$pwshw" -Command "Invoke-Pester -Path '$known' -Output Detailed" >"$work/out" 2>&1
for expected in 'Describing passing' '[+] doubles 5 to 10' '[-] by assertion' 'Expected 2, but got 1.' '[!] by -Skip' \
  'Tests Passed: 9, Failed: 9, Skipped: 3, Inconclusive: 1, NotRun: 0'; do
  if grep -qF -- "$expected" "$work/out"; then
    ok "detailed output has: $expected"
  else
    not_ok "detailed output has: $expected" "$(tail -n 5 "$work/out")"
  fi
done

# The example as it lies in a clone: the module of the clone is imported, unless one is installed.
mkdir -p "$work/clone/examples" "$work/clone/out/module/BlksnapPS"
cp "$root"/examples/*.ps1 "$work/clone/examples"
echo 'function Use-BlkSimulation { }' >"$work/clone/out/module/BlksnapPS/BlksnapPS.psm1"
echo "@{ RootModule = 'BlksnapPS.psm1'; ModuleVersion = '1.0'; FunctionsToExport = 'Use-BlkSimulation' }" >"$work/clone/out/module/BlksnapPS/BlksnapPS.psd1"
check 'the runbook test takes the module of its clone' 0 'Passed' env -u BLKSNAP_PS_MODULE "$pwshw" -NoProfile -Command \
  "(Invoke-Pester '$work/clone/examples/Runbook.Tests.ps1' -Output None -PassThru).Result"
rm -r "$work/clone/out"
check 'the runbook test fails where there is no module' 0 'Failed' env -u BLKSNAP_PS_MODULE "$pwshw" -NoProfile -Command \
  "(Invoke-Pester '$work/clone/examples/Runbook.Tests.ps1' -Output None -PassThru).Result"

check 'without Pester the tests end with a sentence' 1 '' "$pwshw" -NoProfile -Command \
  "\$env:PSModulePath = '$work/none'; & '$root/tools/test/Pester.ps1' -Results '$work/none.json' -Path '$known'; exit \$LASTEXITCODE"
if [ "$(wc -l <"$work/err")" = 1 ] && grep -q '^These tests need Pester 5,' "$work/err"; then
  ok 'without Pester the tests say so in one line'
else
  not_ok 'without Pester the tests say so in one line' "$(head -c 400 "$work/err")"
fi
