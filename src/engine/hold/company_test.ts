import assert from "node:assert/strict";
import type { QueueNow } from "../../broker/management/model.ts";
import { type Company, companyOf } from "./company.ts";

const OURS = "rabbitmq-backup-03";

const CASES: [why: string, ready: number, consumers: number, now: QueueNow, Company][] = [
  ["another run reads", 3, 1, { tags: [OURS] }, "reader"],
  ["another run reads beside a consumer", 3, 2, { tags: ["app", OURS] }, "reader"],
  ["consumers that are known have what is missing", 3, 1, { tags: ["app"], messages: 9 }, "none"],
  ["a consumer that is not known yet", 0, 2, { tags: ["app"], messages: 9 }, "unclear"],
  ["nothing is missing", 9, 0, { tags: [], messages: 9 }, "none"],
  ["statistics not there yet", 9, 0, { tags: [] }, "none"],
  [
    "somebody got messages, or returns them",
    3,
    0,
    { tags: [], messages: 9, unacknowledged: 6 },
    "holder",
  ],
  [
    "taken a moment ago, for good or not",
    3,
    0,
    { tags: [], messages: 9, unacknowledged: 0 },
    "unclear",
  ],
];

for (const [why, ready, consumers, now, expected] of CASES) {
  Deno.test(`who has messages of a queue: ${why}`, () => {
    assert.equal(companyOf({ ready, consumers }, now), expected);
  });
}
