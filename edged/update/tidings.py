"""What the daemon has not heard yet of releases that were revoked.

Law: pure. The daemon hears signed metadata where what it thinks of an installed release
is not what the sources say of it; so it holds nothing of TUF as long as all is well.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from edged.update.offers import Installed, Offer


class Tiding(msgspec.Struct, frozen=True, kw_only=True):
    """One source has news of one model.

    Attributes:
        alone: no release is known to replace the live one, which is revoked.
    """

    source: str
    model: str
    alone: bool


def tidings(
    offers: Sequence[Offer],
    installed: Mapping[str, Installed],
    *,
    alone: AbstractSet[str],
    stop: bool,
) -> tuple[Tiding, ...]:
    """Return what must be told.

    Args:
        offers: of all sources; one that any source revoked is revoked.
        installed: by model, as the daemon tells it.
        alone: models whose live release is revoked, with none to replace it.
        stop: whether such a model must not run: then it is told again with each look,
            for somebody may have loaded it.
    """
    revoked = {offer.sha256 for offer in offers if offer.listing.revoked}
    found = {}
    for offer in offers:
        model, digest = offer.listing.model, offer.sha256
        here = installed.get(model)
        if here is None or digest not in here.releases:
            continue
        is_known = digest in here.revoked
        is_news = bool(offer.listing.revoked) != is_known and (
            bool(offer.listing.revoked) or digest not in revoked
        )
        insists = stop and model in alone and digest == here.digest
        if is_news or (insists and offer.listing.revoked):
            found[offer.source, model] = Tiding(
                source=offer.source, model=model, alone=model in alone
            )
    return tuple(found.values())
