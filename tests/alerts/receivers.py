"""Whom alerts are told, as servers on loopback that check what they get as the real ones do."""

import asyncio
import hmac
import threading
from base64 import b64encode
from contextlib import contextmanager
from email import message_from_bytes

from aiosmtpd.smtp import SMTP

from tests.answering import Answer, Answering, Asked

SECRET = "a secret of sixteen characters"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SEVERITIES = ("critical", "error", "warning", "info")


class Receivers(Answering):
    """A webhook, Slack and PagerDuty behind one port."""

    def __init__(self):
        self.hooks, self.messages, self.events = [], [], []
        self.incidents = {}
        self.failing = 0
        super().__init__(self._receive)

    def _receive(self, asked: Asked) -> Answer:
        if self.failing:
            self.failing -= 1
            return 503, b""
        return getattr(self, asked.path.strip("/").partition("/")[0])(asked), b""

    def hook(self, asked: Asked) -> int:
        """Standard Webhooks: the signature over id, time and body must be right."""
        head = asked.headers
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + asked.body
        right = "v1," + b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
        if head["webhook-signature"] != right:
            return 401
        self.hooks.append(asked.json)
        return 204

    def slack(self, asked: Asked) -> int:
        """As incoming webhooks do: text is needed, and blocks are of known kinds and lengths."""
        told = asked.json
        blocks = [block for each in told.get("attachments", ()) for block in each["blocks"]]
        texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
        if not told.get("text") or not all(0 < len(text) <= 3000 for text in texts):
            return 400
        self.messages.append(told)
        return 200

    def v2(self, asked: Asked) -> int:
        """As Events v2: an incident for each key, however often it is triggered."""
        told = asked.json
        key, action = told.get("dedup_key"), told.get("event_action")
        if told.get("routing_key") != ROUTING_KEY or action not in ("trigger", "acknowledge", "resolve") or not key:
            return 400
        if action == "trigger":
            payload = told["payload"]
            if not payload["summary"] or not payload["source"] or payload["severity"] not in SEVERITIES:
                return 400
            self.incidents.setdefault(key, "triggered")
        elif key in self.incidents:
            self.incidents[key] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        self.events.append(told)
        return 202


class Postbox:
    """A mail server."""

    def __init__(self):
        self.letters = []

    async def handle_DATA(self, server, session, envelope):
        self.letters.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"

    @contextmanager
    def running(self):
        loop = asyncio.new_event_loop()
        ready = threading.Event()

        def serve():
            asyncio.set_event_loop(loop)
            server = loop.run_until_complete(loop.create_server(lambda: SMTP(self, loop=loop), "127.0.0.1", 0))
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            loop.run_forever()
            server.close()
            loop.run_until_complete(server.wait_closed())
            loop.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
