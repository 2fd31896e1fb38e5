// A third client of the stream protocol for tests: the one of RabbitMQ for Go.
//
//	publish  --count N made-up messages in batches of a --codec; waits for all confirms
//	read     --count N messages from the first offset, one JSON line each, with all their sections
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/rabbitmq/rabbitmq-stream-go-client/pkg/amqp"
	"github.com/rabbitmq/rabbitmq-stream-go-client/pkg/message"
	"github.com/rabbitmq/rabbitmq-stream-go-client/pkg/stream"
)

const patience = 60 * time.Second

var codecs = map[string]stream.Compression{
	"none":   stream.Compression{}.None(),
	"gzip":   stream.Compression{}.Gzip(),
	"snappy": stream.Compression{}.Snappy(),
	"lz4":    stream.Compression{}.Lz4(),
	"zstd":   stream.Compression{}.Zstd(),
}

type options struct {
	port, count, batch, first int
	vhost, stream, codec      string
}

// What the library's own type for outgoing messages has no place for goes out, too.
type whole struct {
	*amqp.AMQP10
	message *amqp.Message
}

func (w whole) MarshalBinary() ([]byte, error) { return w.message.MarshalBinary() }

// A message with every section and type that the library writes; every fifth is only a value.
func madeUp(number int) message.StreamMessage {
	made := &amqp.Message{}
	if number%5 == 4 {
		made.Value = map[string]any{"number": int64(number), "list": []string{"a", "b"}, "null": nil}
		return whole{amqp.NewMessage(nil), made}
	}
	body := make([]byte, (number*37)%900)
	for i := range body {
		body[i] = byte(i * number)
	}
	made.Data = [][]byte{body, []byte("a second section")}
	made.Header = &amqp.MessageHeader{Durable: true, Priority: 7, TTL: time.Minute, DeliveryCount: 2}
	made.DeliveryAnnotations = amqp.Annotations{"x-delivery": true}
	made.Footer = amqp.Annotations{"x-footer": uint64(number)}
	made.Annotations = amqp.Annotations{"x-text": "grüße", "x-number": int64(number)}
	made.Properties = &amqp.MessageProperties{
		MessageID: amqp.UUID{1, 2, 3}, UserID: []byte("guest"), To: "to", Subject: "subject",
		ReplyTo: "reply", CorrelationID: uint64(number), ContentType: "text/plain",
		ContentEncoding: "utf-8", AbsoluteExpiryTime: time.UnixMilli(1900000000123).UTC(),
		CreationTime: time.UnixMilli(1700000000123).UTC(), GroupID: "group",
		GroupSequence: uint32(number), ReplyToGroupID: "reply group",
	}
	made.ApplicationProperties = map[string]any{
		"bool": true, "ubyte": uint8(200), "ushort": uint16(60000), "uint": uint32(4000000000),
		"ulong": uint64(1<<64 - 1), "byte": int8(-100), "short": int16(-30000),
		"int": int32(-2000000000), "long": int64(-1 << 62), "float": float32(0.5), "double": 0.1,
		"time": time.UnixMilli(1700000000123).UTC(), "uuid": amqp.UUID{9}, "text": "grüße",
		"bytes": []byte{0, 255}, "null": nil,
	}
	return whole{amqp.NewMessage(nil), made}
}

func connect(o options) (*stream.Environment, error) {
	return stream.NewEnvironment(stream.NewEnvironmentOptions().
		SetHost("127.0.0.1").SetPort(o.port).SetUser("guest").SetPassword("guest").SetVHost(o.vhost).
		// Whatever names the node tells, this one leads to it.
		SetAddressResolver(stream.AddressResolver{Host: "127.0.0.1", Port: o.port}))
}

func publish(env *stream.Environment, o options) error {
	codec, ok := codecs[o.codec]
	if !ok {
		return fmt.Errorf("no codec %q", o.codec)
	}
	producer, err := env.NewProducer(o.stream,
		stream.NewProducerOptions().SetSubEntrySize(o.batch).SetCompression(codec))
	if err != nil {
		return err
	}
	confirms := producer.NotifyPublishConfirmation()
	messages := make([]message.StreamMessage, o.count)
	for i := range messages {
		messages[i] = madeUp(o.first + i)
	}
	if err := producer.BatchSend(messages); err != nil {
		return err
	}
	deadline := time.After(patience)
	for confirmed := 0; confirmed < o.count; {
		select {
		case all := <-confirms:
			for _, one := range all {
				if !one.IsConfirmed() {
					return fmt.Errorf("refused: %w", one.GetError())
				}
				confirmed++
			}
		case <-deadline:
			return fmt.Errorf("%d of %d messages were confirmed", confirmed, o.count)
		}
	}
	return producer.Close()
}

type line struct {
	Offset                                   int64
	Header                                   *amqp.MessageHeader
	Annotations, DeliveryAnnotations, Footer map[string]string
	Properties                               *amqp.MessageProperties
	ApplicationProperties                    map[string]string
	Data                                     [][]byte
	Value                                    string
}

// With their types, which JSON does not tell.
func typed[K comparable](values map[K]any) map[string]string {
	texts := map[string]string{}
	for key, value := range values {
		texts[fmt.Sprintf("%v", key)] = fmt.Sprintf("%T %#v", value, value)
	}
	return texts
}

func read(env *stream.Environment, o options) error {
	came := make(chan line, o.count+1)
	consumer, err := env.NewConsumer(o.stream, func(context stream.ConsumerContext, m *amqp.Message) {
		came <- line{
			context.Consumer.GetOffset(), m.Header, typed(m.Annotations), typed(m.DeliveryAnnotations),
			typed(m.Footer), m.Properties, typed(m.ApplicationProperties), m.Data,
			fmt.Sprintf("%T %#v", m.Value, m.Value),
		}
	}, stream.NewConsumerOptions().SetCRCCheck(true).SetOffset(stream.OffsetSpecification{}.First()))
	if err != nil {
		return err
	}
	output := json.NewEncoder(os.Stdout)
	deadline := time.After(patience)
	for count := 0; count < o.count; count++ {
		select {
		case one := <-came:
			if err := output.Encode(one); err != nil {
				return err
			}
		case <-deadline:
			return fmt.Errorf("%d of %d messages came", count, o.count)
		}
	}
	return consumer.Close()
}

func run() error {
	if len(os.Args) < 2 {
		return fmt.Errorf("publish or read?")
	}
	var o options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.IntVar(&o.port, "port", 5552, "")
	flags.StringVar(&o.vhost, "vhost", "/", "")
	flags.StringVar(&o.stream, "stream", "", "")
	flags.IntVar(&o.count, "count", 1, "")
	flags.IntVar(&o.first, "first", 0, "number of the first message")
	flags.IntVar(&o.batch, "batch", 20, "messages a batch")
	flags.StringVar(&o.codec, "codec", "none", "")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	env, err := connect(o)
	if err != nil {
		return err
	}
	defer env.Close()
	if os.Args[1] == "publish" {
		return publish(env, o)
	}
	return read(env, o)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
