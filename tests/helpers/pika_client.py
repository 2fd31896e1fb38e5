"""A second AMQP client for tests: publishes messages, reads queues, prints JSON lines.

publish  from standard input (one described message a line) or, with --generate N, made up;
         prints each message as a reader will see it, after the broker has confirmed all
read     queues, one after the other: all that is ready, or --count N; given back unless --ack
"""
import argparse
import base64
import json
import ssl
import sys
import time
import types
import urllib.parse

import pika

from pika_messages import Generator, as_published, describe, properties_of

WINDOW = 2000  # unconfirmed messages at most


def connect(options):
    parameters = pika.URLParameters(f"{options.url}/{urllib.parse.quote(options.vhost, safe='')}")
    if options.ca:
        context = ssl.create_default_context(cafile=options.ca)
        if options.cert:
            context.load_cert_chain(options.cert, options.key)
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    return pika.BlockingConnection(parameters)


class Confirmed:
    """Publishing in a sliding window; pika's own confirms wait for each message."""

    def __init__(self, connection):
        self.connection = connection
        self.channel = connection.channel()
        self.sent = self.confirmed = 0
        self.waiting = set()
        selected = []
        self.channel._impl.confirm_delivery(self.on_answer, selected.append)
        self.channel.add_on_return_callback(self.on_return)
        while not selected:
            connection.process_data_events(time_limit=0.01)

    def on_answer(self, frame):
        method = frame.method
        if isinstance(method, pika.spec.Basic.Nack):
            raise RuntimeError(f"the broker refused message {method.delivery_tag}")
        if method.multiple:
            self.waiting = {tag for tag in self.waiting if tag > method.delivery_tag}
        else:
            self.waiting.discard(method.delivery_tag)

    def on_return(self, _channel, method, _properties, _body):
        raise RuntimeError(f"returned: {method.reply_code} {method.reply_text}, "
                           f"exchange {method.exchange!r}, routing key {method.routing_key!r}")

    def publish(self, exchange, routing_key, properties, body):
        self.sent += 1
        self.waiting.add(self.sent)  # before publishing, within which its confirm may come
        self.channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
        if len(self.waiting) >= WINDOW:
            self.wait(WINDOW // 2)

    def wait(self, rest):
        end = time.monotonic() + 60
        while len(self.waiting) > rest:
            if time.monotonic() > end:
                raise RuntimeError(f"{len(self.waiting)} messages unconfirmed after 60 s")
            self.connection.process_data_events(time_limit=0.01)  # it takes all of its time


def described_messages():
    for line in sys.stdin:
        message = json.loads(line)
        yield (message.get("exchange", ""), message["routing_key"], properties_of(message),
               base64.b64decode(message.get("body", "")))


def publish(options):
    connection = connect(options)
    to = Confirmed(connection)
    messages = Generator(options.seed, options).messages() if options.count else described_messages()
    for exchange, routing_key, properties, body in messages:
        to.publish(exchange, routing_key, properties, body)
        show(exchange, routing_key, as_published(properties), body, options)
    to.wait(0)
    connection.close()


def read(options):
    connection = connect(options)
    for queue in options.queue:
        channel = connection.channel()
        there = channel.queue_declare(queue, passive=True).method.message_count
        wanted = there if options.count is None else options.count
        if wanted > 0:
            channel.basic_qos(prefetch_count=min(wanted, 1000 if options.ack else 65535))
            consume(channel, queue, wanted, options)
        channel.close()
    connection.close()


def consume(channel, queue, wanted, options):
    done = 0
    arguments = {"x-stream-offset": "first"} if options.stream else None
    for method, properties, body in channel.consume(
            queue, inactivity_timeout=options.timeout, arguments=arguments):
        if method is None:
            raise RuntimeError(f"{done} of {wanted} messages came within {options.timeout} s")
        show(method.exchange, method.routing_key, properties, body, options,
             {"queue": queue, "redelivered": method.redelivered})
        done += 1
        if options.ack and (done % 200 == 0 or done == wanted):
            channel.basic_ack(method.delivery_tag, multiple=True)
        if done == wanted:
            break
    channel.cancel()


def show(exchange, routing_key, properties, body, options, delivery={}):
    message = describe(exchange, routing_key, properties, body, options.full_body) | delivery
    sys.stdout.write(json.dumps(message) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["publish", "read"])
    parser.add_argument("--url", required=True, help="without a vhost")
    parser.add_argument("--vhost", default="/")
    parser.add_argument("--queue", action="append")
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--full-body", action="store_true", help="whole bodies, however long")
    parser.add_argument("--count", type=int, help="read: so many; publish: make up so many")
    parser.add_argument("--ack", action="store_true", help="take the messages off the queue")
    parser.add_argument("--stream", action="store_true", help="the queue is a stream: from its start")
    parser.add_argument("--timeout", type=float, default=20, help="seconds without a message")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--large", type=int, default=0, help="how many large bodies")
    parser.add_argument("--large-size", type=int, default=8 << 20)
    parser.add_argument("--exchange", help="publish about half of the messages to it")
    parser.add_argument("--user-id", help="the connection's user, for the property of that name")
    parser.add_argument("--priorities", default="0,1,4,5,9,255",
                        type=lambda text: [int(part) for part in text.split(",")])
    return parser.parse_args(namespace=types.SimpleNamespace())


if __name__ == "__main__":
    chosen = arguments()
    try:
        {"publish": publish, "read": read}[chosen.command](chosen)
    except (RuntimeError, pika.exceptions.AMQPError) as error:
        sys.exit(f"pika_client: {type(error).__name__}: {error}")
