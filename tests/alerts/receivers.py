"""Whom alerts are told, as servers on loopback that check what they get as the real ones do."""

import asyncio
import hmac
import json
import threading
from base64 import b64encode
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP

SECRET = "a secret of sixteen characters"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SEVERITIES = ("critical", "error", "warning", "info")


class Receivers:
    """A webhook, Slack and PagerDuty behind one port."""

    def __init__(self):
        self.hooks, self.messages, self.events = [], [], []
        self.incidents = {}
        self.failing = 0
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = 503 if told.failing else getattr(told, self.path.strip("/").partition("/")[0])(self, body)
                told.failing = max(told.failing - 1, 0)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def hook(self, request, body):
        """Standard Webhooks: the signature over id, time and body must be right."""
        head = request.headers
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        right = "v1," + b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
        if head["webhook-signature"] != right:
            return 401
        self.hooks.append(json.loads(body))
        return 204

    def slack(self, request, body):
        """As incoming webhooks do: text is needed, and blocks are of known kinds and lengths."""
        told = json.loads(body)
        blocks = [block for each in told.get("attachments", ()) for block in each["blocks"]]
        texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
        if not told.get("text") or not all(0 < len(text) <= 3000 for text in texts):
            return 400
        self.messages.append(told)
        return 200

    def v2(self, request, body):
        """As Events v2: an incident for each key, however often it is triggered."""
        told = json.loads(body)
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

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


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
