"""A static web host on loopback, in a thread, of files in memory.

    with static_host(files) as url: ...

It reads `files` anew at each request, so a test may change them; `asked` notes each
path. A file whose value is an exception's number, like 500, is answered by it.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@contextmanager
def static_host(
    files: Mapping[str, bytes | int], asked: list[str] | None = None
) -> Iterator[str]:
    """Serve until the block ends; give the URL, without a slash."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = unquote(self.path.removeprefix("/"))
            if asked is not None:
                asked.append(name)
            found = files.get(name, 404)
            if isinstance(found, int):
                self.send_error(found)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
