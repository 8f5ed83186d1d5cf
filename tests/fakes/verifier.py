"""Who vouches for releases of sources as a table that a test fills."""

from collections.abc import Mapping

from edged.activate.verifier import Vouched
from edged.errors import Untrusted
from edged.wire.updates import Reason


class FakeVerifier:
    """Satisfies `activate.verifier.Verifier`.

    Attributes:
        sources: what each says of every release.
        asked: source, documents and manifest, in the order they came.
    """

    def __init__(self) -> None:
        self.sources: dict[str, Vouched] = {}
        self.asked: list[tuple[str, dict[str, bytes], bytes]] = []

    def verify(
        self, source: str, documents: Mapping[str, bytes], manifest: bytes
    ) -> Vouched:
        """Say what the table says."""
        self.asked.append((source, dict(documents), manifest))
        if source not in self.sources:
            raise Untrusted(
                f"cannot trust source {source}: nobody named it",
                reason=Reason.NO_ROOT.value,
            )
        return self.sources[source]

    def revoked(
        self, source: str, documents: Mapping[str, bytes], model: str
    ) -> dict[str, str]:
        """Say that everything in the table is revoked."""
        vouched = self.verify(source, documents, model.encode())
        return dict.fromkeys(vouched.revoked, "it leaks")
