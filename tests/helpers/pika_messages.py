"""Messages as JSON: header values tagged by type, digests, and a generator of varied ones."""
import base64
import datetime
import decimal
import hashlib
import json
import random
import struct

import pika
from pika import spec

PROPERTIES = [
    "content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to",
    "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
]
# The broker adds these on delivery; they are not the publisher's.
ADDED_HEADERS = {"x-delivery-count", "x-acquired-count"}
INLINE_BODY = 256


def b64(data):
    return base64.b64encode(data).decode()


# --- the wire -----------------------------------------------------------------------------------

_decode = spec.BasicProperties.decode


def _decode_keeping_wire(self, encoded, offset=0):
    """pika's own decoding, beside the bytes it reads (it loses widths, floats and duplicates)."""
    self.wire = bytes(encoded[offset:])
    self.undecodable = None
    try:
        return _decode(self, encoded, offset)
    except Exception as error:  # such as a timestamp after the year 9999
        self.undecodable = f"{type(error).__name__}: {error}"
        return self


spec.BasicProperties.decode = _decode_keeping_wire


class WireProperties(pika.BasicProperties):
    """Properties that go out as the given bytes: flags and list of AMQP 0-9-1 section 4.2.6.1."""

    def __init__(self, wire):
        super().__init__()
        self._bytes = wire

    def encode(self):
        return [self._bytes]


_FIXED = {b"t": 1, b"b": 1, b"B": 1, b"s": 2, b"u": 2, b"U": 2, b"I": 4, b"i": 4, b"f": 4,
          b"l": 8, b"L": 8, b"d": 8, b"T": 8, b"D": 5, b"V": 0}


def _value_end(data, at):
    kind = data[at:at + 1]
    if kind in _FIXED:
        return at + 1 + _FIXED[kind]
    return at + 5 + struct.unpack_from(">I", data, at + 1)[0]  # S, x, A, F: length first


def _sorted_value(data):
    """A field value with the entries of every table sorted by name, as brokers from 4.0 do."""
    kind = data[:1]
    if kind == b"F":
        return b"F" + _sorted_table(data[5:], drop=())
    if kind == b"A":
        items, at = b"", 5
        while at < len(data):
            end = _value_end(data, at)
            items += _sorted_value(data[at:end])
            at = end
        return b"A" + struct.pack(">I", len(items)) + items
    return data


def _sorted_table(entries, drop):
    found, at = [], 0
    while at < len(entries):
        value_at = at + 1 + entries[at]
        name = entries[at + 1:value_at]
        at = _value_end(entries, value_at)
        if name.decode("utf8", "replace") not in drop:
            found.append((name, _sorted_value(entries[value_at:at])))
    joined = b"".join(bytes([len(name)]) + name + value
                      for name, value in sorted(found, key=lambda entry: entry[0]))
    return struct.pack(">I", len(joined)) + joined


def comparable_wire(wire):
    """The property bytes without what a broker changes: header order, and headers it adds itself."""
    flags = struct.unpack_from(">H", wire)[0]
    at = 2
    for bit in (spec.BasicProperties.FLAG_CONTENT_TYPE, spec.BasicProperties.FLAG_CONTENT_ENCODING):
        if flags & bit:
            at += 1 + wire[at]
    if not flags & spec.BasicProperties.FLAG_HEADERS:
        return wire
    end = at + 4 + struct.unpack_from(">I", wire, at)[0]
    table = _sorted_table(wire[at + 4:end], drop=ADDED_HEADERS)
    if table == b"\0\0\0\0":  # no headers and an empty table mean the same
        flags &= ~spec.BasicProperties.FLAG_HEADERS
        table = b""
    return struct.pack(">H", flags) + wire[2:at] + table + wire[end:]


# --- typed values -------------------------------------------------------------------------------

def typed(value):
    """A decoded header value, tagged by its type so that JSON loses nothing of it."""
    if isinstance(value, str):
        return {"str": value}
    if isinstance(value, bytes):
        return {"bytes": b64(value)}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"timestamp": int(value.timestamp())}
    if isinstance(value, dict):
        return {"table": typed_table(value)}
    if isinstance(value, list):
        return {"array": [typed(item) for item in value]}
    if value is None:
        return {"void": True}
    raise TypeError(f"no tag for {type(value)}")


def typed_table(table):
    return {name_of(key): typed(value) for key, value in table.items()}


def name_of(name):
    """A short string as text; bytes that are no UTF-8 in base64 behind a mark."""
    return name if isinstance(name, str) else "bytes:" + b64(name)


def untyped(tagged):
    (tag, value), = tagged.items()
    return {
        "str": lambda: value,
        "bytes": lambda: base64.b64decode(value),
        "bool": lambda: value,
        "int": lambda: int(value),
        "decimal": lambda: decimal.Decimal(value),
        "timestamp": lambda: datetime.datetime.fromtimestamp(value, datetime.timezone.utc),
        "table": lambda: {key: untyped(item) for key, item in value.items()},
        "array": lambda: [untyped(item) for item in value],
        "void": lambda: None,
    }[tag]()


# --- messages -----------------------------------------------------------------------------------

def describe(exchange, routing_key, properties, body, full_body=False):
    """One message as JSON, with digests by which equality is cheap to tell.

    `sha256` covers the properties and headers as pika decodes them and the body, `wire_sha256` the
    property bytes as well (see comparable_wire). Neither covers exchange and routing key.
    """
    if properties.undecodable is None:
        headers = {name: value for name, value in typed_table(properties.headers or {}).items()
                   if name not in ADDED_HEADERS}
        found = {name: getattr(properties, name) for name in PROPERTIES}
        plain = {name: {"bytes": b64(value)} if isinstance(value, bytes) else value
                 for name, value in found.items() if value is not None}
    else:
        headers, plain = {}, {"undecodable": properties.undecodable}
    body_digest = hashlib.sha256(body).hexdigest()
    canonical = json.dumps([plain, headers, body_digest, len(body)], sort_keys=True).encode()
    wire = comparable_wire(properties.wire)
    message = {"exchange": name_of(exchange), "routing_key": name_of(routing_key),
               "properties": plain, "headers": headers, "body_size": len(body)}
    if full_body or len(body) <= INLINE_BODY:
        message["body"] = b64(body)
    else:
        message["body_sha256"] = body_digest
    message["wire"] = b64(properties.wire)
    message["sha256"] = hashlib.sha256(canonical).hexdigest()
    message["wire_sha256"] = hashlib.sha256(canonical + wire).hexdigest()
    return message


def properties_of(described):
    """What is published for a described message: `wire` bytes if given, else properties and headers."""
    if "wire" in described:
        return WireProperties(base64.b64decode(described["wire"]))
    headers = {name: untyped(value) for name, value in described.get("headers", {}).items()}
    return pika.BasicProperties(headers=headers or None, **described.get("properties", {}))


def as_published(properties):
    """The properties as a reader will decode them."""
    decoded = spec.BasicProperties()
    decoded.decode(b"".join(properties.encode()))
    return decoded


# --- the generator ------------------------------------------------------------------------------

class Generator:
    """Messages that use every property and every header type pika can send; same seed, same messages."""

    TEXT = ["a", "b", "é", "ß", "中", "😀", " ", "/", "%", "\\", '"', "\n", "\0", "0"]
    SIZES = [0, 1, 2, 255, 256, 4095, 4096, 4097]
    # Around the frame size that both sides agree on: a body of one frame, and of one and a bit.
    FRAME_SIZES = [131064, 131065, 262128, 262129]

    def __init__(self, seed, options):
        self.random = random.Random(seed)
        self.options = options

    def text(self, longest):
        wanted = self.random.choice([0, 1, 8, longest // 4, longest])
        text = ""
        for _ in range(min(wanted, 5000)):
            text += self.random.choice(self.TEXT)
        while len(text.encode()) > longest:
            text = text[:-1]
        return text

    def integer(self):
        bits = self.random.choice([1, 7, 8, 15, 16, 31, 32, 33, 53, 54, 63])
        edge = self.random.choice([0, 1, -1])
        value = self.random.choice([(1 << bits) + edge, self.random.getrandbits(bits)])
        value = self.random.choice([value, -value])
        return max(-(1 << 63), min((1 << 63) - 1, value))

    def value(self, depth=0):
        kinds = ["str", "bytes", "bool", "int", "int", "int", "decimal", "timestamp", "void"]
        if depth < 4:
            kinds += ["table", "array"]
        kind = self.random.choice(kinds)
        return {
            "str": lambda: self.text(200),
            "bytes": lambda: self.random.randbytes(self.random.choice([0, 1, 16, 300])),
            "bool": lambda: self.random.random() < 0.5,
            "int": self.integer,
            "decimal": lambda: decimal.Decimal(self.random.randint(-2**31 + 1, 2**31 - 1)).scaleb(
                -self.random.choice([0, 1, 2, 9])),
            "timestamp": lambda: datetime.datetime.fromtimestamp(
                self.random.choice([0, 1, 1700000000, 2**31, 2**32 + 1, 253402300799]),
                datetime.timezone.utc),
            "void": lambda: None,
            "table": lambda: self.table(depth + 1),
            "array": lambda: [self.value(depth + 1) for _ in range(self.random.randint(0, 4))],
        }[kind]()

    def table(self, depth=0):
        table = {}
        for index in range(self.random.randint(0, 6)):
            name = self.random.choice([f"h{index}", f"H{index} é/ü", f"{index}" * 120])
            table[name] = self.value(depth)
        return table

    def every_type(self):
        """One of each, so that no choice of seed leaves a type out."""
        return {
            "str": "héllo", "empty": "", "bytes": b"\xff\x00\x80", "true": True, "false": False,
            "int": 42, "negative": -1, "beyond-2^53": 9007199254740993, "min": -(1 << 63),
            "max": (1 << 63) - 1, "decimal": decimal.Decimal("-12.34"), "void": None,
            "timestamp": datetime.datetime.fromtimestamp(1767268829, datetime.timezone.utc),
            "table": {"k": {"k": {"k": [1, "two", None, {"k": b"\xfe"}]}}, "none": {}},
            "array": [[], [[True]], -9007199254740993],
        }

    def properties(self, index):
        choose, chance = self.random.choice, lambda p: self.random.random() < p
        short = lambda: self.text(255)
        found = {}
        for name in ("content_type", "content_encoding", "correlation_id", "message_id", "type",
                     "app_id", "cluster_id", "reply_to"):
            if chance(0.4):
                found[name] = short()
        if chance(0.8):
            found["delivery_mode"] = choose([1, 2])
        if chance(0.5):
            found["priority"] = choose(self.options.priorities)
        if chance(0.3):
            found["expiration"] = str(choose([3_600_000, 2_000_000_000]))
        if chance(0.5):
            found["timestamp"] = choose([0, 1, 1700000000, 2**32, 2**53 + 1])
        if chance(0.2) and self.options.user_id:
            found["user_id"] = self.options.user_id
        headers = self.every_type() if index % 50 == 0 else choose([None, {}, self.table()])
        return pika.BasicProperties(headers=headers, **found)

    def body(self, index):
        if index in self.large_indexes():
            return self.random.randbytes(self.options.large_size)
        size = self.random.choice(self.SIZES + [self.random.randint(0, 3000)] * 8)
        if index % 997 == 0:
            size = self.random.choice(self.FRAME_SIZES)
        kind = self.random.choice(["json", "binary", "same"])
        if kind == "json":
            text = json.dumps({"index": index, "rows": [[n, n * n] for n in range(size // 8)]})
            return text.encode()[:size]
        return self.random.randbytes(size) if kind == "binary" else b"\0" * size

    def large_indexes(self):
        count, large = self.options.count, self.options.large
        return {count * (n + 1) // (large + 1) for n in range(large)}

    def messages(self):
        """(exchange, routing key, properties, body) of each message."""
        for index in range(self.options.count):
            exchange, routing_key = "", self.options.queue[0]
            if self.options.exchange and self.random.random() < 0.5:
                exchange = self.options.exchange
                routing_key = self.random.choice(["", "a.b.c", "ключ", "k" * 255])
            yield exchange, routing_key, self.properties(index), self.body(index)
