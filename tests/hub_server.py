"""A Hugging Face Hub of our own on localhost: real HTTP, real Hub client, a folder a repository."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """repositories: {id: folder}; gated: ids that need a token; broken: files that break off halfway."""

    url: str = ""
    repositories: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a Hub for the duration of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(path)
        parts = path.split("/")
        if not path:
            return self._send(b"", {}, body)
        name = "/".join(parts[2:4] if parts[:2] == ["api", "models"] else parts[:2])
        if name not in self.hub.repositories:
            return self._refuse(404, "RepoNotFound")
        if parts[:2] == ["api", "models"]:
            return self._send(
                json.dumps(self._info(name)).encode(), {"Content-Type": "application/json"}, body
            )
        if name in self.hub.gated:
            return self._refuse(403, "GatedRepo")
        return self._file(self.hub.repositories[name] / "/".join(parts[4:]), body)

    def _info(self, name: str) -> dict[str, object]:
        folder = self.hub.repositories[name]
        files = [path for path in folder.rglob("*") if path.is_file()]
        siblings = [
            {"rfilename": str(path.relative_to(folder)), "size": path.stat().st_size} for path in files
        ]
        return {"id": name, "sha": COMMIT, "siblings": siblings, "gated": name in self.hub.gated and "manual"}

    def _file(self, path: Path, body: bool) -> None:
        if not path.is_file():
            return self._refuse(404, "EntryNotFound")
        content = path.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if body and path.name in self.hub.broken:
            self.close_connection = True
            return self._send(content, headers, body, stop_at=len(content) // 2)
        return self._send(content, headers, body)

    def _send(self, content: bytes, headers: dict[str, str], body: bool, stop_at: int | None = None) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content[:stop_at])

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
