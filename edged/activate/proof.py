"""Does a loaded release answer as its author says.

Law: blocking; the agent brings the thread. A variant that loads and answers wrongly
is as unfit as one that does not load.
"""

from collections.abc import Mapping

from edged.errors import BadBundle, BadRelease
from edged.runtime.base import Runs
from edged.store.releases import Release


def prove(release: Release, rungs: Mapping[str, Runs]) -> None:
    """Ask every rung the release's golden inputs.

    The best variant must answer within the manifest's tolerance; the others must
    agree with it in the manifest's share of samples.

    Raises:
        BadBundle: a rung answers otherwise; the message carries the figures.
    """
    manifest = release.manifest
    if manifest.golden is None:
        return
    # Imported here: a daemon that installs nothing need not hold it.
    from edged.runtime import golden  # noqa: PLC0415

    known = golden.read(release.path / manifest.golden.file, manifest.signature)
    best = manifest.variants[0].id
    for variant, runs in rungs.items():
        report = golden.check(runs, known, manifest.golden, best=variant == best)
        if not report.ok:
            raise BadBundle(
                f"cannot install {release.name} {manifest.version}: variant {variant} "
                f"does not give its golden answers: {report.text}",
                hint="ask its publisher; the release that was live stays live",
                variant=variant,
                agreement=report.agreement,
            )


def check_labels(release: Release, rotten: Mapping[str, str]) -> None:
    """Refuse a release whose label files have rotted: it would name things wrongly.

    Raises:
        BadRelease: a label file is not what was installed.
    """
    for output in release.manifest.signature.outputs:
        if output.labels is not None and output.labels in rotten:
            raise BadRelease(
                f"cannot load {release.name}: {rotten[output.labels]}",
                hint=f"install {release.manifest.version} again: edgectl install PATH",
            )
