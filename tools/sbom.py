"""Write docs/reference/sbom.cdx.json: what the Debian package is made of.

Law: every wheel of debian/wheels.lock, with the hashes that the lock has, is a
component; its licence and its needs are what its own metadata says. The same inputs
give the same bytes: no date, and a serial number made of the lock. What Debian itself
brings (Python, systemd's library) is Debian's to tell.
Run it after a change of the lock: `make sbom`; a test fails while the file is stale.
Source: CycloneDX 1.6.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from importlib import metadata

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from edged import __version__
from tools import wheels

PAGE = wheels.ROOT / "docs" / "reference" / "sbom.cdx.json"

#: Serial numbers of this document begin here; see uuid5.
_SERIALS = uuid.UUID("c7e1d5e4-0b52-4a41-9d0a-6c5a4f0d2b7e")
_WHICH = "one of each wheel: amd64 and arm64, Python 3.11 and 3.13, where they differ"
#: What a wheel's metadata calls its licences where it has no SPDX expression.
_CLASSIFIER = "License :: OSI Approved :: "


def page() -> str:
    """Return the document."""
    lock = wheels.LOCK.read_text()
    bom = Bom(serial_number=uuid.uuid5(_SERIALS, f"{__version__}\n{lock}"))
    bom.metadata.timestamp = None
    root = Component(
        name="edged",
        type=ComponentType.APPLICATION,
        version=__version__,
        bom_ref="edged",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    bom.metadata.component = root
    parts = {name: component(name, pin) for name, pin in wheels.locked().items()}
    for part in parts.values():
        bom.components.add(part)
    wanted = {name_of(need): need for need in map(Requirement, wheels.needs())}
    bom.register_dependency(root, [parts[name] for name in wanted])
    for name, part in parts.items():
        extras = wanted[name].extras if name in wanted else ()
        bom.register_dependency(
            part, [parts[other] for other in needs(name, extras) if other in parts]
        )
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def component(name: str, version: str) -> Component:
    """Describe one wheel.

    Raises:
        ValueError: this environment has another version, so its metadata is another's.
    """
    found = metadata.distribution(name)
    if found.version != version:
        raise ValueError(
            f"cannot describe {name} {version}: {found.version} is here (make setup)"
        )
    return Component(
        name=name,
        version=version,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("pypi", None, name, version),
        licenses=[licence(found.metadata)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in sums(name)],
        properties=[Property(name="edged:hashes", value=_WHICH)],
    )


def licence(told: metadata.PackageMetadata) -> License:
    """Return what a wheel says of its licence, by SPDX where it does."""
    classifiers = [
        text.removeprefix(_CLASSIFIER)
        for text in told.get_all("Classifier") or ()
        if text.startswith(_CLASSIFIER)
    ]
    files = ", ".join(told.get_all("License-File") or ())
    text = told.get("License-Expression") or told.get("License") or ""
    words = text or " AND ".join(classifiers) or f"see its {files or 'own papers'}"
    return LicenseFactory().make_from_string(words)


def sums(name: str) -> list[str]:
    """Return the sha256 of the wheels that the lock has of a name."""
    line = next(
        line
        for line in wheels.LOCK.read_text().splitlines()
        if line.startswith(f"{name}==")
    )
    return re.findall(r"--hash=sha256:([0-9a-f]{64})", line)


def needs(name: str, extras: Iterable[str]) -> Iterator[str]:
    """Yield what a wheel needs at run time, with these of its extras."""
    for need in map(Requirement, metadata.requires(name) or ()):
        marker = need.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
            yield name_of(need)


def name_of(need: Requirement) -> str:
    """Return a need's name as the lock writes it."""
    return str(canonicalize_name(need.name))


if __name__ == "__main__":
    PAGE.write_text(page())
