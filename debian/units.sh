#!/bin/sh
# Put what systemd reads where it reads it: debian/units.sh FROM ROOT [UNITS]
set -eu

from=$1
root=$2
units=${3:-lib/systemd/system}
[ -d "$from" ] || exit 0
find "$from" -type f | LC_ALL=C sort | while read -r file; do
    name=${file##*/}
    case $file in
        *.service.d/*.conf | *.socket.d/*.conf)
            # An example: a drop-in that applies would be part of the unit itself.
            folder=$(basename "$(dirname "$file")")
            to=usr/share/doc/edged/examples/systemd/$folder/$name ;;
        *.service | *.socket | *.target | *.timer | *.slice | *.path)
            to=$units/$name ;;
        *sysusers*) to=usr/lib/sysusers.d/edged.conf ;;
        *tmpfiles*) to=usr/lib/tmpfiles.d/edged.conf ;;
        *.preset) to=usr/lib/systemd/system-preset/$name ;;
        *.catalog) to=usr/lib/systemd/catalog/$name ;;
        *) continue ;;
    esac
    install -D -m 644 "$file" "$root/$to"
done
