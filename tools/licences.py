"""Say under which terms the wheels of the Debian package come: debian/copyright.

Law: each word is a wheel's own. Its metadata names the licence and the file that holds
the text, and that file names who holds the rights; the text itself goes into the
package with the wheel. A licence whose name is not known here ends the run.
"""

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

COPYRIGHT = Path(__file__).resolve().parent.parent / "debian" / "copyright"

#: Where the package has them.
SITE = "usr/lib/edged/site"

#: What older wheels call a licence -> its SPDX name.
_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
}
_NAMED = re.compile(r"(Apache|BSD|MIT|MPL|PSF)-?[\w.-]*( (AND|OR) [\w.-]+)*")
#: Wheels whose metadata is silent, by the words of their LICENSE.
_BY_TEXT = {"Permission is hereby granted, free of charge, to any person": "MIT"}
_HOLDER = re.compile(r"^\W*(copyright (?:\(c\)|©|\d{4}).*)$", re.IGNORECASE)
_TEXT = re.compile(r"(^|/)(licen[cs]e|copying|notice)[^/]*$", re.IGNORECASE)
#: What differs from machine to machine.
_BUILT_FOR = re.compile(r"\.cpython-.*")
#: Of all that a big wheel names: the rest is in its texts.
_HOLDERS_MAX = 8

_HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: edged
Comment:
 Written by tools/licences.py from the metadata of the wheels in debian/wheels.lock,
 which the binary package holds under /usr/lib/edged/site. The texts of their
 licences are there, too; what a wheel links to is named in them.

Files: *
Copyright: 2026 The edged authors
License: Apache-2.0

License: Apache-2.0
 Licensed under the Apache License, Version 2.0 (the "License"); you may not use
 this file except in compliance with the License.
 .
 Unless required by applicable law or agreed to in writing, software distributed
 under the License is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR
 CONDITIONS OF ANY KIND, either express or implied. See the License for the
 specific language governing permissions and limitations under the License.
 .
 On Debian systems, the complete text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
"""


def write(wheels: Iterable[Path]) -> None:
    """Write debian/copyright; of wheels with one name the first one speaks for all.

    Raises:
        SystemExit: a wheel does not say what its licence is.
    """
    by_name: dict[str, str] = {}
    for wheel in wheels:
        by_name.setdefault(wheel.name.partition("-")[0].lower(), _stanza(wheel))
    stanzas = (by_name[name] for name in sorted(by_name))
    COPYRIGHT.write_text("\n".join((_HEAD, *stanzas)))


def _stanza(wheel: Path) -> str:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith(".dist-info/METADATA"))
        about = Parser().parsestr(archive.read(info).decode(), headersonly=True)
        paths = [name for name in names if _TEXT.search(name)]
        texts = {path: archive.read(path).decode(errors="replace") for path in paths}
    folder = info.removesuffix("METADATA")
    tops = sorted({_BUILT_FOR.sub(".*", name.partition("/")[0]) for name in names})
    files = "\n ".join(f"{SITE}/{top}" for top in tops if ".data" not in top)
    holders = "\n ".join(_holders(about, texts.values()))
    where = [path for path in paths if path.startswith(folder)] or paths
    return (
        f"Files:\n {files}\n"
        f"Copyright:\n {holders}\n"
        f"License: {_licence(wheel, about, texts.values())}\n"
        f" {about['Name']} {about['Version']}. {_place(where)}\n"
    )


def _place(paths: list[str]) -> str:
    if not paths:
        return "See /usr/share/common-licenses."
    return "See\n " + "\n ".join(f"/{SITE}/{path}" for path in sorted(paths))


def _licence(wheel: Path, about: Message, texts: Iterable[str]) -> str:
    words = [about["License-Expression"], about["License"]]
    words += about.get_all("Classifier", [])
    for word in filter(None, words):
        if word in _SPDX:
            return _SPDX[word]
        if word == about["License-Expression"] or _NAMED.fullmatch(word):
            return str(word)
    for text in texts:
        for known, name in _BY_TEXT.items():
            if known in text:
                return name
    raise SystemExit(f"cannot tell the licence of {wheel.name}: its metadata is silent")


def _holders(about: Message, texts: Iterable[str]) -> Iterator[str]:
    """Return who holds the rights: by the texts, else who wrote it."""
    lines = (line for text in texts for line in text.splitlines())
    found = dict.fromkeys(
        match[1].strip() for match in map(_HOLDER.match, lines) if match
    )
    # The form at the end of Apache's text, which nobody has filled in.
    named = [line for line in found if "[yyyy]" not in line and "{yyyy}" not in line]
    author = about["Author"] or about["Author-email"] or about["Maintainer"]
    yield from named[:_HOLDERS_MAX] or [
        str(author or f"the authors of {about['Name']}")
    ]
