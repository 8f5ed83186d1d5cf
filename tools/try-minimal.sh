#!/bin/bash
# Run make targets in a minimal Debian that has git and make, and nothing else of ours.
#
#   tools/try-minimal.sh [TARGET...]        default: demo
#
# Needs root, mmdebstrap, and the network. The committed state is cloned, so what is
# not in git is missing there, too. Everything is removed at the end.
set -euo pipefail

targets=("${@:-demo}")
suite=${SUITE:-bookworm}
here=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
mirror=${MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

began=$SECONDS
mmdebstrap --quiet --variant=minbase --include=git,make "$suite" "$root" "$mirror"
echo "minimal $suite with git and make: $((SECONDS - began)) s"

git clone --quiet "$here" "$root/root/edged"

# The clone is all of ours that the new system has; the rest is how this machine
# reaches the network: names, certificates, proxies.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
environment=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb CI=true)
bundle=/etc/ssl/certs/ca-certificates.crt
if [ -e "$bundle" ]; then
    cp -L "$bundle" "$root/root/certificates.crt"
    environment+=(PIP_CERT=/root/certificates.crt)
fi
for name in http_proxy https_proxy no_proxy; do
    if [ -n "${!name:-}" ]; then environment+=("$name=${!name}"); fi
done

# shellcheck disable=SC2016  # expanded inside
inside='
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/dev/shm" 2>/dev/null || true
root=$1; shift
exec chroot "$root" "$@"'

for target in "${targets[@]}"; do
    began=$SECONDS
    # The pid namespace ends all that the target leaves behind.
    unshare --mount --pid --fork --kill-child bash -c "$inside" - "$root" \
        env -i "${environment[@]}" make -C /root/edged "$target" </dev/null
    echo "make $target in a minimal $suite: $((SECONDS - began)) s"
done
