/** What planning goes by. */

/** How messages are read and given back. */
export type ReadMethod = "recover" | "channel_close" | "nack" | "reject" | "get";

/** What the operator asked for. */
export interface PlanOptions {
  /** As RabbitMQ gives it: "3.10.8". */
  readonly brokerVersion: string;
  readonly requeueStrategy: "auto" | "cancel" | "nack" | "reject" | "get";
  readonly onHazard: "refuse" | "warn";
  /** What to do with a queue that cannot be held whole: leave it out, or take what can be. */
  readonly partial: "refuse" | "oldest";
  /** The part of the node's free memory, up to its alarm, that held messages may take. */
  readonly memoryShare: number;
  /** The broker's consumer timeout in seconds where queue and policies set none; 0 is none. */
  readonly consumerTimeoutSecs: number;
  /** Whether streams are to be in the backup. */
  readonly readStreams: boolean;
  /** Messages are let go after so many seconds. */
  readonly maxHoldSecs?: number | undefined;
}

/** Why a stream is read by AMQP 0-9-1, and what that loses; for people. */
export interface ReadByAmqp {
  readonly because: string;
  readonly losses: readonly string[];
}

/** What is known of a queue before it is read. */
export interface QueueFacts {
  readonly vhost: string;
  readonly name: string;
  readonly type: string;
  readonly autoDelete: boolean;
  readonly exclusive: boolean;
  /** Arguments of the queue as the management API gives them. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Definitions of the policies in force; the broker combines them with the arguments. */
  readonly policy: Readonly<Record<string, unknown>>;
  readonly operatorPolicy: Readonly<Record<string, unknown>>;
  /** Ready messages and consumers, by passive declare. */
  readonly ready: number;
  readonly consumers: number;
  /** Only of a stream that is read by AMQP 0-9-1. */
  readonly byAmqp?: ReadByAmqp | undefined;
  /** Messages that consumers have and did not acknowledge; some seconds old, or unknown. */
  readonly unacknowledged?: number | undefined;
  /** Bytes of message bodies, when the management API knows them. */
  readonly messageBytes?: number | undefined;
  /** Messages published a second, when the management API knows it. */
  readonly publishRate?: number | undefined;
  /** The `x-delivery-count` that earlier backups lead us to expect; 0 when there was none. */
  readonly deliveryCount?: number | undefined;
  /** Whether our user may publish to the queue; undefined when it was not asked. */
  readonly mayPublish?: boolean | undefined;
  /** Bytes that the queue's node may still take before its memory alarm, when it is known. */
  readonly memoryHeadroom?: number | undefined;
  /** Bytes that the local spool may still take. */
  readonly spoolRoom?: number | undefined;
}
