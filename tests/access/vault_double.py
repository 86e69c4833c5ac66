"""A server that speaks the Transit engine's documented API (encrypt and decrypt), and fails on demand."""

import base64
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.test-token"


class VaultDouble(ThreadingHTTPServer):
    """Has one key, ``transit/headgate``."""

    def __init__(self, port: int = 0, key: bytes = b"v" * 32) -> None:
        self.token = TOKEN
        self.says: tuple[int, Any] | None = None
        """What is answered to everything, instead."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.key = key
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, said = double.answer(self.path, dict(self.headers), body)
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        super().__init__(("127.0.0.1", port), Handler)
        self.daemon_threads = True
        self.port = self.server_address[1]
        self.target = f"http://127.0.0.1:{self.port}/transit/headgate"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, headers: dict[str, str], body: dict[str, str]) -> tuple[int, Any]:
        headers = {name.lower(): value for name, value in headers.items()}
        self.asked.append((path, headers))
        if self.says is not None:
            return self.says
        if headers.get("x-vault-token") != self.token:
            return 403, {"errors": ["permission denied"]}
        verb = path.removeprefix("/v1/transit/").removesuffix("/headgate")
        if verb == "encrypt":
            nonce = os.urandom(12)
            text = nonce + AESGCM(self.key).encrypt(nonce, base64.b64decode(body["plaintext"]), None)
            return 200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(text).decode(), "key_version": 1}}
        if verb == "decrypt":
            try:
                text = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"), validate=True)
                plain = AESGCM(self.key).decrypt(text[:12], text[12:], None)
            except (ValueError, InvalidTag):
                return 400, {"errors": ["cipher: message authentication failed"]}
            return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}
        return 404, {"errors": ["no handler for route"]}

    def close(self) -> None:
        self.shutdown()
        self.server_close()
