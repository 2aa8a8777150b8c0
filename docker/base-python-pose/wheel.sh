#!/bin/bash
# The wheel of one source, compiled once.
#
#     wheel.sh NAME     reads /source, writes /out/KEY/*.whl
#
# KEY is the digest of everything that decides what is compiled: the source's files, Python, PyTorch, the compilers, the
# GPU architectures and this script. A wheel of that key is taken from /wheels (the named context) or /wheelhouse (the cache
# mount) where one of them has it; a compiled one is kept in /wheelhouse.
set -euo pipefail
shopt -s inherit_errexit
name=$1
python="python${PYTHON_VERSION}"
export PYTHONPATH=/opt/tools:/opt/torch/lib/${python}/site-packages
export PATH=/opt/tools/bin:$PATH
[[ $ACCELERATOR == cuda ]] && export FORCE_CUDA=1

work=$(mktemp -d)
tar -C /source --exclude=.git -cf - . | tar -C "$work" -xf -
cd "$work"
# chumpy calls a function that Python 3.11 no longer has.
[[ $name == chumpy ]] && sed -i 's/inspect\.getargspec/inspect.getfullargspec/g' chumpy/ch.py

describe() {
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    sha256sum "$0"
    uname -m
    "$python" -c 'import sys; print(sys.version)'
    "$python" -c 'import torch; print(torch.__version__, torch.version.cuda)'
    echo "$ACCELERATOR ${TORCH_CUDA_ARCH_LIST:-}"
    c++ --version
    [[ $ACCELERATOR != cuda ]] || nvcc --version
}
key="$name-$(describe | sha256sum | cut -c1-16)"

for house in /wheels /wheelhouse; do
    if compgen -G "$house/$key/*.whl" >/dev/null; then
        echo "$name: taken from $house/$key"
        mkdir -p /out && cp -R "$house/$key" /out/
        exit 0
    fi
done
mkdir -p "/out/$key"
"$python" -m pip wheel --quiet --no-index --no-deps --no-build-isolation --no-cache-dir --wheel-dir "/out/$key" .
# Moved into place whole: a build that is stopped leaves nothing half-written.
rm -rf "/wheelhouse/.$key" && cp -R "/out/$key" "/wheelhouse/.$key" && mv -T "/wheelhouse/.$key" "/wheelhouse/$key"
echo "$name: compiled as $key"
