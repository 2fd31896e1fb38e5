import assert from "node:assert/strict";
import { nothingStored, type QueueEntry } from "../../archive/manifest.ts";
import { parseExactJson } from "../../exact_json.ts";
import { declarationOf } from "./declaration.ts";

const ENTRY: QueueEntry = {
  vhost: "/",
  name: "q",
  queue_type: "classic",
  durable: true,
  auto_delete: false,
  arguments: {},
  ...nothingStored(),
};
const AS_IS = { queue_type_mapping: {}, drop_queue_arguments: [] };

Deno.test("a queue is created as it was", () => {
  const args = { "x-queue-type": "classic", "x-max-length": parseExactJson("5.0"), "x-own": "a" };
  const { options, changes, queueType } = declarationOf({ ...ENTRY, arguments: args }, AS_IS);
  assert.equal(queueType, "classic");
  assert.deepEqual(options, {
    durable: true,
    autoDelete: false,
    arguments: { "x-queue-type": "classic", "x-max-length": 5, "x-own": "a" },
  });
  assert.deepEqual(changes, []);
  const quorum = declarationOf({ ...ENTRY, queue_type: "quorum" }, AS_IS);
  assert.deepEqual(quorum.options.arguments, { "x-queue-type": "quorum" });
});

Deno.test("in another type it lacks what that one does not take", () => {
  const entry = {
    ...ENTRY,
    durable: false,
    auto_delete: true,
    arguments: {
      "x-queue-type": "classic",
      "x-max-priority": 5,
      "x-overflow": "reject-publish-dlx",
      "x-max-length": 9,
    },
  };
  const { options, changes } = declarationOf(entry, {
    ...AS_IS,
    queue_type_mapping: { classic: "quorum" },
  });
  assert.deepEqual(options, {
    durable: true,
    autoDelete: false,
    arguments: { "x-queue-type": "quorum", "x-max-length": 9 },
  });
  assert.deepEqual(changes, [
    "created as quorum instead of classic",
    "without x-max-priority, which quorum queues do not take",
    "without x-overflow, which quorum queues do not take",
    "durable, as all quorum queues are",
    "kept when its consumers go",
  ]);
  const back = declarationOf(
    { ...ENTRY, queue_type: "quorum", arguments: { "x-delivery-limit": 2, "x-expires": 9 } },
    { ...AS_IS, queue_type_mapping: { quorum: "classic" } },
  );
  assert.deepEqual(back.options.arguments, { "x-queue-type": "classic", "x-expires": 9 });
});

Deno.test("arguments are left out when that is asked for, and told", () => {
  const entry = { ...ENTRY, arguments: { "x-queue-mode": "lazy", "x-queue-version": 1 } };
  const { options, changes } = declarationOf(entry, {
    ...AS_IS,
    drop_queue_arguments: ["x-queue-m*"],
  });
  assert.deepEqual(options.arguments, { "x-queue-version": 1 });
  assert.deepEqual(changes, ["without x-queue-mode, as restore.drop_queue_arguments says"]);
});

Deno.test("as a stream, and a stream as a queue, without what that one does not take", () => {
  const entry = {
    ...ENTRY,
    durable: false,
    arguments: { "x-max-priority": 5, "x-overflow": "drop-head", "x-max-length-bytes": 9 },
  };
  const { options, changes } = declarationOf(entry, {
    ...AS_IS,
    queue_type_mapping: { classic: "stream" },
  });
  assert.deepEqual(options, {
    durable: true,
    autoDelete: false,
    arguments: { "x-queue-type": "stream", "x-max-length-bytes": 9 },
  });
  assert.deepEqual(changes, [
    "created as stream instead of classic",
    "without x-max-priority, which streams do not take",
    "without x-overflow, which streams do not take",
    "durable, as all streams are",
  ]);
  const stream = {
    ...ENTRY,
    queue_type: "stream",
    arguments: { "x-queue-type": "stream", "x-max-age": "1D", "x-own": 1 },
  };
  const back = declarationOf(stream, { ...AS_IS, queue_type_mapping: { stream: "quorum" } });
  assert.deepEqual(back.options.arguments, { "x-queue-type": "quorum", "x-own": 1 });
  assert.deepEqual(back.changes, [
    "created as quorum instead of stream",
    "without x-max-age, which quorum queues do not take",
  ]);
});
