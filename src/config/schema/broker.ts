import { z } from "zod";
import { count, patterns, text } from "./values.ts";

/** `tls` of a broker. */
export const TlsSchema = z.strictObject({
  enabled: z.boolean().optional()
    .describe("Use TLS. Default: what the scheme of amqp_url says (amqps means TLS)."),
  ca_cert: text().optional()
    .describe("PEM file with the certificates to trust instead of the system's."),
  client_cert: text().optional().describe("PEM file with the client certificate."),
  client_key: text().optional().describe("PEM file with the client certificate's private key."),
  server_name: text().optional()
    .describe("Name to expect in the server's certificate when it is not the host of the URL."),
}).describe("TLS for AMQP, streams and the management API.");

/** What both brokers have; either key of a pair with `_file` will do. */
const endpointKeys = {
  amqp_url: text().optional().describe(
    "amqp://user:password@host:5672, or amqps:// with TLS. Special characters are percent-encoded. " +
      "The virtual host in it does not limit what is backed up; see queues.vhosts.",
  ),
  amqp_url_file: text().optional().describe("File that holds amqp_url and nothing else."),
  management_url: text().optional().describe(
    "http(s)://host:port of the management API. Default: the host of amqp_url with port 15672, " +
      "or 15671 with TLS.",
  ),
  management_username: text().optional()
    .describe("User of the management API. Default: the user of amqp_url."),
  management_password: text().optional()
    .describe("Password of the management API. Default: the password of amqp_url."),
  management_password_file: text().optional()
    .describe("File that holds management_password and nothing else."),
  stream_port: count(1, 65535).optional().describe(
    "Port of the stream protocol, on the host of amqp_url. Default: 5552, or 5551 with TLS.",
  ),
  stream_advertised_hosts: z.boolean().default(true).describe(
    "Connect to the nodes that have a stream under the names that they advertise. false: only to " +
      "the host of amqp_url, for a broker behind NAT or a load balancer.",
  ),
  tls: TlsSchema.optional(),
};

/** Which queues; `include`, `exclude`, `vhosts` and `types`, as both directions have them. */
export const filterKeys = {
  include: patterns().prefault([]).describe(
    'Names of queues to take: globs such as "orders.*", or "~" and a regular expression. ' +
      "None means all.",
  ),
  exclude: patterns().prefault([]).describe("Names of queues to leave out; wins over include."),
  vhosts: patterns().prefault([])
    .describe("Names of virtual hosts, as patterns like include. None means all."),
  types: z.array(z.enum(["classic", "quorum", "stream"])).default([])
    .describe("Types of queues. None means all."),
};

/** `source.queues`. */
export const SourceQueuesSchema = z.strictObject({
  ...filterKeys,
  min_messages: count(0, Number.MAX_SAFE_INTEGER).default(0)
    .describe("Leave out queues with fewer ready messages than this."),
}).describe("Which queues to back up. Default: all.");

/** `source`. */
export const SourceSchema = z.strictObject({
  ...endpointKeys,
  queues: SourceQueuesSchema.optional(),
}).describe("The broker that is backed up.");

/** `target`. */
export const TargetSchema = z.strictObject(endpointKeys)
  .describe("The broker that is restored to.");
