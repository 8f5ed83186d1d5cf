"""Record what an HTTP client sends, as a row for tests/data/recorded_clients.json.

    python -m tools.record_client "curl 8.5, JSON" -- sh -c \
        'curl -s --unix-socket "$RECORD_SOCKET" http://localhost/... -d @request.json'

The command finds a Unix socket in RECORD_SOCKET. Each request is answered as a model
`digits` with inputs `x` FP32[1,4] and an output `y` of the same would. The row is
printed; `express` is for a person to say, who knows why. What was recorded of Go is
`go run tools/record_client.go`, and again with the argument `plain`.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

_END = b"\r\n\r\n"
_JSON = json.dumps(
    {
        "model_name": "digits",
        "model_version": "1.4.0",
        "outputs": [
            {"name": "y", "datatype": "FP32", "shape": [1, 4], "data": [0, 0, 0, 0]}
        ],
    }
).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(_JSON)
) + _JSON


def _request(connection: socket.socket) -> list[bytes] | None:
    """Read one request, in the pieces between which its sender waits."""
    raw = b""
    while _END not in raw:
        more = connection.recv(1 << 16)
        if not more:
            return None
        raw += more
    head, _, body = raw.partition(_END)
    pieces = []
    if re.search(rb"(?i)^expect: *100-continue", head, re.MULTILINE):
        pieces, raw = [raw], b""
        connection.sendall(b"HTTP/1.1 100 Continue" + _END)
    length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
    while not (
        len(body) >= int(length[1]) if length else body.endswith(b"0" + _END) or not raw
    ):
        more = connection.recv(1 << 16)
        body, raw = body + more, raw + more
    return [*pieces, raw]


def _serve(listener: socket.socket, found: list[list[bytes]]) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            while (pieces := _request(connection)) is not None:
                found.append(pieces)
                connection.sendall(_ANSWER)


def main() -> int:
    """Run the command, print the row."""
    name, _, *command = sys.argv[1:]
    found: list[list[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="edged") as folder:
        path = Path(folder) / "s"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=_serve, args=(listener, found), daemon=True).start()
        environ = {**os.environ, "RECORD_SOCKET": str(path)}
        code = subprocess.run(command, env=environ, check=False).returncode
    rows = [[piece.decode("latin-1") for piece in pieces] for pieces in found]
    print(json.dumps({"client": name, "express": None, "requests": rows}, indent=1))
    return code


if __name__ == "__main__":
    sys.exit(main())
