"""Values -> YAML text that people like to read and every reader reads the same.

Law: a text is quoted wherever YAML 1.1 or 1.2 could take it for something else;
leaf maps and lists stand on one line, everything above them in blocks.
"""

import json
import re
from collections.abc import Mapping
from typing import TypeGuard

from edged.strictyaml.kinds import Plain

#: Wide enough for a file name, a sha256 and a size on one line.
_WIDTH = 120

#: Words, paths, dotted versions, quantities and digests; nothing that looks like a
#: number (which a digest of digits and one "e" does) or a date.
_SAFE = re.compile(
    r"[A-Za-z_/][A-Za-z0-9_./+-]*"
    r"|[0-9]+(\.[0-9]+){2,}"
    r"|[0-9]+[A-Za-z]+"
    r"|(?=[0-9a-f]*[acdf])[0-9a-f]{64}"
)
_UNSAFE_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def document(value: Mapping[str, Plain]) -> str:
    """Return a whole document, one line or block for each key."""
    return "".join(f"{line}\n" for line in _block(value, 0))


def flow(value: Plain) -> str:
    """Return any value on one line."""
    if isinstance(value, Mapping):
        pairs = (f"{_text(key)}: {flow(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value)  # null, true, false, 12


def _block(value: Plain, indent: int) -> list[str]:
    """Lay a map or a list out in lines that all start at `indent`."""
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            lead = f"{' ' * indent}{_text(key)}:"
            if _on_one_line(item, len(lead)):
                lines.append(f"{lead} {flow(item)}")
            else:
                lines += [lead, *_block(item, indent + 2)]
    elif isinstance(value, list):
        for item in value:
            dash = f"{' ' * indent}- "
            if _on_one_line(item, len(dash)):
                lines.append(dash + flow(item))
            else:
                first, *rest = _block(item, indent + 2)
                lines += [dash + first[indent + 2 :], *rest]
    return lines


def _on_one_line(value: Plain, lead: int) -> bool:
    if not _is_container(value) or not value:
        return True
    parts = value.values() if isinstance(value, Mapping) else value
    return all(map(_flat, parts)) and lead + len(flow(value)) <= _WIDTH


def _flat(value: Plain) -> bool:
    """Tell whether a value is a scalar, a list of scalars or empty."""
    if isinstance(value, list):
        return not any(map(_is_container, value))
    return not _is_container(value) or not value


def _is_container(value: Plain) -> TypeGuard[list[Plain] | Mapping[str, Plain]]:
    return isinstance(value, Mapping | list)


def _float(value: float) -> str:
    # YAML 1.1 wants a dot before the exponent: `1e-05` would be text there.
    mantissa, exp, exponent = repr(value).partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{exp}{exponent}"


def _text(text: str) -> str:
    if _SAFE.fullmatch(text) and text.lower() not in _UNSAFE_WORDS:
        return text
    return f'"{"".join(map(_quoted, text))}"'


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\U{code:08x}"  # noqa: PLR2004
