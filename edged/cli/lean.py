"""Import msgspec without typing_extensions, which takes as long as starting Python.

Law: imported before anything that imports msgspec. msgspec asks for the package and is
content without: what it wants of it, Python 3.11 has in `typing`. Who imports
typing_extensions later gets it as usual.
"""

import sys
from types import ModuleType
from typing import cast

_NAME = "typing_extensions"

if _NAME not in sys.modules:
    sys.modules[_NAME] = cast("ModuleType", None)  # makes its import fail
    import msgspec as msgspec  # noqa: PLC0414  # imported for its effect

    del sys.modules[_NAME]
