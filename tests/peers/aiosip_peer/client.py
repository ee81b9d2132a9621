"""aiosip as a user agent, in a process of its own: ``client.py ACTION HOST PORT``.

Prints one JSON object about how it went.  What aiosip 0.2.0 needs of the Python of
its day is put back first.
"""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import json
import socket
import sys
import types
from typing import Any

asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]  # gone since Python 3.11
collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]  # 3.10
sys.modules["pyquery"] = types.ModuleType("pyquery")
sys.modules["pyquery"].PyQuery = None  # type: ignore[attr-defined]  # for XML bodies, not used

import aiosip  # type: ignore[import-not-found]  # noqa: E402  # installed by the test

SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""
SECONDS = 5.0


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def start_dialog(user: str, called: str, host: str, port: int, password: str = "") -> Any:
    local = free_port()
    return await aiosip.Application().start_dialog(
        from_uri=f"sip:{user}@127.0.0.1:{local}",
        to_uri=f"sip:{called}@{host}:{port}",
        contact_uri=f"sip:{user}@127.0.0.1:{local}",
        local_addr=("127.0.0.1", local),
        remote_addr=(host, port),
        password=password,
    )


async def call(host: str, port: int) -> dict[str, Any]:
    """INVITE, talk for a second, BYE."""
    dialog = await start_dialog("customer", "2001", host, port)
    sdp = SDP.format(port=free_port()).replace("\n", "\r\n")
    headers = aiosip.message.CIMultiDict({"Content-Type": "application/sdp"})
    conversation = await aiosip.Call.invite(dialog, headers=headers, sdp=sdp)
    await asyncio.sleep(1.5)
    hung_up_on = conversation.wait().done()
    await conversation.close()
    return {"answered": True, "hung_up_on": hung_up_on, "ended": conversation.wait().done()}


async def mended_call(host: str, port: int) -> dict[str, Any]:
    """The same with an ACK that is one: aiosip's says ``CSeq: 1 INVITE``."""

    def send_ack(conversation: Any, ok: Any) -> None:
        number, method = ok.headers["CSeq"].split()
        if method == "INVITE":
            headers = {"From": ok.headers["From"], "To": ok.headers["To"], "CSeq": f"{number} ACK"}
            conversation.dialog.send_message("ACK", headers=aiosip.message.CIMultiDict(headers))

    aiosip.Call._ack = send_ack
    return await call(host, port)


async def register(host: str, port: int) -> dict[str, Any]:
    dialog = await start_dialog("1001", "1001", host, port, "secret-1001")
    answer = await dialog.register()
    return {"status": answer.status_code}


async def main(what: str, host: str, port: str) -> dict[str, Any]:
    action = {"call": call, "mended_call": mended_call, "register": register}[what]
    try:
        return await asyncio.wait_for(action(host, int(port)), SECONDS)
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
