"""A webhook on this machine."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Listener:
    """A webhook that answers what it is told to, one after another, and remembers what it was sent.

    `tls`: (certificate, key) of an https one. A status of 0 hangs up instead of answering; `said` makes the body.
    """

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.said: Callable[[Any], bytes] = lambda _: b""
        self.got: list[tuple[dict[str, str], Any]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                listener.got.append((dict(self.headers), body))
                status, headers = listener.answers.pop(0) if listener.answers else (200, {})
                said = listener.said(body)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server.server_port}/services/T000/SECRETPATH"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
