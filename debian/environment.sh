#!/bin/sh
# Fill debian/edged/usr with edged and its wheels: debian/environment.sh ARCH PYTHON
#
# Wheels are taken from $WHEELS/ARCH-PYTHON where that is set, else fetched; in both
# cases each must have its hash in debian/wheels.lock. Nothing of ARCH is run, so any
# machine builds for any other. PYTHON, like 3.11, must be the one that runs this:
# byte code is its own.
set -eu

arch=$1
python=$2
root=debian/edged
site=$root/usr/lib/edged/site
export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

wheels=${WHEELS:-debian/.wheels}/$arch-$python
[ -d "$wheels" ] || /usr/bin/python3 -m tools.wheels fetch "$arch" "$python" "$wheels"

mkdir -p "$site"
# Hashes are checked by pip; so is that a wheel fits, but for the machine of ARCH.
case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
esac
platforms=
for glibc in 2_17 2_26 2_27 2_28 2_31 2_34; do
    platforms="$platforms --platform manylinux_${glibc}_$machine"
done
# shellcheck disable=SC2086 # words on purpose
/usr/bin/python3 -m pip install -qq --root-user-action=ignore \
    --no-index --find-links "$wheels" --no-deps --no-compile --require-hashes \
    --only-binary=:all: --python-version "$python" --implementation cp \
    --abi "cp$(echo "$python" | tr -d .)" --abi abi3 --abi none \
    $platforms --platform "manylinux2014_$machine" \
    --target "$site" --requirement debian/wheels.lock

# Of no use on a box, or a record of how it was installed, which is dpkg's business.
rm -rf "${site:?}/bin" "$site"/*.dist-info/RECORD "$site"/*.dist-info/INSTALLER \
    "$site"/*.dist-info/REQUESTED "$site"/*.dist-info/direct_url.json
# A copy of the engine for programs in C, and tools that make models.
rm -rf "$site"/onnxruntime/capi/libonnxruntime.so* \
    "$site/onnxruntime/transformers" "$site/onnxruntime/quantization" \
    "$site/onnxruntime/tools"
# Accelerators that no setting of edged selects, and tools that make models.
rm -rf "$site/ai_edge_litert/libLiteRtWebGpuAccelerator.so" \
    "$site/ai_edge_litert/vendors" "$site/ai_edge_litert/tools" \
    "$site/ai_edge_litert/aot"
# For a compiler or a type checker that is not there, and tests.
rm -rf "$site/numpy/f2py" "$site/numpy/distutils" "$site"/numpy/_core/_*_tests.*
find "$site" \( -name tests -o -name include \) -type d -prune -exec rm -rf {} +
find "$site" \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \
    -o -name '*.pyi' -o -name '*.a' -o -name '*.hash' -o -name '*.sh' \
    -o -name '.git*' \) -type f -delete

cp -r edged "$site/edged"
find "$site" -name __pycache__ -type d -prune -exec rm -rf {} +
find "$site" -type f -exec chmod 0644 {} +
find "$site" -type d -exec chmod 0755 {} +
# Debian's, built against its own libsystemd; where it is missing, edged does without.
ln -s /usr/lib/python3/dist-packages/systemd "$site/systemd"

/usr/bin/python3 -m compileall -q --invalidation-mode unchecked-hash \
    -s "$root" -p / "$root/usr/lib/edged"

# The three commands: Python without the environment's and the system's packages.
mkdir -p "$root/usr/bin"
launcher() {
    cat >"$root/usr/bin/$1" <<LAUNCHER
#!/usr/bin/python$python -BIS
import sys

sys.path.insert(0, "/usr/lib/edged/site")
from $2 import $3

sys.exit($3())
LAUNCHER
    chmod 0755 "$root/usr/bin/$1"
}
launcher edged edged.daemon command
launcher edged-updater edged.updater command
launcher edgectl edged.cli.main main
