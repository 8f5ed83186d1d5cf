"""Documents that came with a release -> whether it may be installed.

Law: no network. The documents are held against the same root and floor as those that
are fetched, and what they prove is kept: a release that is handed in raises the floor.
A set that is older than what is trusted is no attack by itself (a stick lies in a
drawer); it proves nothing then, and what is trusted decides.
"""

import hashlib
from collections.abc import Mapping

from edged.errors import NotFetched, Untrusted
from edged.trust.documents import role_of
from edged.trust.listings import Signed, Trusted
from edged.trust.repository import Repository, carried
from edged.wire.updates import Reason


def verify(
    documents: Mapping[str, bytes],
    repository: Repository,
    *,
    manifest: bytes,
    model: str,
    seq: int,
) -> Signed:
    """Return what was signed of a release; its manifest is exactly the one signed.

    Args:
        documents: by name, as `Repository.documents` gives them.
        repository: of the source that it claims to come from.
        manifest: bytes of its `model.yaml`.
        model: what the manifest says it is.
        seq: as `model`.

    Raises:
        Untrusted: the documents do not hold, the release is not among them or is
            another, or it was revoked; `fields["reason"]`.
        StoreFailed: what is trusted cannot be read or written.
    """
    trusted, older = heard(documents, repository)
    found = _find(trusted, model=model, seq=seq)
    if found is None and older is not None:
        raise older
    if found is None:
        raise Untrusted(
            f"cannot trust {model} {seq}: its publisher has not signed it",
            hint="edgectl update check",
            reason=Reason.NOT_OFFERED.value,
        )
    if found.size != len(manifest) or found.sha256 != _sha256(manifest):
        raise older or Untrusted(
            f"cannot trust {model} {seq}: its model.yaml is not the one signed",
            hint="fetch it again from its publisher",
            reason=Reason.WRONG_HASH.value,
        )
    if found.listing.revoked:
        raise Untrusted(
            f"cannot trust {model} {seq}: its publisher has revoked it: "
            f"{found.listing.revoked}",
            hint="install a newer one",
            reason=Reason.REVOKED.value,
        )
    return found


def heard(
    documents: Mapping[str, bytes], repository: Repository
) -> tuple[Trusted, Untrusted | None]:
    """Return what to believe, and why the documents were not, if they are older.

    Raises:
        Untrusted: they do not hold.
        StoreFailed: what is trusted cannot be read or written.
    """
    try:
        return repository.refresh(carried(documents)), None
    except NotFetched as exc:
        raise Untrusted(
            f"cannot trust this release: {exc.message}",
            hint="it was made without its signatures: `edgectl publish bundle`",
            reason=Reason.BAD_METADATA.value,
        ) from exc
    except Untrusted as exc:
        known = repository.documents()
        if _root_version(documents) < _root_version(known):
            raise _outdated(exc, documents, known) from exc
        if exc.fields.get("reason") != Reason.ROLLBACK.value or not known:
            raise
        return repository.refresh(carried(known)), exc


def _root_version(documents: Mapping[str, bytes]) -> int:
    """Return the newest root's version, as its name claims; 0 for none."""
    names = (name for name in documents if role_of(name) == "root")
    return max((int(name.partition(".")[0]) for name in names), default=0)


def _outdated(
    refused: Untrusted, documents: Mapping[str, bytes], known: Mapping[str, bytes]
) -> Untrusted:
    """Say what documents most likely are that other keys signed than count now.

    They are refused as they were: what their names claim proves nothing.
    """
    theirs, ours = _root_version(documents), _root_version(known)
    return Untrusted(
        f"cannot trust this release: it was signed before its publisher changed his "
        f"keys: it came with root {theirs}, and this box trusts root {ours} by now",
        hint="make it anew, by `edgectl publish bundle`; if it was made after that "
        "change, do not use it: ask its publisher",
        **refused.fields,
    )


def _find(trusted: Trusted, *, model: str, seq: int) -> Signed | None:
    for one in trusted.releases:
        if (one.listing.model, one.listing.seq) == (model, seq):
            return one
    return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
