"""A small stand-in for Qdrant: what of its REST API the index uses, as <https://api.qdrant.tech/api-reference> has it.

It is strict where a server is: a vector of another length, an unknown collection or field is refused.
"""

import threading
import time
from typing import Any
from uuid import UUID

import numpy as np

from tests.answering import Answer, Answering, Asked

KEY = "qdrant-key"


class Stand(Answering):
    """The server, on a free port of this machine."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()
        self.slow = False
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        if self.slow:
            time.sleep(1.0)
        status, result = 401, None
        if asked.headers.get("api-key") == KEY:
            with self.lock:
                body = asked.json if asked.body else None
                status, result = self._result(asked.method, asked.path.partition("?")[0], body)
        return status, {"result": result, "status": "ok" if status == 200 else {"error": "no"}, "time": 0.0}

    def _result(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if method == "GET" and parts == ["collections"]:
            return 200, {"collections": [{"name": name} for name in self.collections]}
        name, rest = parts[1], "/".join(parts[2:])
        if (method, rest) == ("GET", "exists"):
            return 200, {"exists": name in self.collections}
        if (method, rest) == ("PUT", ""):
            if name in self.collections or body["vectors"]["distance"] != "Cosine":
                return 409, None
            self.collections[name] = {"size": body["vectors"]["size"], "points": {}, "directions": {}}
            return 200, True
        held = self.collections.get(name)
        if held is None:
            return 404, None
        return self._of(held, method, rest, body)

    def _of(self, held: dict[str, Any], method: str, rest: str, body: Any) -> tuple[int, Any]:
        points: dict[str, Any] = held["points"]
        if (method, rest) == ("PUT", "index"):
            assert body["field_schema"] in ("integer", "keyword") or body["field_schema"]["type"] == "keyword"
            return 200, {"operation_id": 1, "status": "completed"}
        if (method, rest) == ("PUT", "points"):
            for point in body["points"]:
                if len(point["vector"]) != held["size"]:
                    return 400, None
                points[str(UUID(point["id"]))] = point
                held["directions"][point["id"]] = _direction(point["vector"])
            return 200, {"operation_id": 2, "status": "completed"}
        found = [
            point for point in points.values() if all(_meets(point["payload"], one) for one in body["filter"]["must"])
        ]
        if (method, rest) == ("POST", "points/delete"):
            for point in found:
                del points[point["id"]]
            return 200, {"operation_id": 3, "status": "completed"}
        if (method, rest) == ("POST", "points/count"):
            return 200, {"count": len(found)}
        if (method, rest) == ("POST", "points/query"):
            if len(body["query"]) != held["size"]:
                return 400, None
            near = np.array([held["directions"][p["id"]] for p in found]).reshape(-1, held["size"])
            cosines = (near @ _direction(body["query"])).tolist()
            scored = sorted(zip(cosines, found, strict=True), key=lambda one: -one[0])
            keys = ["id", "payload"] * body["with_payload"] + ["vector"] * body["with_vector"]
            return 200, {"points": [{"score": s, **{k: p[k] for k in keys}} for s, p in scored[: body["limit"]]]}
        return 404, None


def _meets(payload: dict[str, Any], wanted: dict[str, Any]) -> bool:
    value: Any = payload.get(wanted["key"])
    if "range" in wanted:
        bounds = wanted["range"]
        return bool(bounds.get("gt", value - 1) < value <= bounds.get("lte", value))
    match = wanted["match"]
    return bool(value == match["value"] if "value" in match else value in match["any"])


def _direction(vector: list[float]) -> Any:
    numbers = np.array(vector)
    return numbers / np.linalg.norm(numbers)
