"""A receiver of Orrery's webhooks that needs nothing but Python: it verifies each message and prints it.

    ORRERY_WEBHOOK_SECRET=whsec_… python3 receive_webhooks.py 8080
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE_SECONDS = 300


def verify(secret, headers, body, now=None):
    """Raises ValueError unless a body (bytes) was signed with the secret lately (Standard Webhooks, "Verifying signatures")."""
    message_id, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
    if abs((now or time.time()) - int(sent_at)) > TOLERANCE_SECONDS:
        raise ValueError("the message is too old, or from the future")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = message_id.encode() + b"." + sent_at.encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # While a secret is changed over, a message has several signatures.
    for signature in headers["webhook-signature"].split():
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(value, expected):
            return
    raise ValueError("no signature fits")


class Receiver(BaseHTTPRequestHandler):
    seen = set()  # In earnest: a table with a unique key, changed in the transaction that acts on the message.

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            verify(os.environ["ORRERY_WEBHOOK_SECRET"], self.headers, body)
        except (TypeError, KeyError, ValueError) as error:
            print(f"refused: {error}", flush=True)
            self.send_response(400)
        else:
            if self.headers["webhook-id"] not in self.seen:
                self.seen.add(self.headers["webhook-id"])
                message = json.loads(body)
                print(message["type"], json.dumps(message["data"]), flush=True)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
