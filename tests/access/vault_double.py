"""A server that speaks the Transit engine's documented API (encrypt and decrypt), and fails on demand."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.answering import Answer, Answering, Asked

TOKEN = "hvs.test-token"


class VaultDouble(Answering):
    """Has one key, ``transit/headgate``."""

    def __init__(self, port: int = 0, key: bytes = b"v" * 32) -> None:
        self.token = TOKEN
        self.key = key
        super().__init__(self._answer, port)

    @property
    def target(self) -> str:
        return f"{self.url}/transit/headgate"

    def _answer(self, asked: Asked) -> Answer:
        body = asked.json
        if asked.headers.get("x-vault-token") != self.token:
            return 403, {"errors": ["permission denied"]}
        verb = asked.path.removeprefix("/v1/transit/").removesuffix("/headgate")
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
