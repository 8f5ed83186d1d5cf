"""Which subgraphs of a TensorFlow Lite file call which, and whether that ever ends.

Law: as `tflite_bounds`, of which this is a part. The interpreter prepares what an
operator calls before the operator itself; a ring of calls would have no end but that
of the stack.
Source: tensorflow/lite/schema/schema.fbs, the options of IF, WHILE, CALL and the like.
"""

from collections.abc import Iterator

from edged.runtime.flatbuffer import Table

#: Subgraphs inside each other. Converters write two or three.
MAX_DEPTH = 32

# Fields of an operator: the kind of its options, and its options.
_OPTIONS, _OPTIONS_2 = (3, 4), (11, 12)

#: By the pair of fields and the kind of options: where these name a subgraph.
_CALLS: dict[tuple[tuple[int, int], int], tuple[int, ...]] = {
    (_OPTIONS, 16): (0,),  # CallOptions
    (_OPTIONS, 92): (0, 1),  # IfOptions
    (_OPTIONS, 93): (0, 1),  # WhileOptions
    (_OPTIONS, 103): (0,),  # CallOnceOptions
    (_OPTIONS_2, 6): (1,),  # StablehloReduceOptions
    (_OPTIONS_2, 7): (6,),  # StablehloScatterOptions
    (_OPTIONS_2, 13): (5,),  # StablehloReduceWindowOptions
    (_OPTIONS_2, 14): (2,),  # StablehloSortOptions
    (_OPTIONS_2, 15): (0, 1),  # StablehloWhileOptions
    (_OPTIONS_2, 21): (1,),  # StableHLOCompositeOptions
}
_CASE = (_OPTIONS_2, 23)  # StablehloCaseOptions: a vector of them, in field 0

_OPERATORS = 3


def fault(graphs: tuple[Table, ...]) -> str | None:
    """Say which call leads nowhere, or round in a ring; None if none does."""
    calls = [tuple(_called(graph)) for graph in graphs]
    for index, called in enumerate(calls):
        if any(not 0 <= other < len(graphs) for other in called):
            return f"subgraph {index} calls one that is not there"
    heights: dict[int, int] = {}
    for index in range(len(calls)):
        if index not in heights and (wrong := _climb(index, calls, heights)):
            return wrong
    return None


def _called(graph: Table) -> Iterator[int]:
    for operator in graph.tables(_OPERATORS):
        for pair in (_OPTIONS, _OPTIONS_2):
            kind = operator.number(pair[0], "B")
            fields = _CALLS.get((pair, kind), ())
            if not fields and (pair, kind) != _CASE:
                continue
            options = operator.table(pair[1])
            if options is None:
                continue
            yield from (options.number(field, "i") for field in fields)
            if (pair, kind) == _CASE:
                yield from options.numbers(0)


def _climb(start: int, calls: list[tuple[int, ...]], heights: dict[int, int]) -> str:
    """Measure how deep calls go from one subgraph on; say what is wrong with it."""
    path, waiting = [start], [iter(calls[start])]
    while path:
        other = next(waiting[-1], None)
        if other is None:
            done = path.pop()
            waiting.pop()
            heights[done] = 1 + max((heights[n] for n in calls[done]), default=0)
        elif other in path:
            return f"subgraph {other} calls itself"
        elif len(path) + heights.get(other, 1) > MAX_DEPTH:
            return f"subgraphs call each other more than {MAX_DEPTH} deep"
        elif other not in heights:
            path.append(other)
            waiting.append(iter(calls[other]))
    return ""
