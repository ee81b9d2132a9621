"""An agent's desktop: says what comes, and after RONA makes him available again.

    python docs/examples/desktop.py http://127.0.0.1:8080 ada password-ada

It needs the package websockets and nothing else.  When the server lets it down, it comes back with
the last number it has seen, and is told only what it has missed.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

SESSION_ENDED = 4401


def asks(url: str, path: str, body: Any = None, token: str = "") -> dict[str, Any]:
    """POST; raises urllib.error.HTTPError, whose body has a reason code."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = json.dumps(body or {}).encode()
    request = urllib.request.Request(f"{url}/api/v1{path}", data, headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def main(url: str, name: str, password: str) -> None:
    me = asks(url, "/session", {"name": name, "password": password})
    agent, token, after = me["agent"], me["token"], ""
    print(f"{name} is agent {agent}", flush=True)
    while True:
        place = f"ws{url.removeprefix('http')}/api/v1/events{after}"
        try:
            with connect(place, additional_headers={"Authorization": f"Bearer {token}"}) as feed:
                for message in feed:
                    change = json.loads(message)
                    after = f"?after={change['seq']}"
                    shows(url, token, agent, change)
            if feed.protocol.close_code == SESSION_ENDED:
                return
        except (OSError, WebSocketException) as error:
            print(f"let down: {error}", flush=True)
        time.sleep(0.2)


def shows(url: str, token: str, agent: str, change: dict[str, Any]) -> None:
    own = change["agents"].get(agent)
    if own is not None:
        print(f"{agent}: {own['state']} {own['code'] or ''}", flush=True)
        if own["code"] == "rona" and "available" in own["allowed"]:  # the choice of V-7
            asks(url, f"/agents/{agent}/available", token=token)
            print("the phone was not answered: available again", flush=True)
    for name, contact in change["contacts"].items():
        if contact is None:
            print(f"{name}: over, or somebody else's", flush=True)
            continue
        talk = contact["conversation"] or contact
        by = contact["consult"]["by_name"] if contact["asked"] == agent else ""
        print(f"{name}: {contact['ani']} {by} {talk['state']}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
