import assert from "node:assert/strict";
import { clusterNameOf, isSameCluster } from "./cluster_name.ts";

const NODES = ["rabbit@b", "rabbit@a", "rabbit@c"];

Deno.test("a cluster without a name has the same one, whichever node is asked", () => {
  assert.equal(clusterNameOf("rabbit@b.example.org", NODES), "rabbit@a");
  assert.equal(clusterNameOf("rabbit@c.example.org", NODES), "rabbit@a");
  assert.equal(clusterNameOf("rabbit@a", NODES), "rabbit@a");
});

Deno.test("a name that was given stays, and so does that of a single node", () => {
  assert.equal(clusterNameOf("orders", NODES), "orders");
  assert.equal(clusterNameOf("rabbit@d.example.org", NODES), "rabbit@d.example.org");
  assert.equal(clusterNameOf("rabbit@a.example.org", ["rabbit@a"]), "rabbit@a.example.org");
  assert.equal(clusterNameOf("rabbit@a.example.org", []), "rabbit@a.example.org");
});

Deno.test("two names are of one cluster when they are equal, or both of its nodes", () => {
  assert.ok(isSameCluster(["orders", "orders"], []));
  assert.ok(isSameCluster(["rabbit@a.example.org", "rabbit@b.example.org"], NODES));
  assert.ok(!isSameCluster(["rabbit@a.example.org", "rabbit@d.example.org"], NODES));
  assert.ok(!isSameCluster(["rabbit@a.example.org", "other@b.example.org"], NODES));
  assert.ok(!isSameCluster(["orders", "rabbit@a"], NODES), "one has a name, so all nodes tell it");
  assert.ok(!isSameCluster(["rabbit@a", "rabbit@b"], []), "nobody tells the nodes");
});
