#!/usr/bin/env python3
"""Reads a backup directory as src/archive/FORMAT.md describes it and prints a JSON line a message."""
import base64, hashlib, json, re, struct, sys, zlib
from pathlib import Path

FLAGS = ["content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id",
         "reply_to", "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"]
NUMBERS = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">q",
           "T": ">Q", "f": ">f", "d": ">d"}


def component(name, hashed):
    device = re.match(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)", name)
    if (re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name) and not name.endswith(".") and not device
            and not re.search(r"-[a-z2-7]{32}\Z", name)):
        return name
    lower = re.sub("[A-Z]", lambda letter: letter[0].lower(), name)
    readable = re.sub(r"\A(-|\Z)", "_", re.sub("[^a-z0-9_-]+", "_", lower)[:40])
    return f"{readable}-{base64.b32encode(hashlib.sha256(hashed.encode()).digest()[:20]).decode().lower()}"


def segment_key(backup, vhost, queue, sequence):
    folder = "_default" if vhost == "/" else component(vhost, vhost)
    return f"{backup}/queues/{folder}/{component(queue, vhost + chr(0) + queue)}/segment-{sequence:04d}"


def unpack(codec, payload, size):
    if codec == 0:
        return payload
    if codec == 1:
        import zstandard
        return zstandard.ZstdDecompressor().decompressobj().decompress(payload)
    import lz4.block
    blocks, at = [], 0
    while at < len(payload):
        plain, stored = struct.unpack_from("<II", payload, at)
        assert plain <= 4 << 20 and stored <= 8 << 20, "block too large"
        blocks.append(lz4.block.decompress(payload[at + 8:at + 8 + stored], uncompressed_size=plain))
        at += 8 + stored
    return b"".join(blocks)


def value(data, at):
    tag, at = chr(data[at]), at + 1
    if tag in NUMBERS:
        return {tag: struct.unpack_from(NUMBERS[tag], data, at)[0]}, at + struct.calcsize(NUMBERS[tag])
    if tag == "t":
        return {tag: data[at] != 0}, at + 1
    if tag == "V":
        return {tag: None}, at
    if tag == "D":
        return {tag: list(struct.unpack_from(">BI", data, at))}, at + 5
    end = at + 4 + struct.unpack_from(">I", data, at)[0]
    if tag == "F":
        return {tag: table(data[at + 4:end])}, end
    if tag == "A":
        at, items = at + 4, []
        while at < end:
            item, at = value(data, at)
            items.append(item)
        return {tag: items}, end
    assert tag in "Sx", f"unknown tag {tag}"
    return {tag: base64.b64encode(data[at + 4:end]).decode()}, end


def table(data):
    at, entries = 0, []
    while at < len(data):
        name = data[at + 1:at + 1 + data[at]].decode("utf-8", "replace")
        found, at = value(data, at + 1 + data[at])
        entries.append([name, found])
    return entries


def headers(properties):
    flags, at = struct.unpack_from(">H", properties)[0], 2
    while struct.unpack_from(">H", properties, at - 2)[0] & 1:
        at += 2
    for bit, name in enumerate(FLAGS[:2]):
        at += 1 + properties[at] if flags & 0x8000 >> bit else 0
    if not flags & 0x2000:
        return []
    return table(properties[at + 4:at + 4 + struct.unpack_from(">I", properties, at)[0]])


def records(data):
    at = 0
    while at < len(data):
        length, flags, time, e = struct.unpack_from("<IBqB", data, at)
        r = data[at + 14 + e]
        p, = struct.unpack_from("<I", data, at + 15 + e + r)
        start, end = at + 19 + e + r, at + 4 + length
        assert 17 <= length <= 1 << 30 and start + p <= end <= len(data), "impossible length"
        yield (data[at:at + 4] + data[at + 13:end], flags & 1, time, data[at + 14:at + 14 + e],
               data[at + 15 + e:start - 4], data[start:start + p], data[start + p:end])
        at = end


def segment(root, backup, queue, entry):
    key = segment_key(backup, queue["vhost"], queue["name"], entry["sequence"])
    assert entry["key"] in (key, key + ".zst", key + ".lz4"), f"key {entry['key']}"
    stored = (root / entry["key"]).read_bytes()
    assert len(stored) == entry["size_bytes"], f"size of {key}"
    assert hashlib.sha256(stored).hexdigest() == entry["checksum"], f"SHA-256 of {key}"
    magic, version, codec, count, first, last = struct.unpack_from("<4sBB2xQqq", stored)
    crc, end_magic = struct.unpack("<I4s", stored[-8:])
    assert (magic, version, end_magic) == (b"RBAK", 2, b"KABR"), f"header of {key}"
    assert zlib.crc32(stored[:-8]) == crc, f"CRC of {key}"
    found = unpack(codec, stored[32:-8], entry["uncompressed_bytes"])
    assert len(found) == entry["uncompressed_bytes"], f"unpacked size of {key}"
    content = list(records(found))
    assert len(content) == count == entry["record_count"], f"count of {key}"
    assert [content[0][2], content[-1][2]] == [first, last] if content else True, f"times of {key}"
    return content


def main(folder):
    root, backup = Path(folder).resolve().parent, Path(folder).resolve().name
    manifest = json.loads((root / backup / "manifest.json").read_text("utf-8"))
    assert manifest["format_version"] == 2 and manifest["backup_id"] == backup, "manifest"
    for queue in manifest["queues"]:
        fingerprint, number = hashlib.sha256(), 0
        for number, entry in enumerate(queue["segments"], 1):
            assert entry["sequence"] == number, "sequence"
            for hashed, redelivered, time, exchange, key, properties, body in segment(root, backup, queue, entry):
                fingerprint.update(hashed)
                print(json.dumps({
                    "vhost": queue["vhost"], "queue": queue["name"], "captured_at": time,
                    "exchange": exchange.decode("utf-8", "replace"), "routing_key": key.decode("utf-8", "replace"),
                    "redelivered": redelivered == 1, "properties": base64.b64encode(properties).decode(),
                    "headers": headers(properties), "body_size": len(body),
                    "body_sha256": hashlib.sha256(body).hexdigest()}))
        if queue["capture"]:
            assert fingerprint.hexdigest() == queue["capture"]["fingerprint"], f"fingerprint of {queue['name']}"


if __name__ == "__main__":
    main(sys.argv[1])
