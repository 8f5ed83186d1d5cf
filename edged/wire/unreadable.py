"""What msgspec raises for bytes that are no document of the kind asked for.

Law: whoever decodes bytes that somebody else wrote catches all of it. Text in JSON that
is no UTF-8 is no `MsgspecError`, and neither is a document that is too deep.
"""

import msgspec

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
