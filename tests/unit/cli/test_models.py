"""Choosing and showing a model."""

import pytest
from msgspec.structs import replace

from edged.cli.models import choose, layout, listing
from edged.cli.view import model_table
from edged.errors import UnknownVersion
from edged.wire.messages import ModelDetail, ModelStatus, ReleaseRef, Standing, Trouble
from edged.wire.release import Image, Input, Manifest, Output, Signature
from edged.wire.tensors import Datatype


def ref(seq: int, version: str, **known: object) -> ReleaseRef:
    """Return an installed release."""
    bare = ReleaseRef(version=version, seq=seq, digest="ab" * 32, folder=f"{seq}-ab")
    return replace(bare, **known)


@pytest.fixture
def detail(digits: ModelStatus) -> ModelDetail:
    """Return a model with four releases, two of them of one version."""
    return ModelDetail(
        status=digits,
        releases=(
            ref(12, "1.3.0", standing=Standing.QUARANTINED),
            ref(13, "1.3.0", previous=True),
            ref(
                14,
                "1.4.0",
                live=True,
                size_bytes=300_000,
                standing=Standing.PROBATION,
            ),
            ref(15, "14", standing=Standing.HELD),
        ),
    )


@pytest.mark.parametrize(("text", "seq"), [("1.4.0", 14), ("12", 12), ("14", 15)])
def test_a_release_is_chosen_by_version_or_number(
    detail: ModelDetail, text: str, seq: int
) -> None:
    """A version is looked for first: it is what people know."""
    assert seq == choose(detail, text).seq


def test_a_version_of_two_releases_is_no_choice(detail: ModelDetail) -> None:
    """The numbers are told, and one is shown how to use."""
    with pytest.raises(UnknownVersion) as refused:
        choose(detail, "1.3.0")

    assert (
        "cannot choose a release of digits: 1.3.0 is the version of 12, 13",
        "edgectl models use digits 12",
    ) == (refused.value.message, refused.value.hint)


def test_an_unknown_version_is_told_with_the_known_ones(detail: ModelDetail) -> None:
    """Nobody has to ask again."""
    with pytest.raises(UnknownVersion, match=r"installed are 1\.3\.0 \(12\), "):
        choose(detail, "9")


@pytest.mark.parametrize("text", ["²", "①", "1" * 5000, "-12", ""])
def test_what_only_looks_like_a_number_is_an_unknown_version(
    detail: ModelDetail, text: str
) -> None:
    """A superscript is a digit to Python, and no number."""
    with pytest.raises(UnknownVersion):
        choose(detail, text)


def test_a_model_is_shown_whole(detail: ModelDetail) -> None:
    """State, signature, ladder, releases."""
    signature = Signature(
        inputs=(
            Input(name="i", datatype=Datatype.FP32, shape=(1, 3, 8, 8), image=Image()),
        ),
        outputs=(
            Output(name="o", datatype=Datatype.FP32, shape=(1, 10), labels="l.txt"),
        ),
    )
    manifest = Manifest(
        name="digits",
        version="1.4.0",
        seq=14,
        signature=signature,
        variants=(),
        files={},
    )

    loop, thread = detail.status.variants
    status = replace(
        detail.status,
        variants=(
            replace(
                loop,
                placement="loop",
                threads=2,
                most_threads=4,
                cost_ms=1.23,
                share=0.25,
                passed_over="the box would get too hot",
            ),
            replace(thread, placement="thread", threads=4, most_threads=4, share=0.75),
            replace(thread, id="fp16", loaded=False),
        ),
    )

    assert layout(replace(detail, status=status, manifest=manifest), width=80) == [
        "digits 1.4.0: ready",
        "",
        "in   i: FP32[1,3,8,8]  picture, rgb NCHW",
        "out  o: FP32[1,10]  labels in l.txt",
        "",
        "VARIANT  BACKEND  STATE   RUNS ON  THREADS  ACCURACY  CPU MS  REQUESTS  SHARE",
        "fp32     onnx     loaded  loop      2 of 4         -    1.23         0    25%",
        "int8     litert   loaded  thread         4         -       -         0    75%",
        "fp16     litert   -       -              -         -       -         0      -",
        "- fp32 is not chosen now: the box would get too hot",
        "",
        "SEQ  VERSION  STATE                 SIZE  INSTALLED  TRUST  DIGEST",
        " 12  1.3.0    quarantined            0 B  -          local  abababababab",
        " 13  1.3.0    previous               0 B  -          local  abababababab",
        " 14  1.4.0    live, probation  293.0 KiB  -          local  abababababab",
        " 15  14       held                   0 B  -          local  abababababab",
    ]


def test_a_list_tells_what_is_wrong(digits: ModelStatus) -> None:
    """Here `status` leads when its screen is full: each with its next step."""
    trouble = Trouble(
        code="bad-model", text="cannot load zoo", hint="look", model="zoo"
    )
    zoo = replace(digits, name="zoo", problem=trouble)

    assert ["", "- cannot load zoo", "  try: look"] == listing((digits, zoo), width=80)[
        -3:
    ]
    assert model_table([digits]) == listing((digits,), width=80)
