import { type BrokerEndpoint, type Config, requireStorage } from "../../config/config.ts";
import { requireSource, requireTarget } from "../../config/config.ts";
import { isPlainName } from "../../config/name_pattern.ts";
import { accessPolicies, type AccessPolicy, shellQuoted } from "../../storage/access_policy.ts";
import { managementNeeds, neededTag, type Side } from "./needs.ts";
import { patternsFor } from "./rights.ts";
import { impersonationOf } from "./target.ts";

/** The least rights that this configuration needs, ready to be copied; reaches nothing. */
export async function leastPolicies(config: Config, side: Side): Promise<AccessPolicy[]> {
  const importsDefinitions = config.restore.restore_definitions;
  return [
    ...side === "backup" ? sourcePolicies(config) : targetPolicies(config),
    ...await accessPolicies(requireStorage(config), { use: side, importsDefinitions }),
  ];
}

function sourcePolicies(config: Config): AccessPolicy[] {
  const source = requireSource(config);
  // Quorum queues before 4.3: a copy of a message whose attempts are used up.
  const publish = { purpose: "", isVital: false };
  const patterns = patternsFor({ configure: false, read: true, publish });
  return brokerPolicies(config, {
    side: "backup",
    endpoint: source,
    vhosts: source.queues.vhosts,
    patterns,
  });
}

function targetPolicies(config: Config): AccessPolicy[] {
  const { restore } = config;
  const publish = { purpose: "", isVital: true };
  const patterns = patternsFor({ configure: restore.create_missing_queues, read: false, publish });
  const mapped = restore.queues.vhosts.map((vhost) => restore.vhost_mapping[vhost] ?? vhost);
  const endpoint = requireTarget(config);
  return brokerPolicies(config, { side: "restore", endpoint, vhosts: mapped, patterns });
}

function brokerPolicies(
  config: Config,
  { side, endpoint, vhosts, patterns }: {
    side: Side;
    endpoint: BrokerEndpoint;
    vhosts: readonly string[];
    patterns: readonly string[];
  },
): AccessPolicy[] {
  const { amqp_url: { username }, management_username } = endpoint;
  const granted = patterns.map((pattern) => `'${pattern}'`).join(" ");
  const tags = new Map<string, string[]>([[username, []], [management_username, []]]);
  const tag = neededTag(managementNeeds(config, side));
  if (tag !== undefined) tags.get(management_username)!.push(tag);
  if (side === "restore" && impersonationOf(config.restore.user_id) !== false) {
    tags.get(username)!.push("impersonator");
  }
  const names = [...tags.keys()].map(shellQuoted);
  const lines = [
    ...names.map((name) => `rabbitmqctl add_user ${name}  # asks for its password`),
    ...[...tags].filter(([, given]) => given.length > 0).map(([name, given]) =>
      `rabbitmqctl set_user_tags ${shellQuoted(name)} ${given.join(" ")}`
    ),
    ...names.flatMap((name) => permissionLines(name, { vhosts, granted })),
  ];
  return [{
    title: `RabbitMQ: user for ${side}s, on a node of the cluster`,
    language: "sh",
    text: lines.join("\n"),
  }];
}

/** One line for each vhost that is named, and one for all where that is what the patterns say. */
function permissionLines(
  name: string,
  { vhosts, granted }: { vhosts: readonly string[]; granted: string },
): string[] {
  const plain = vhosts.filter(isPlainName);
  const isOpen = vhosts.length === 0 || plain.length < vhosts.length;
  const each = plain.map((vhost) =>
    `rabbitmqctl set_permissions -p ${shellQuoted(vhost)} ${name} ${granted}`
  );
  return isOpen
    ? [
      ...each,
      "# on each virtual host that is wanted:",
      "rabbitmqctl --silent list_vhosts | while read -r vhost; do",
      `  rabbitmqctl set_permissions -p "$vhost" ${name} ${granted} </dev/null`,
      "done",
    ]
    : each;
}
