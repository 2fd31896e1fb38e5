"""A second client of the stream protocol for tests: publishes to streams and reads them.

publish  made-up messages with --count N, one by one or in batches; waits for all confirms
read     --count N messages from the first offset, one JSON line each: offset, and bytes in base64
store    --offset N for the consumer --name
resume   the same as read, from behind the offset that the consumer --name has stored
"""
import argparse
import asyncio
import base64
import json
import random
import sys
import uuid

import zstandard
from rstream import AMQPMessage, Consumer, ConsumerOffsetSpecification, FilterConfiguration
from rstream import CompressionType, OffsetType, Producer, RawMessage
from rstream._pyamqp.message import Header, Properties
from rstream._pyamqp.types import AMQPTypes
from rstream.exceptions import OffsetNotFound
from rstream.compression import GzipCompressionCodec, StreamCompressionCodecs

SECONDS = 60
WIDTHS = {"ubyte": 200, "ushort": 60000, "uint": 4 * 10**9, "ulong": 2**64 - 1, "byte": -100,
          "short": -30000, "int": -2 * 10**9, "long": -2**63 + 1, "float": 0.5, "double": 0.1,
          "boolean": True, "timestamp": 1700000000123, "uuid": uuid.UUID(int=7), "binary": b"\x00\xff",
          "string": "grüße", "symbol": b"symbol", "null": None}


class Zstd(GzipCompressionCodec):
    def compress(self, messages):
        plain = b"".join(len(data).to_bytes(4, "big") + data for data in map(bytes, messages))
        self.message_count, self.uncompressed_data_size = len(messages), len(plain)
        self.buffer = zstandard.compress(plain)
        self.compressed_data_size = len(self.buffer)

    def uncompress(self, compressed_data, uncompressed_data_size):
        return zstandard.decompress(compressed_data, uncompressed_data_size)

    def compression_type(self):
        return 4


StreamCompressionCodecs.register_codec(CompressionType.Zstd, Zstd())


def made_up(number, rng):
    """A message that uses AMQP 1.0's types; every tenth is only a value, every seventh is raw bytes."""
    if number % 7 == 3:
        # A decimal128 and an array in a list, which few libraries can write.
        return RawMessage(bytes.fromhex("005377c0180294") + rng.randbytes(16) + bytes.fromhex("e00402500102"))
    if number % 10 == 9:
        return AMQPMessage(value={"number": number, "list": [1, "two", None]})
    properties = {name: {"TYPE": getattr(AMQPTypes, name), "VALUE": value}
                  for name, value in WIDTHS.items()}
    properties["number"] = number
    return AMQPMessage(
        header=Header(durable=True, priority=number % 10),
        properties=Properties(message_id=f"id-{number}", subject="s", group_sequence=number),
        application_properties=properties,
        message_annotations={"x-note": f"n{number}"},
        body=rng.randbytes(rng.choice([1, 100, 3000])),
    )


def convertible(number, rng):
    """A message that RabbitMQ 4 gives out by AMQP 0-9-1; every fifth is only a value."""
    if number % 5 == 4:
        return AMQPMessage(value={"number": number, "list": [1, "two", None]})
    widths = {name: value for name, value in WIDTHS.items() if name != "uuid"}
    widths["ulong"] = 2**62
    properties = {name: {"TYPE": getattr(AMQPTypes, name), "VALUE": value}
                  for name, value in widths.items()}
    ids = [f"id-{number}", "x" * 300, uuid.UUID(int=number), number, b"bytes"]
    return AMQPMessage(
        # Quorum queues of 4.x deliver by priority; 4 is that of a message without one.
        header=Header(durable=number % 2 == 0, priority=4, ttl=3600000),
        properties=Properties(message_id=ids[number % 4], correlation_id=ids[number // 5 % 5],
                              user_id=b"guest", reply_to="reply", content_type=b"text/plain",
                              content_encoding=b"utf-8", creation_time=1700000000000,
                              group_id="group", subject="s", to="to", group_sequence=number),
        application_properties=properties,
        message_annotations={"x-note": f"n{number}", "x-count": number},
        body=rng.randbytes(rng.choice([1, 100, 3000])),
    )


def login(options):
    return {"host": "127.0.0.1", "port": options.port, "vhost": options.vhost, "username": "guest",
            "password": "guest"}


async def publish(options):
    rng = random.Random(options.seed)
    numbers = range(options.first, options.first + options.count)
    kinds = {"any": made_up, "convertible": convertible,
             "simple": lambda number, _: AMQPMessage(body=b"simple %d" % number)}
    messages = [kinds["simple" if options.simple else options.kind](number, rng) for number in numbers]
    confirmed, done = 0, asyncio.Event()

    def on_confirm(status):
        nonlocal confirmed
        if not status.is_confirmed:
            raise RuntimeError(f"refused with code {status.response_code}")
        confirmed += 1
        if confirmed >= expected:
            done.set()

    async def filter_of(message):
        return f"filter-{len(bytes(message)) % 3}"

    filtering = {"filter_value_extractor": filter_of} if options.mode == "filter" else {}
    async with Producer(**login(options), default_batch_publishing_delay=0.05, **filtering) as producer:
        if options.mode in ("plain", "filter"):
            expected = len(messages)
            for at in range(0, len(messages), 50):
                await producer.send_batch(options.stream, messages[at:at + 50], on_publish_confirm=on_confirm)
        else:
            batches = [messages[at:at + options.batch] for at in range(0, len(messages), options.batch)]
            expected = len(batches)
            codec = {"none": CompressionType.No, "gzip": CompressionType.Gzip, "zstd": CompressionType.Zstd}
            for batch in batches:
                await producer.send_sub_entry(options.stream, batch, codec[options.mode],
                                              on_publish_confirm=on_confirm)
        await asyncio.wait_for(done.wait(), SECONDS)


async def store(options):
    async with Consumer(**login(options)) as consumer:
        await consumer.store_offset(options.stream, options.name, options.offset)
        # Only the question tells that it has arrived.
        while await stored_offset(consumer, options) != options.offset:
            await asyncio.sleep(0.05)


async def stored_offset(consumer, options):
    try:
        return await consumer.query_offset(options.stream, options.name)
    except OffsetNotFound:
        return None


async def read(options):
    lines, done = [], asyncio.Event()
    start = ConsumerOffsetSpecification(OffsetType.FIRST, None)
    if options.command == "resume":
        async with Consumer(**login(options)) as consumer:
            stored = await stored_offset(consumer, options)
        if stored is None:
            raise RuntimeError("no offset is stored")
        start = ConsumerOffsetSpecification(OffsetType.OFFSET, stored + 1)

    async def on_message(message, context):
        if options.command == "resume" and context.offset <= stored:
            return
        lines.append({"offset": context.offset, "message": base64.b64encode(message).decode()})
        if len(lines) >= options.count:
            done.set()

    chosen = {}
    if options.filter:
        chosen["filter_input"] = FilterConfiguration(values_to_filter=[options.filter])
    consumer = Consumer(**login(options))
    await consumer.start()
    await consumer.subscribe(options.stream, on_message,
                             offset_specification=start, **chosen)
    try:
        await asyncio.wait_for(done.wait(), options.seconds)
    except asyncio.TimeoutError:
        if not options.filter:
            raise RuntimeError(f"{len(lines)} of {options.count} messages came")
    await consumer.close()
    for line in lines[:options.count]:
        print(json.dumps(line))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["publish", "read", "store", "resume"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--vhost", default="/")
    parser.add_argument("--stream", required=True)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--name", help="store, resume: of a consumer")
    parser.add_argument("--offset", type=int)
    parser.add_argument("--mode", default="plain", choices=["plain", "filter", "none", "gzip", "zstd"])
    parser.add_argument("--batch", type=int, default=25, help="messages a batch, with a codec as mode")
    parser.add_argument("--first", type=int, default=0, help="number of the first message")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", default="any", choices=["any", "convertible"])
    parser.add_argument("--simple", help="publish: messages with nothing but a body")
    parser.add_argument("--filter", help="read: only chunks with this value")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = arguments()
    # Names have to be ASCII: rstream counts characters where the protocol counts bytes, and waits.
    run = {"publish": publish, "read": read, "store": store, "resume": read}[chosen.command]
    asyncio.run(asyncio.wait_for(run(chosen), SECONDS + 10))
