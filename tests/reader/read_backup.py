#!/usr/bin/env python3
"""Reads a backup directory as src/archive/FORMAT.md describes it and prints a JSON line a message."""
import base64, gzip, hashlib, json, re, struct, sys, zlib
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


def chunk(data, entry_of):
    """The entries of a stream's chunk: offset, time, codec (None for a message), messages in it, bytes."""
    magic, kind, entries, records, time, _epoch, offset, crc, size, _trailer = struct.unpack_from(
        ">BBHIqQQIII", data)
    assert magic == 0x50 and zlib.crc32(data[48:48 + size]) == crc, f"chunk at {offset}"
    first, found, at = offset, 0, 48
    while kind == 0 and at < 48 + size:
        codec, count, start = None, 1, at + 4
        length, = struct.unpack_from(">I", data, at)
        if data[at] & 0x80:
            codec, start = data[at] >> 4 & 7, at + 11
            count, length = struct.unpack_from(">H4xI", data, at + 1)
        entry_of(offset, time, codec, count, data[start:start + length])
        offset, found, at = offset + count, found + 1, start + length
    assert kind != 0 or (found == entries and offset - first == records), f"entries of the chunk at {first}"
    return first, first + records


def messages_of(codec, batch):
    """What is in a batch, when it takes no more than Python to unpack it."""
    if codec not in (0, 1):
        return None
    data, at, found = gzip.decompress(batch) if codec == 1 else batch, 0, []
    while at < len(data):
        length, = struct.unpack_from(">I", data, at)
        found.append(data[at + 4:at + 4 + length])
        at += 4 + length
    return found


def stream(queue, bodies, entry):
    """Prints the messages of one segment of a stream; a batch that is not unpacked as one line."""
    counted = 0

    def entry_of(offset, time, codec, count, data):
        nonlocal counted
        counted += count
        found = [data] if codec is None else messages_of(codec, data)
        assert found is None or len(found) == count, f"batch at {offset}"
        for index, message in enumerate([data] if found is None else found):
            print(json.dumps({
                "vhost": queue["vhost"], "queue": queue["name"], "offset": offset + index, "written_at": time,
                "codec": codec, "messages": count if found is None else 1,
                "message": base64.b64encode(message).decode()}))

    next_offset = None
    for data in bodies:
        first, end = chunk(data, entry_of)
        assert next_offset in (None, first) or queue["stream"]["gaps"], f"hole at {next_offset}"
        assert next_offset is not None or first == entry["stream"]["first_offset"], "first offset"
        next_offset = end
    assert next_offset - 1 == entry["stream"]["last_offset"], "last offset"
    assert counted == entry["stream"]["message_count"], f"messages {counted}"


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
            if "stream" in queue:
                stream(queue, [record[6] for record in segment(root, backup, queue, entry)], entry)
                continue
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
