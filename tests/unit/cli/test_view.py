"""Models in a table."""

from msgspec.structs import replace

from edged.cli.view import all_troubles, model_table, sentence, worst_first
from edged.wire.messages import ModelPhase, ModelStatus, Trouble, VariantStatus


def test_a_model_has_a_line_for_each_rung(digits: ModelStatus) -> None:
    """The name stands once, the ladder below it."""
    assert model_table([digits]) == [
        "MODEL   VERSION  STATE  REQUESTS  FAIL  VARIANT  p50 ms   p95",
        "digits  1.4.0    ready     12034     0  fp32       0.21  12.3",
        "                                        int8          -     -",
    ]


def test_no_models_make_no_table() -> None:
    """An empty table would be noise."""
    assert model_table([]) == []


def test_a_failed_rung_is_marked(digits: ModelStatus) -> None:
    """`!` is broken, `-` is not loaded, and a loaded one has no sign."""
    rungs = (
        VariantStatus(id="a", backend="onnx", loaded=False, problem="cannot load"),
        VariantStatus(id="b", backend="onnx", loaded=False),
        VariantStatus(id="c", backend="onnx", loaded=True),
    )

    lines = model_table([replace(digits, variants=rungs)])

    assert [line[40:47].strip() for line in lines[1:]] == ["a !", "b -", "c"]


def test_a_short_screen_gets_one_line_a_model(digits: ModelStatus) -> None:
    """Rungs give way before models do."""
    lines = model_table([digits, digits], rows=4)

    assert [line[:6] for line in lines] == ["MODEL ", "digits", "digits"]


def test_a_rung_that_is_not_shown_is_counted(digits: ModelStatus) -> None:
    """None vanishes without a note."""
    lines = model_table([digits, digits], rows=4)

    assert ["fp32 +1", "fp32 +1"] == [" ".join(line.split()[5:7]) for line in lines[1:]]


def test_what_is_broken_stands_first(digits: ModelStatus) -> None:
    """Healthy models keep their order and give way."""
    rung = VariantStatus(id="a", backend="onnx", loaded=False, problem="cannot load")
    models = [
        replace(digits, name="well"),
        replace(digits, name="rung", variants=(rung,)),
        replace(digits, name="away", phase=ModelPhase.UNLOADED),
        replace(digits, name="bad", phase=ModelPhase.FAILED),
        replace(digits, name="soon", phase=ModelPhase.LOADING),
    ]

    assert ["rung", "bad", "soon", "away", "well"] == [
        model.name for model in worst_first(models)
    ]


def test_a_shorter_screen_counts_the_rest(digits: ModelStatus) -> None:
    """What is left out is said, with the command that lists it."""
    lines = model_table([digits] * 20, rows=5)

    assert (5, "… and 17 more: edgectl models list") == (len(lines), lines[-1])


def test_the_widest_row_fits_a_console() -> None:
    """Long names are cut, large numbers are not."""
    wide = ModelStatus(
        name="n" * 64,
        phase=ModelPhase.UNLOADED,
        version="v" * 64,
        requests=9_999_999,
        failures=999_999,
        variants=(
            VariantStatus(
                id="v" * 64,
                backend="onnx",
                loaded=False,
                problem="x",
                p50_ms=12345.6,
                p95_ms=12345.6,
            ),
        ),
    )

    assert max(map(len, model_table([wide]))) <= 80


def test_a_trouble_is_told_once(digits: ModelStatus) -> None:
    """The daemon may list a model's problem both with it and at the top."""
    trouble = Trouble(code="bad-model", text="cannot load fp32", model="digits")

    found = all_troubles([replace(digits, problem=trouble)], [trouble])

    assert [trouble] == found


def test_a_broken_rung_is_a_trouble(digits: ModelStatus) -> None:
    """A ladder with a hole degrades the box, so it is told with a next step."""
    rung = VariantStatus(id="a", backend="onnx", loaded=False, problem="cannot load a")

    found = all_troubles([replace(digits, variants=(rung,))], [])

    assert [("cannot load a", "edgectl models verify digits")] == [
        (trouble.text, trouble.hint) for trouble in found
    ]


def test_a_trouble_names_its_model() -> None:
    """A text that does not name the model is put behind its name."""
    bare = Trouble(code="x", text="cannot load fp32", model="digits")
    named = Trouble(code="x", text="cannot load digits", model="digits")

    assert ("digits: cannot load fp32", "cannot load digits") == (
        sentence(bare),
        sentence(named),
    )
