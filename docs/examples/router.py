"""An outside router: gives each contact to the agent who has talked least, and looks again.

    python docs/examples/router.py http://127.0.0.1:8080 support sue password-sue

The queue has routing = "external", and the account is a supervisor's.  It needs nothing but Python.
When it ends by Ctrl-C it says so, and the queue's own rules go on; when it is killed, they go on as
soon as it has been silent for external_silence_seconds.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from typing import Any
from urllib.error import HTTPError, URLError

LOOKS = 0.5
"""Seconds between two looks; it must be heard of within external_silence_seconds."""


class Server:
    def __init__(self, url: str, name: str, password: str) -> None:
        self._url, self._token = f"{url}/api/v1", ""
        self._token = self.asks("POST", "/session", name=name, password=password)["token"]

    def asks(self, method: str, path: str, expect: int | None = None, **body: Any) -> Any:
        """Raises HTTPError, whose body has a reason code."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        if expect is not None:
            headers["Expect-Version"] = str(expect)
        data = json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def looks(server: Server, queue: str) -> None:
    """Says that it is there, and gives away whom it can."""
    seen = server.asks("PUT", f"/queues/{queue}/router")
    free = {agent["agent"]: agent["talked"] for agent in seen["agents"]}
    for contact in seen["contacts"]:
        suiting = [agent for agent in contact["suits"] if agent in free]
        if not suiting:
            continue
        name, agent = contact["contact"], min(suiting, key=lambda one: (free[one], one))
        try:
            server.asks("POST", f"/contacts/{name}/assign", contact["version"], agent=agent)
            print(f"{name}: {agent}", flush=True)
        except HTTPError as error:  # somebody was first; the next look shows what is left
            print(f"{name}: {agent} {json.load(error)['refused']}", flush=True)
        del free[agent]


def main(url: str, queue: str, name: str, password: str) -> None:
    server = Server(url, name, password)
    print(f"{name} routes {queue}", flush=True)
    try:
        while True:
            try:
                looks(server, queue)
            except URLError as error:
                print(f"let down: {error}", flush=True)
            time.sleep(LOOKS)
    except KeyboardInterrupt:
        server.asks("DELETE", f"/queues/{queue}/router")
        print(f"{name} routes {queue} no more", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
