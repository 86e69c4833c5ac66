"""``python -m tests.proofs.asker PORT KEY COUNT``: ask one call after the other, and print the milliseconds of each.

A process of its own: in that of a proof, receivers and other callers would keep it waiting, and that would count.
"""

import http.client
import json
import subprocess
import sys
import time

PAUSE = 0.005
BODY = {"model": "wall/good", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50}


def asked(port: int, key: str, count: int) -> list[float]:
    """Have *count* calls made, and return the milliseconds that each took."""
    command = [sys.executable, "-m", "tests.proofs.asker", str(port), key, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    port, key, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    connection, body, took = http.client.HTTPConnection("127.0.0.1", port, timeout=30), json.dumps(BODY), []
    for _ in range(count):
        begun = time.monotonic()
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = connection.getresponse()
        data = answer.read()
        took.append((time.monotonic() - begun) * 1000)
        assert answer.status == 200, data
        time.sleep(PAUSE)
    print(json.dumps(took))


if __name__ == "__main__":
    main()
