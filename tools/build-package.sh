#!/bin/bash
# Build the Debian package of this checkout, as it is now, for a Debian and a machine.
#
#   tools/build-package.sh SUITE ARCH FOLDER      bookworm or trixie, amd64 or arm64
#
# Where that Debian runs here this is `dpkg-buildpackage`; for the other one it is the
# same in a minimal system of it, which needs root and mmdebstrap and is made once. That
# system and the wheels are kept in $EDGED_IMAGES.
set -euo pipefail

suite=$1 arch=$2
mkdir -p "$3"
to=$(realpath "$3")
cd "$(git -C "$(dirname "$0")" rev-parse --show-toplevel)"
cache=${EDGED_IMAGES:-/var/cache/edged-images}
mirror=${MIRROR:-http://deb.debian.org/debian}
needs=debhelper,dpkg-dev,python3-pip
mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

tree=$work/edged
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do
        if [ -e "$file" ]; then printf '%s\0' "$file"; fi
    done | tar --null --files-from - -cf - | tar -C "$tree" -xf -

# shellcheck disable=SC1091 # this system's own
here=$(. /etc/os-release && echo "$VERSION_CODENAME")
root=$cache/$suite-build
if [ "$suite" = "$here" ]; then
    root=/
else
    exec 9>"$root.lock"
    flock 9
    if [ ! -d "$root" ]; then
        rm -rf --one-file-system "$root.part"
        mmdebstrap --quiet --variant=minbase --include="$needs" "$suite" "$root.part" "$mirror"
        mv "$root.part" "$root"
    fi
    flock -u 9
fi

# Fetched here, so that the build needs no network of its own.
python=$(chroot "$root" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
wheels=$cache/wheels-$(sha256sum debian/wheels.lock | cut -c1-12)
exec 8>"$cache/wheels.lock"
flock 8
if [ ! -d "$wheels/$arch-$python" ]; then
    rm -rf "$wheels/unfinished"
    /usr/bin/python3 -m tools.wheels fetch "$arch" "$python" "$wheels/unfinished"
    mv "$wheels/unfinished" "$wheels/$arch-$python"
fi
flock -u 8

export XZ_LEVEL=${XZ_LEVEL:-6}
build=(dpkg-buildpackage --no-sign --build=binary --host-arch "$arch")
{
    if [ "$root" = / ]; then
        (cd "$tree" && WHEELS=$wheels "${build[@]}")
    else
        # What the build needs is in there by the list above, but for a compiler.
        # shellcheck disable=SC2016 # expanded inside
        unshare --mount --pid --fork --kill-child bash -c '
            mount --make-rprivate /
            root=$1 work=$2 wheels=$3; shift 3
            mount -t proc proc "$root/proc"
            mount --bind "$work" "$root/srv"
            mount --bind "$wheels" "$root/mnt"
            exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
                LC_ALL=C.UTF-8 WHEELS=/mnt XZ_LEVEL="$XZ_LEVEL" \
                sh -c "cd /srv/edged && exec \"\$@\"" - "$@"
            ' - "$root" "$work" "$wheels" "${build[@]}" --no-check-builddeps
    fi
} </dev/null >"$work/log" 2>&1 || {
    tail -n 40 "$work/log" >&2
    exit 1
}
mv "$work"/edged_*_"$arch".deb "$to"
