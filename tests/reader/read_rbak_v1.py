#!/usr/bin/env python3
"""Reads a backup of format version 1 (src/archive/FORMAT.md, section 9): checks it, and prints a JSON
line a message, in the form of read_backup.py but for the properties, which are an object here."""
import base64, hashlib, json, struct, sys, zlib
from pathlib import Path

PROPERTIES = ["content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to",
              "expiration", "message_id", "timestamp", "type_field", "user_id", "app_id", "cluster_id"]
RECORD = ["body", "properties", "headers", "exchange", "routing_key", "delivery_tag", "redelivered",
          "backed_up_at", "source_queue", "source_vhost"]
TAGS = {"Bool": "t", "ShortShortInt": "b", "ShortShortUInt": "B", "ShortInt": "s", "ShortUInt": "u",
        "LongInt": "I", "LongUInt": "i", "LongLongInt": "l", "Float": "f", "Double": "d", "Timestamp": "T"}
CODECS = {"": 0, ".zst": 1, ".lz4": 2}


def unpack(codec, payload):
    if codec == 0:
        return payload
    if codec == 1:
        import zstandard
        return zstandard.ZstdDecompressor().decompressobj().decompress(payload)
    import lz4.block
    return lz4.block.decompress(payload)  # the size as u32 in front, then one block


def extension(key):
    return next((end for end in (".zst", ".lz4") if key.endswith(end)), "")


def value(tagged):
    if tagged == "Void":
        return {"V": None}
    (kind, found), = tagged.items()
    if kind in TAGS:
        return {TAGS[kind]: found}
    return {
        "LongStringBytes": lambda: {"S": base64.b64encode(bytes(found)).decode()},
        "Bytes": lambda: {"x": base64.b64encode(bytes(found)).decode()},
        "Decimal": lambda: {"D": [found["scale"], found["value"]]},
        "Array": lambda: {"A": [value(item) for item in found]},
        "Table": lambda: {"F": [[name, value(item)] for name, item in found]},
    }[kind]()


def records(data):
    at = 0
    while at < len(data):
        length, = struct.unpack_from("<I", data, at)
        assert at + 4 + length <= len(data), "impossible length"
        record = json.loads(data[at + 4:at + 4 + length])
        assert list(record) == RECORD and list(record["properties"]) == PROPERTIES, "fields of a record"
        yield record
        at += 4 + length


def segment(root, queue, entry, number):
    folder = "_default" if queue["vhost"] == "/" else queue["vhost"]
    key = f"{root.name}/queues/{folder}/{queue['name']}/segment-{number:04d}{extension(entry['key'])}"
    assert (entry["key"], entry["sequence"]) == (key, number), f"key {entry['key']}"
    stored = (root.parent / key).read_bytes()
    assert len(stored) == entry["size_bytes"], f"size of {key}"
    assert hashlib.sha256(stored).hexdigest() == entry["checksum"], f"SHA-256 of {key}"
    magic, version, codec, count, first, last = struct.unpack_from("<4sBB2xQqq", stored)
    crc, end_magic = struct.unpack("<I4s", stored[-8:])
    assert (magic, version, end_magic) == (b"RBAK", 1, b"KABR"), f"header of {key}"
    assert codec == CODECS[extension(key)] and zlib.crc32(stored[:-8]) == crc, f"CRC of {key}"
    data = unpack(codec, stored[32:-8])
    found = list(records(data))
    assert len(data) == entry["uncompressed_bytes"], f"unpacked size of {key}"
    assert len(found) == count == entry["record_count"] > 0, f"count of {key}"
    times = [found[0]["backed_up_at"], found[-1]["backed_up_at"]]
    assert times == [first, last] == [entry["first_timestamp"], entry["last_timestamp"]], f"times of {key}"
    return found


def show(queue, record):
    body = bytes(record["body"] or [])
    assert (record["source_vhost"], record["source_queue"]) == (queue["vhost"], queue["name"]), "source"
    print(json.dumps({
        "vhost": queue["vhost"], "queue": queue["name"], "captured_at": record["backed_up_at"],
        "exchange": record["exchange"], "routing_key": record["routing_key"],
        "redelivered": record["redelivered"],
        "properties": {name: found for name, found in record["properties"].items() if found is not None},
        "headers": [[name, value(tagged)] for name, tagged in record["headers"]],
        "body_size": len(body), "body_sha256": hashlib.sha256(body).hexdigest()}))


def main(folder):
    root = Path(folder).resolve()
    manifest = json.loads((root / "manifest.json").read_text("utf-8"))
    assert manifest["backup_id"] == root.name, "manifest"
    definitions = manifest["definitions"]
    if definitions:
        key = definitions["key"]
        text = unpack(CODECS[extension(key)], (root.parent / key).read_bytes())
        assert len(text) == definitions["size_bytes"], "size of definitions"
        assert len(json.loads(text)["queues"]) == definitions["queue_count"], "queues in definitions"
    for queue in manifest["queues"]:
        tag = 0
        for number, entry in enumerate(queue["segments"], 1):
            for record in segment(root, queue, entry, number):
                tag += 1
                assert record["delivery_tag"] == tag, "delivery tag"
                show(queue, record)
        assert tag == queue["message_count"], f"count of {queue['name']}"


if __name__ == "__main__":
    main(sys.argv[1])
