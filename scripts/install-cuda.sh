#!/usr/bin/env bash
# Adds the CUDA libraries to onnxruntime-node, whose npm package leaves them out for their size: `npm run install:cuda`.
#
#   npm run install:cuda                       downloads them with onnxruntime-node's own install script
#   npm run install:cuda -- --from FOLDER      copies them from FOLDER: for machines without internet
#   npm run install:cuda -- --without-driver   does not ask for an NVIDIA driver: for container images
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

fail() {
  echo "error: $1" >&2
  echo "$2" >&2
  exit 1
}

from='' driver=true
while [ $# -gt 0 ]; do
  case "$1" in
    --from) from=${2:-}; [ -d "$from" ] || fail "\"$from\" is not a folder." "Give the folder that holds libonnxruntime_providers_*.so."; shift 2 ;;
    --without-driver) driver=false; shift ;;
    *) echo "usage: npm run install:cuda [-- --from FOLDER | --without-driver]" >&2; exit 2 ;;
  esac
done

[ "$(uname -sm)" = 'Linux x86_64' ] ||
  fail "CUDA libraries for onnxruntime-node exist for Linux on x86-64 only; this is $(uname -sm)." \
    "Use another device: medsam2 segment --device auto takes the best that is there."
package=$(node -p 'require("node:path").dirname(require.resolve("onnxruntime-node/package.json", { paths: ["server"] }))' 2>/dev/null) ||
  fail 'onnxruntime-node is not installed.' 'Run npm ci first.'
version=$(node -p "require('$package/package.json').version")
libraries=$package/bin/napi-v6/linux/x64
if $driver; then
  graphics=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null) ||
    fail 'No NVIDIA driver answers on this machine (nvidia-smi).' \
      'Install the driver first; where only the image is built here, add -- --without-driver.'
  echo "Graphics: $graphics"
fi

if [ -n "$from" ]; then
  for name in providers_shared providers_cuda; do
    [ -f "$from/libonnxruntime_$name.so" ] ||
      fail "$from has no libonnxruntime_$name.so." "The folder must hold the provider libraries of onnxruntime $version."
  done
  cp "$from"/libonnxruntime_providers_{shared,cuda}.so "$libraries/" || fail "The libraries could not be copied to $libraries." 'See above.'
else
  echo "The install script of onnxruntime-node $version now downloads its CUDA package (some hundred MB) from its publisher:"
  node -p "
    const { packages, feeds } = require('$package/script/install-metadata.js');
    const { name, versions } = packages['nuget:linux/x64:cuda12'];
    versions.map(({ feed, version }) => '  ' + name + ' ' + version + ', ' + feeds[feed].index).join('\n')" 2>/dev/null
  # It also takes settings from npm's environment, where this one comes first.
  if ! output=$(ONNXRUNTIME_NODE_INSTALL=true node "$package/script/install.js" 2>&1); then
    reason=$(grep -m1 -E '^([A-Za-z]*Error|Failed)\b' <<<"$output")
    fail "The download failed: ${reason:-$(tail -n 1 <<<"$output")}" \
      "Behind a proxy set GLOBAL_AGENT_HTTPS_PROXY. Without internet unpack that package elsewhere and use -- --from FOLDER (runtimes/linux-x64/native)."
  fi
fi

missing=$(ldd "$libraries/libonnxruntime_providers_cuda.so" | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
[ -z "$missing" ] ||
  fail "The CUDA libraries of onnxruntime $version are there, but need libraries that the system does not find: $missing" \
    'Install the CUDA runtime and the cuDNN of these versions, or put their folders into LD_LIBRARY_PATH; then run this again to check.'
if ! $driver; then
  echo "The CUDA libraries of onnxruntime $version are in place. They were not tried, as there need be no driver here."
  exit
fi
# A model of one node (y = -x) shows whether the card takes work.
node -e '
  const { InferenceSession, Tensor } = require(process.argv[1]);
  const model = Buffer.from("CAg6MgoLCgF4EgF5IgNOZWcSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAN", "base64");
  (async () => {
    const session = await InferenceSession.create(model, { executionProviders: ["cuda"], logSeverityLevel: 4 });
    const { y } = await session.run({ x: new Tensor("float32", [1], [1]) });
    if (y.data[0] !== -1) throw new Error("the card computes wrongly");
  })().catch((error) => { console.error(error.message.split("\n")[0]); process.exit(1); });' "$package" ||
  fail "The CUDA libraries of onnxruntime $version are in place, but no session opens on the card (reason above)." \
    'The driver may be too old for them: compare nvidia-smi with the CUDA version in the names that ldd shows.'
echo "CUDA works: medsam2 segment --device cuda"
