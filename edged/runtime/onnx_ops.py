"""Which operators an ONNX file calls, and whether anybody here has them.

Law: pure; bounded in distinct names and in what functions unfold to. A node calls an
operator of a domain, or a function that the file itself brings; a runtime unfolds
functions before it runs anything, so one that calls the next twice, and so on thirty
times, is a gigabyte.
Source: onnx/onnx.proto, FunctionProto; the kernels that onnxruntime 1.32 registers
for its CPU provider.
"""

from collections import defaultdict

from edged.errors import BadModel
from edged.runtime.protobuf import Fields

#: Domains whose operators run on a CPU here. `com.microsoft.nchwc` is in models that
#: onnxruntime optimised and wrote back. Not among them: `ai.onnx.preview.training` and
#: `org.pytorch.aten` (no kernels), `com.ms.internal.nhwc` (other providers alone).
DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
)
#: The same under another name.
_PLAIN = "ai.onnx"

#: Distinct operators called, of the graph and of each function. Exporters that make
#: one function of each module have some thousand.
MAX_CALLS = 100_000

#: Functions in functions; nested modules go a dozen deep.
MAX_DEPTH = 100

#: Nodes when all functions are unfolded; the largest language models have 10,000.
MAX_NODES = 1_000_000

#: `<domain>:<name>:<overload>` of one operator or function, long ones refused.
_MAX_NAME_BYTES = 1000

#: The graph itself among those that call.
MAIN = 0

Operator = tuple[str, str, str]


class Calls:
    """Who calls which operator how often, in one file."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._by: dict[int, dict[Operator, int]] = defaultdict(dict)
        self._functions: dict[Operator, int] = {}
        self._distinct = 0
        self._unfolded: dict[int, tuple[int, int]] = {}

    def call(self, caller: int, domain: bytes, name: bytes, overload: bytes) -> None:
        """Count one node.

        Args:
            caller: `MAIN` or a function's number.
            domain: as written, as are the others.
            name: of the operator or function.
            overload: of the function.

        Raises:
            BadModel: too many distinct ones, or a name that is none.
        """
        operator = self._named(domain, name, overload)
        calls = self._by[caller]
        if operator not in calls:
            self._count()
        calls[operator] = calls.get(operator, 0) + 1

    def define(self, caller: int, domain: bytes, name: bytes, overload: bytes) -> None:
        """Take note of a function that the file brings, by its number.

        Raises:
            BadModel: there are two of that name, or too many.
        """
        self._count()
        function = self._named(domain, name, overload)
        if function in self._functions:
            raise self._fields.damaged(f"it has two functions {_written(function)}")
        self._functions[function] = caller

    def check(self) -> None:
        """Hold all calls against what there is; call it at the end.

        Raises:
            BadModel: an operator that nobody here has, a function that calls itself,
                or functions that unfold to too much.
        """
        for calls in self._by.values():
            for operator in calls:
                if operator not in self._functions and operator[0] not in DOMAINS:
                    raise self._unknown(operator)
        self._unfold(MAIN, frozenset())

    def _named(self, domain: bytes, name: bytes, overload: bytes) -> Operator:
        if len(domain) + len(name) + len(overload) > _MAX_NAME_BYTES:
            raise self._fields.damaged(
                f"an operator's name has more than {_MAX_NAME_BYTES} bytes"
            )
        plain = domain.decode("utf-8", "replace")
        return (
            "" if plain == _PLAIN else plain,
            name.decode("utf-8", "replace"),
            overload.decode("utf-8", "replace"),
        )

    def _count(self) -> None:
        self._distinct += 1
        if self._distinct > MAX_CALLS:
            raise self._fields.damaged(
                f"it calls more than {MAX_CALLS} different operators"
            )

    def _unfold(self, caller: int, above: frozenset[int]) -> tuple[int, int]:
        """Return how many nodes a caller becomes, and how deep its functions nest."""
        if caller in above:
            raise self._fields.refused(
                f"its function {self._name_of(caller)} calls itself",
                "export the model without functions",
            )
        if len(above) > MAX_DEPTH:
            raise self._too_deep()
        if caller in self._unfolded:
            return self._unfolded[caller]
        nodes = depth = 0
        for operator, times in self._by.get(caller, {}).items():
            callee = self._functions.get(operator)
            if callee is None:
                nodes += times
                continue
            inner, below = self._unfold(callee, above | {caller})
            nodes += times * (inner + 1)
            depth = max(depth, below + 1)
        if depth > MAX_DEPTH:
            raise self._too_deep()
        if nodes > MAX_NODES:
            raise self._fields.refused(
                f"its functions unfold to more than {MAX_NODES} nodes",
                "export the model without functions",
            )
        self._unfolded[caller] = nodes, depth
        return nodes, depth

    def _name_of(self, caller: int) -> str:
        names = (_written(name) for name, at in self._functions.items() if at == caller)
        return next(names, "")

    def _too_deep(self) -> BadModel:
        return self._fields.refused(
            f"its functions nest deeper than {MAX_DEPTH} levels",
            "export the model without functions",
        )

    def _unknown(self, operator: Operator) -> BadModel:
        domain, name, _ = operator
        known = ", ".join(sorted(DOMAINS - {""}))
        return self._fields.refused(
            f"its operator {name} is of the domain {domain!r}, which nobody here has "
            f"operators of; there are {known}",
            "export the model with operators of ONNX itself",
        )


def _written(operator: Operator) -> str:
    domain, name, _ = operator
    return f"{domain}:{name}" if domain else name
