"""A publisher on this machine: an HTTP server that can break off, resume, and change its file."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Publisher:
    """Serves ``files``; counts requests; breaks the next ``breaks`` transfers after ``break_at`` bytes."""

    def __init__(self):
        self.files = {}
        self.ranges = []
        self.breaks = 0
        self.break_at = 0
        self.honours_range = True
        self.sends_etag = True
        self.sends_length = True
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                publisher.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}/{path}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request):
        content = self.files.get(request.path.lstrip("/"))
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        if content is None:
            request.send_error(404)
            return
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        start = 0
        if asked and self.honours_range and request.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                request.send_error(416)
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            request.send_response(200)
        if self.sends_etag:
            request.send_header("ETag", etag)
        if self.sends_length:
            request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if self.breaks:
            self.breaks -= 1
            body = body[: self.break_at]
        request.wfile.write(body)


@pytest.fixture
def publisher():
    server = Publisher()
    yield server
    server.close()


@pytest.fixture
def no_places(monkeypatch, tmp_path):
    """No data anywhere: neither SIGNWISE_DATA nor a cache of the user."""
    monkeypatch.delenv("SIGNWISE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "signwise"
