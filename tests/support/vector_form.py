"""The JSON form of messages in ``tests/vectors`` (see its README): to Python values, and to bytes.

Packs with ``struct``, and shares no code with the codec that the vectors check.
"""

from __future__ import annotations

import struct
from typing import Any


def form_value(form: Any) -> Any:
    """Return the Python value of a JSON form (see tests/vectors/README.md)."""
    if isinstance(form, list):
        return [form_value(f) for f in form]
    if isinstance(form, dict):
        ((mark, inner),) = form.items()
        if mark in ("f32", "f64"):
            return float(inner)
        if mark == "bin":
            return bytes.fromhex(inner)
        assert mark == "map"
        return {k: form_value(v) for k, v in inner.items()}
    assert not isinstance(form, float), "a float needs its mark"
    return form


def form_bytes(form: Any) -> bytes:
    """Return the msgpack bytes of a JSON form."""
    if form is None or isinstance(form, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[form]
    if isinstance(form, int):
        return _int_bytes(form)
    if isinstance(form, str):
        raw = form.encode()
        return _header(len(raw), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + raw
    if isinstance(form, list):
        head = _header(len(form), 0x90, 16, (None, 0xDC, 0xDD))
        return head + b"".join(map(form_bytes, form))
    ((mark, inner),) = form.items()
    if mark == "f32":
        return struct.pack(">Bf", 0xCA, inner)
    if mark == "f64":
        return struct.pack(">Bd", 0xCB, inner)
    if mark == "bin":
        raw = bytes.fromhex(inner)
        return _header(len(raw), 0, 0, (0xC4, 0xC5, 0xC6)) + raw
    assert mark == "map"
    head = _header(len(inner), 0x80, 16, (None, 0xDE, 0xDF))
    return head + b"".join(form_bytes(k) + form_bytes(v) for k, v in inner.items())


def _header(length: int, fixed: int, fixed_end: int, codes: tuple[int | None, int, int]) -> bytes:
    if length < fixed_end:
        return bytes([fixed | length])
    for code, form, end in zip(codes, (">BB", ">BH", ">BI"), (2**8, 2**16, 2**32), strict=True):
        if code is not None and length < end:
            return struct.pack(form, code, length)
    raise AssertionError("too long")


def _int_bytes(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">b", value)
    forms = (("B", 0xCC), ("H", 0xCD), ("I", 0xCE), ("Q", 0xCF))
    if value < 0:
        forms = (("b", 0xD0), ("h", 0xD1), ("i", 0xD2), ("q", 0xD3))
    for form, code in forms:
        try:
            return struct.pack(f">B{form}", code, value)
        except struct.error:
            continue
    raise AssertionError("too large")
