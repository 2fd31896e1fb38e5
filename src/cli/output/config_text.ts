import type { BrokerEndpoint, Config } from "../../config/config.ts";
import { storageLocation } from "../../config/storage.ts";
import { escapeText } from "../../console/text/escape.ts";
import { renderFields } from "../../console/text/table.ts";

/** What a configuration says in short, and what may surprise in it. */
export function configCheckLines(config: Config, path: string): string[] {
  const { source, target, storage } = config;
  return [
    `${escapeText(path)} is right.`,
    ...renderFields([
      ["  Source", source && endpointText(source)],
      ["  Target", target && endpointText(target)],
      ["  Storage", storage && escapeText(storageLocation(storage))],
      ["  Backup id", config.backup_id && escapeText(config.backup_id)],
    ]),
    ...[source, target].flatMap((endpoint) =>
      endpoint === undefined ? [] : plainTextNote(endpoint)
    ),
  ];
}

function endpointText({ amqp_url, management_url, management_username }: BrokerEndpoint): string {
  return escapeText(
    `${amqp_url.masked}, management at ${management_url} as ${management_username}`,
  );
}

function plainTextNote({ amqp_url, tls }: BrokerEndpoint): string[] {
  const { hostname } = amqp_url;
  if (tls.enabled || /^(localhost|127\..*|::1)$/.test(hostname)) return [];
  return [`  Note: without TLS, the password goes to ${escapeText(hostname)} as plain text.`];
}
