"""How many threads one inference gets.

Law: pure; whoever loads a model for serving, or to compare with serving, asks here.
"""

#: More threads than this speed up no model that fits such a box.
_MOST = 4


def choose(setting: int, cores: int) -> int:
    """Return the threads of one run.

    Args:
        setting: `runtime.threads`; 0 to choose by the number of cores.
        cores: that this process may use, at least 1.
    """
    # One core is left to whoever feeds the model.
    return setting or min(max(1, cores - 1), _MOST)
