import { Buffer } from "node:buffer";
import type { Options } from "amqplib";
import { AppError, RUN_AGAIN } from "../../errors.ts";
import { brokerWords } from "./broker_words.ts";
import type { BrokerConnection, NumberedChannel } from "./connection.ts";

/** What a passive declare tells of a queue: current, unlike the management API's statistics. */
export interface QueueDepth {
  /** Messages ready for delivery; what consumers hold is not among them. */
  ready: number;
  consumers: number;
}

/** A binding of a queue, its arguments as amqplib takes them. */
export interface QueueBinding {
  readonly exchange: string;
  readonly routingKey: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Looks at and declares queues over AMQP, on one channel that is reopened after a refusal. */
export class QueueInspector implements AsyncDisposable {
  readonly #connection: BrokerConnection;
  #channel: NumberedChannel | undefined;

  constructor(connection: BrokerConnection) {
    this.#connection = connection;
  }

  /** Depth of a queue. Throws `broker_missing` when it does not exist, `broker_denied`, `refused`. */
  async depth(queue: string): Promise<QueueDepth> {
    const ok = await this.#ask((channel) => channel.checkQueue(queue), {
      queue,
      action: "look at",
    });
    return { ready: ok.messageCount, consumers: ok.consumerCount };
  }

  /**
   * Makes sure that a quorum queue is empty when its depth is 0: without a leader it says that, too,
   * and only a consumer finds out. Throws `failed` when it has none. One message that arrives just
   * then may be delivered, and is given back.
   */
  async assertHasLeader(queue: string): Promise<void> {
    const channel = await this.#connection.openChannel();
    try {
      await channel.prefetch(1);
      // Behind all other consumers.
      const { consumerTag } = await channel.consume(queue, () => {}, { priority: -10 });
      await channel.cancel(consumerTag);
      await this.#connection.closeChannel(channel);
    } catch (error) {
      const lost = this.#connection.lostBecause;
      if (lost === undefined) throw queueError(error, queue);
      if (!/INTERNAL.ERROR/.test(lost.message)) throw lost;
      throw noLeader(queue, error);
    }
  }

  /**
   * Whether the user may publish to queues of the vhost (through the default exchange), by publishing
   * to a queue that cannot be there.
   */
  async mayPublish(): Promise<boolean> {
    return await this.#tryPublish(`rabbitmq-backup may publish? ${crypto.randomUUID()}`) ===
      "taken";
  }

  /**
   * Whether the user may publish messages with any `user_id` (the tag `impersonator`), by publishing
   * one to a queue that cannot be there: the broker closes the channel over it otherwise. Undefined
   * when the user may not publish to queues of the vhost at all.
   */
  async mayImpersonate(): Promise<boolean | undefined> {
    const nobody = `rabbitmq-backup may impersonate? ${crypto.randomUUID()}`;
    const result = await this.#tryPublish(nobody, { userId: nobody });
    return result === 403 ? undefined : result === "taken";
  }

  /** Publishes to a queue that is not there; returns the code of the refusal if it is refused. */
  async #tryPublish(nowhere: string, options: Options.Publish = {}): Promise<"taken" | number> {
    let refusal: number | undefined;
    const channel = await this.#connection.openConfirmChannel((error) =>
      refusal = (error as { code?: number }).code ?? 0
    );
    try {
      channel.publish("", nowhere, Buffer.alloc(0), { ...options, mandatory: true });
      await channel.waitForConfirms();
      await this.#connection.closeChannel(channel);
      return "taken";
    } catch (error) {
      if (this.#connection.lostBecause !== undefined) throw this.#connection.lostBecause;
      if (refusal !== undefined) return refusal;
      throw error;
    }
  }

  /** Whether there is an exchange of that name. */
  async hasExchange(exchange: string): Promise<boolean> {
    try {
      await this.#ask(
        (channel) => channel.checkExchange(exchange),
        (error) => exchangeError(error, exchange),
      );
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === "broker_missing") return false;
      throw error;
    }
  }

  /** Declares a queue. Throws `refused` when one of that name has other arguments. */
  async declare(queue: string, options: Options.AssertQueue): Promise<void> {
    await this.#ask((channel) => channel.assertQueue(queue, options), { queue, action: "create" });
  }

  /**
   * Binds a queue to an exchange; a binding that is there already stays. Throws `broker_missing`,
   * `broker_denied`, or `failed` when the exchange does not take such a binding.
   */
  async bind(queue: string, binding: QueueBinding): Promise<void> {
    const { exchange, routingKey } = binding;
    await this.#ask(
      (channel) => channel.bindQueue(queue, exchange, routingKey, binding.arguments),
      (error) => bindError(error, { queue, exchange }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel === undefined || !this.#connection.isOpen) return;
    await this.#connection.closeChannel(channel).catch(() => {});
  }

  async #ask<T>(
    ask: (channel: NumberedChannel) => Promise<T>,
    about: { queue: string; action: QueueAction } | ((error: unknown) => AppError),
  ): Promise<T> {
    this.#channel ??= await this.#connection.openChannel();
    try {
      return await ask(this.#channel);
    } catch (error) {
      // A refusal closes the channel.
      this.#channel = undefined;
      throw this.#connection.lostBecause ??
        (typeof about === "function" ? about(error) : queueError(error, about.queue, about));
    }
  }
}

/** A quorum queue whose members cannot agree on a leader, or have not yet. */
export function noLeader(queue: string, cause?: unknown): AppError {
  return new AppError(
    "failed",
    `Cannot read queue "${queue}": it has no leader, so that nobody can tell what it holds`,
    { cause, hint: `are enough nodes up? see rabbitmq-queues quorum_status "${queue}"` },
  );
}

/** What was tried on a queue; each takes another permission. */
export type QueueAction = "look at" | "create" | "read";

const GRANT = "rabbitmqctl set_permissions -p VHOST USER";

/** RabbitMQ 4.3 lets only those look at a queue who have some permission on it. */
const PERMISSION_HINTS: Readonly<Record<QueueAction, string>> = {
  "look at": `grant read permission for a backup: ${GRANT} '^$' '^$' '.*', ` +
    "configure, write and read permission for a restore: '.*' '.*' '.*'",
  // A dead letter exchange takes the right to read the queue, and to write to the exchange.
  create: `grant configure, write and read permission: ${GRANT} '.*' '.*' '.*', or create the ` +
    "queue first",
  read: `grant read permission: ${GRANT} '^$' '^$' '.*'`,
};

/** Translates what the broker says to a declare or consume. */
export function queueError(
  error: unknown,
  queue: string,
  { action = "read" }: { action?: QueueAction } = {},
): AppError {
  if (error instanceof AppError) return error;
  const text = brokerWords(error);
  const cannot = `Cannot use queue "${queue}": `;
  // The text holds the queue's name, which may be anything: where there is a reply code, it decides.
  const code = (error as { code?: unknown } | null)?.code;
  const is = (reply: number, name: string) =>
    typeof code === "number" ? code === reply : text.includes(name);
  // The last one is what 4.x says of a classic queue after having waited a minute for its node.
  if (/is down or inaccessible|process is stopped|queue '.*' due to timeout/s.test(text)) {
    return new AppError("failed", `${cannot}the node that hosts it is down`, { cause: error });
  }
  if (/^Connection clos(ing|ed)/.test(text)) {
    // Said by our own side, before it is told why.
    return new AppError("broker_unreachable", `${cannot}the connection was lost`, {
      cause: error,
      hint: RUN_AGAIN,
    });
  }
  if (is(404, "NOT_FOUND")) {
    return new AppError("broker_missing", `${cannot}it does not exist`, { cause: error });
  }
  if (is(403, "ACCESS_REFUSED") && /in exclusive use"?$/.test(text)) {
    return new AppError("refused", `${cannot}another consumer has it for itself`, {
      cause: error,
      hint: "stop that exclusive consumer while the backup runs",
    });
  }
  if (is(403, "ACCESS_REFUSED")) {
    return new AppError("broker_denied", `${cannot}the user may not ${action} it (${text})`, {
      cause: error,
      hint: PERMISSION_HINTS[action],
    });
  }
  if (is(406, "PRECONDITION_FAILED")) {
    return new AppError("refused", `${cannot}${text}`, {
      cause: error,
      hint: "a queue of this name exists with other properties",
    });
  }
  if (is(405, "RESOURCE_LOCKED")) {
    return new AppError("refused", `${cannot}it is exclusive to another connection`, {
      cause: error,
    });
  }
  return new AppError("failed", `${cannot}${text}`, { cause: error });
}

/** Translates what the broker says when it is asked for an exchange. */
function exchangeError(error: unknown, exchange: string): AppError {
  const cannot = `Cannot use exchange "${exchange}": `;
  const text = brokerWords(error);
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === 404) {
    return new AppError("broker_missing", `${cannot}there is no such exchange`, { cause: error });
  }
  if (code === 403) {
    return new AppError("broker_denied", `${cannot}the user may not look at it (${text})`, {
      cause: error,
      hint: `grant write permission: ${GRANT} '.*' '.*' '.*'`,
    });
  }
  return new AppError("failed", cannot + text, { cause: error });
}

/** Translates what the broker says to a bind. */
function bindError(
  error: unknown,
  { queue, exchange }: { queue: string; exchange: string },
): AppError {
  const cannot = `Cannot bind queue "${queue}" to exchange "${exchange}": `;
  const text = brokerWords(error);
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === 404 && text.startsWith("NOT_FOUND - no exchange")) {
    return new AppError("broker_missing", `${cannot}there is no such exchange`, { cause: error });
  }
  if (code === 403) {
    return new AppError("broker_denied", `${cannot}the user may not (${text})`, {
      cause: error,
      hint: `grant write permission on the queue and read permission on the exchange: ${GRANT} ` +
        "'.*' '.*' '.*'",
    });
  }
  return new AppError("failed", cannot + text, { cause: error });
}
