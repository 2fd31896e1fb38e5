/** What a broker and its nodes call their cluster. */

/**
 * One name for a cluster, whichever node is asked: the name that it was given, or else the name of its
 * first node. A cluster without a name of its own is called after the node that tells it
 * (`rabbit@host.example.org`). `nodes` are those of the management API, and empty when it does not
 * tell them; then it is the name that was told.
 */
export function clusterNameOf(told: string, nodes: readonly string[]): string {
  if (nodes.length < 2 || !nodes.some((node) => isNamedAfter(told, node))) return told;
  return nodes.toSorted()[0]!;
}

/** Whether both names are of one cluster: the same, or each one of a node. */
export function isSameCluster(
  names: readonly [string, string],
  nodes: readonly string[],
): boolean {
  const isNode = (name: string) => nodes.some((node) => isNamedAfter(name, node));
  return names[0] === names[1] || names.every(isNode);
}

/** Nodes may have short names; a cluster is called after the long one. */
function isNamedAfter(cluster: string, node: string): boolean {
  return cluster === node || shortened(cluster) === shortened(node);
}

function shortened(name: string): string {
  const [id = "", host = ""] = name.split("@");
  return `${id}@${host.split(".")[0]}`;
}
