"""G.711 (ITU-T G.711): µ-law, A-law and 16-bit linear, by tables.

Linear samples are little-endian 16-bit numbers, as in a WAV file.  The two direct tables turn one
law into the other in a single step of `bytes.translate`, without going through numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5"}
"""One sample of nothing."""

_Samples = NDArray[np.int16]
_Codes = NDArray[np.uint8]


def _decode_mu() -> _Samples:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4 & 7).astype(np.int32)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _decode_a() -> _Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = (code >> 4 & 7).astype(np.int32)
    mantissa = ((code & 0x0F).astype(np.int32) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, (mantissa + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _encode(decoded: _Samples) -> _Codes:
    """For each 16-bit sample, seen as unsigned, the code whose value is the nearest."""
    order = np.argsort(decoded, kind="stable")
    values = decoded[order].astype(np.int32)
    middles = (values[1:] + values[:-1] + 1) // 2
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    nearest: NDArray[Any] = order[np.searchsorted(middles, samples, side="right")]
    return nearest.astype(np.uint8)


_DECODE = {"PCMU": _decode_mu(), "PCMA": _decode_a()}
_DECODE_BOTH = np.concatenate((_DECODE["PCMU"], _DECODE["PCMA"])).astype(np.int32)
LAW = {"PCMU": 0, "PCMA": 256}
"""What is added to a code of this law for `decode_rows`."""
_ENCODE = {law: _encode(table) for law, table in _DECODE.items()}
# Of the two zeros of µ-law the positive one is silence.
_ENCODE["PCMU"][0] = SILENCE["PCMU"][0]

_ENCODE_SIGNED = {law: np.roll(table, 32768) for law, table in _ENCODE.items()}
"""In the order of the signed samples, so that an index beyond an end is clipped to it."""

TRANSLATION = {
    ("PCMU", "PCMA"): _ENCODE["PCMA"][_DECODE["PCMU"].view(np.uint16)].tobytes(),
    ("PCMA", "PCMU"): _ENCODE["PCMU"][_DECODE["PCMA"].view(np.uint16)].tobytes(),
}


def decode(codec: str, payload: bytes) -> bytes:
    """Linear samples, two bytes each."""
    return _DECODE[codec][np.frombuffer(payload, np.uint8)].astype("<i2").tobytes()


def encode(codec: str, linear: bytes) -> bytes:
    """One byte for two; an odd byte at the end is left out."""
    samples = np.frombuffer(linear[: len(linear) & ~1], "<i2")
    return _ENCODE[codec][samples.astype(np.int16).view(np.uint16)].tobytes()


def decode_rows(codes: bytes, laws: NDArray[np.uint16], out: NDArray[np.int32]) -> None:
    """Many frames at once: a row each, of `codes` to `out`; `laws` is a column of `LAW`."""
    rows = np.frombuffer(codes, np.uint8).reshape(out.shape)
    _DECODE_BOTH.take(rows + laws, out=out, mode="clip")


def encode_rows(codec: str, samples: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Many frames at once, a row each; what is beyond 16 bits saturates."""
    return _ENCODE_SIGNED[codec].take(samples + 32768, mode="clip")


def translate(payload: bytes, source: str, target: str) -> bytes:
    """`payload` in the law `target`; the same object if that is the law it has."""
    if source == target:
        return payload
    return payload.translate(TRANSLATION[source, target])
