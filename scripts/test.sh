#!/usr/bin/env bash
# Sets up what the tests need and runs them all. The last line is the sum: N passed, N failed, N skipped.
#
#   npm test              everything, as continuous integration does
#   npm test -- --unit    build and the tests beside the code, with Python only where it is set up already
#
# MEDSAM2_PYTHON=/path/to/python uses that interpreter for the cross-checks (see scripts/set-up-python.sh).
# With CI=true a part that cannot run is a failure; otherwise it is skipped with a reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

unit=false without_viewers=false
case "${1:-}" in
  '') ;;
  --unit) unit=true ;;
  *) echo "usage: npm test [-- --unit]" >&2; exit 2 ;;
esac

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
stages=()

# stage NAME COMMAND…: what the command counts lies in $results/NAME.json; without that file it counts by its exit code.
stage() {
  local name=$1 begin=$SECONDS status=0
  shift
  echo
  echo "== $name"
  "$@" || status=$?
  stages+=("$name:$status:$((SECONDS - begin))")
  return $status
}

finish() {
  node scripts/sum-results.mjs "$results" "${stages[@]}"
  exit
}

run_jest() {
  local report=$1
  shift
  npm run --silent jest -- --maxWorkers="${workers:-2}" --json --outputFile="$report" "$@" >/dev/null
}

# What fails is run once more, file by file and alone; see scripts/second-try.mjs.
jest() {
  local report=$results/$1.json status=0 files
  shift
  run_jest "$report" "$@" || status=$?
  [ $status != 0 ] && [ -e "$report" ] || return $status
  mapfile -t files < <(node scripts/second-try.mjs files "$report")
  [ ${#files[@]} -gt 0 ] || return $status
  echo "once more: ${files[*]#"$PWD/"}"
  status=0
  workers=1 run_jest "$report.again" --runTestsByPath "${files[@]}" || status=$?
  [ -e "$report.again" ] && node scripts/second-try.mjs merge "$report" "$report.again"
  return $status
}

check_node() {
  command -v node >/dev/null || { echo "Node is missing: install Node 20 (nodejs and npm)." >&2; return 1; }
  command -v npm >/dev/null || { echo "npm is missing: install it beside Node $(node -v)." >&2; return 1; }
  node -e '
    const [, wanted] = require("./package.json").engines.node.match(/^>=([\d.]+)$/);
    const older = wanted.localeCompare(process.versions.node, "en", { numeric: true }) > 0;
    if (older) console.error(`Node ${process.versions.node} is too old: ${wanted} or newer is needed.`);
    process.exitCode = older ? 1 : 0;'
}

install_packages() {
  if node scripts/packages-current.mjs; then echo "up to date"; else npm ci; fi
}

set_up_python() {
  local status=0
  MEDSAM2_PYTHON=$(bash scripts/set-up-python.sh) || status=$?
  if [ $status = 0 ]; then
    export MEDSAM2_PYTHON
    echo "$MEDSAM2_PYTHON"
    return
  fi
  unset MEDSAM2_PYTHON
  [ $status = 3 ] && [ "${CI:-}" != true ] || return 1
  echo "skipped: comparisons with PyTorch and other Python packages"
}

set_up_debian() {
  local status=0
  bash scripts/set-up-debian.sh || status=$?
  [ $status = 3 ] && [ "${CI:-}" != true ] || return $status
  echo "skipped: tests with a PACS, DICOM tools or Redis that are not installed"
}

fetch_viewers() {
  local status=0
  node scripts/fetch-viewers.mjs || status=$?
  [ $status = 0 ] && return
  without_viewers=true
  [ $status = 3 ] && [ "${CI:-}" != true ] || return $status
  echo "skipped: tests of the plug-in in a browser"
}

# Jest runs what lies in dist: output whose source is gone would go on being tested.
build() {
  local output source
  for output in $(find {protocol,models,slicer-bridge,server,extension,mode,demo,tests,e2e}/dist -name '*.js' 2>/dev/null); do
    source=${output/\/dist\//\/src\/}
    [ -e "${source%.js}.ts" ] || [ -e "${source%.js}.tsx" ] || rm -f "$output" "$output.map" "${output%.js}.d.ts"
  done
  npm run --silent build && npm run --silent build:plugin
}

stage node check_node || finish
stage packages install_packages || finish
if $unit; then
  stage build build || finish
  if [ -z "${MEDSAM2_PYTHON:-}" ]; then
    for python in .cache/python/*/bin/python; do
      [ -e "${python%/bin/python}/complete" ] && export MEDSAM2_PYTHON=$PWD/$python
    done
  fi
  stage unit jest unit {protocol,models,slicer-bridge,server,extension,mode,demo}/dist
  finish
fi
stage python set_up_python
stage debian set_up_debian
stage build build || finish
stage lint npm run --silent lint
stage repository node scripts/check-repository.mjs "$results/repository.json"
stage tests jest tests --testPathIgnorePatterns '/node_modules/' full-size /e2e/dist/
# Alone: it holds the whole model twice, here and in PyTorch.
stage full-size jest full-size tests/dist/fidelity/full-size
stage viewers fetch_viewers
# One at a time: a browser that draws without a graphics card needs both cores.
$without_viewers || workers=1 stage browser jest browser e2e/dist
stage docs node scripts/check-docs.mjs "$results/docs.json"
finish
