import { AppError } from "../errors.ts";
import type { NameMapping } from "./name_mapping.ts";
import type { Secret, SecretUrl } from "./secret.ts";
import type { StorageConfig } from "./storage.ts";

export type { StorageConfig } from "./storage.ts";

/** Paths of PEM files, and whether TLS is used at all. */
export interface TlsOptions {
  readonly enabled: boolean;
  /** Certificates to trust instead of the system's. */
  readonly ca_cert?: string;
  readonly client_cert?: string;
  readonly client_key?: string;
  /** Name to expect in the server's certificate when it is not the host's. */
  readonly server_name?: string;
}

/** How to reach one broker. */
export interface BrokerEndpoint {
  /** `amqps` exactly when `tls.enabled`. */
  readonly amqp_url: SecretUrl;
  /** `http(s)://host:port`, perhaps with a path prefix; without credentials and without a slash at the end. */
  readonly management_url: string;
  readonly management_username: string;
  readonly management_password: Secret;
  readonly stream_port: number;
  /** Whether streams are looked for where the nodes say that they are. */
  readonly stream_advertised_hosts: boolean;
  readonly tls: TlsOptions;
}

/** Kinds of queues that RabbitMQ knows. */
export type QueueType = "classic" | "quorum" | "stream";

/** Which queues are meant; see `name_pattern.ts` for the patterns. */
export interface QueueFilter {
  /** Patterns of queue names; none means all. */
  readonly include: readonly string[];
  /** Patterns of queue names that are left out, whatever `include` says. */
  readonly exclude: readonly string[];
  /** Patterns of virtual host names; none means all. */
  readonly vhosts: readonly string[];
  /** None means all. */
  readonly types: readonly QueueType[];
  /** Queues with fewer ready messages are left out. */
  readonly min_messages: number;
}

/** The broker that is backed up. */
export interface SourceEndpoint extends BrokerEndpoint {
  readonly queues: QueueFilter;
}

export type Compression = "zstd" | "lz4" | "none";
export type RequeueStrategy = "auto" | "cancel" | "nack" | "reject" | "get";

/** Which definitions, and what is done to them; see `schema/definitions.ts`. */
export interface DefinitionsChoice {
  readonly definitions_selection: {
    readonly vhosts: readonly string[];
    readonly queues: readonly string[];
    readonly exchanges: readonly string[];
    readonly users: boolean;
  };
  readonly definitions_transformations: readonly string[];
  readonly definitions_rename_vhosts: Readonly<Record<string, string>>;
}

/** How a backup is taken. Sizes in bytes. */
export interface BackupOptions extends DefinitionsChoice {
  readonly segment_max_bytes: number;
  readonly segment_max_interval_ms: number;
  readonly compression: Compression;
  readonly compression_level?: number | undefined;
  /** Absent: the engine chooses by queue type. */
  readonly prefetch_count?: number;
  readonly requeue_strategy: RequeueStrategy;
  readonly max_concurrent_queues: number;
  readonly checkpoint_interval_secs: number;
  readonly sync_interval_secs?: number | undefined;
  readonly include_definitions: boolean;
  readonly stop_at_current_depth: boolean;
  readonly stream_enabled: boolean;
  readonly stream_protocol: "auto" | "stream" | "amqp";
  readonly stream_incremental: boolean;
  /** Absent: the newest backup. */
  readonly stream_base?: string | undefined;
  /** As written: `stream_from.ts` reads it. */
  readonly stream_from: string | number;
  readonly format: "v2" | "rbak-v1";
  readonly spool_dir: string;
  /** Absent: nine tenths of what is free on its disk. */
  readonly spool_max_bytes?: number | undefined;
  readonly on_hazard: OnHazard;
  readonly reconnect_secs: number;
  readonly partial: PartialRead;
  readonly in_flight: "partial" | "accept";
  /** From 0 to 1. */
  readonly memory_share: number;
  readonly consumer_timeout_secs: number;
  readonly max_hold_secs?: number | undefined;
  readonly consumer_priority: number;
  readonly queue_overrides: readonly QueueOverride[];
}

export type OnHazard = "refuse" | "warn";
export type PartialRead = "refuse" | "oldest";

/** Other choices for the queues whose names match. */
export interface QueueOverride {
  readonly queues: readonly string[];
  /** Absent: in all vhosts. */
  readonly vhosts?: readonly string[] | undefined;
  readonly on_hazard?: OnHazard | undefined;
  readonly partial?: PartialRead | undefined;
  readonly max_hold_secs?: number | undefined;
}

/** How a backup is restored. */
export interface RestoreOptions extends DefinitionsChoice {
  readonly publish_mode: "direct-to-queue" | "exchange";
  readonly accept_fanout: boolean;
  readonly create_missing_queues: boolean;
  readonly if_not_empty: "fail" | "append" | "skip";
  /** Of streams. */
  readonly consumer_offsets: boolean;
  readonly stream_origin_annotations: boolean;
  readonly max_concurrent_queues: number;
  /** Messages of one queue that may wait for their confirm at the same time. */
  readonly window: number;
  readonly on_undelivered: "keep" | "fail";
  readonly undelivered_path: string;
  readonly user_id: ForeignUserId;
  readonly dedupe_header?: string | undefined;
  readonly rate_limit_messages_per_sec?: number | undefined;
  readonly rate_limit_bytes_per_sec?: number | undefined;
  /** How long to try to connect again, seconds. */
  readonly reconnect_secs: number;
  readonly queues: QueueFilter;
  readonly create_missing_vhosts: boolean;
  /** Types of missing queues that are created in another type. */
  readonly queue_type_mapping: Readonly<Partial<Record<QueueType, QueueType>>>;
  /** Patterns of arguments that missing queues are created without. */
  readonly drop_queue_arguments: readonly string[];
  /** As written: `time_point.ts` reads it. Both ends belong to the window. */
  readonly time_window_start?: string | number | undefined;
  readonly time_window_end?: string | number | undefined;
  readonly time_window_field: "backed_up_at" | "timestamp";
  /** By streams, as written: `offset_window.ts` reads it. */
  readonly stream_offsets: Readonly<Record<string, string>>;
  readonly messages: MessageFilter;
  readonly max_messages_per_queue?: number | undefined;
  readonly vhost_mapping: NameMapping;
  readonly queue_mapping: NameMapping;
  readonly exchange_mapping: NameMapping;
  readonly restore_definitions: boolean;
  readonly definitions_dry_run: boolean;
  readonly definitions_allow_version_mismatch: boolean;
  readonly definitions_skip_unsupported: boolean;
  readonly definitions_rollback_dir: string;
}

/** Which messages are meant, by what they carry; nothing in a list means all. */
export interface MessageFilter {
  /** `name=pattern` or `name`; a message must have all of them. */
  readonly headers: readonly string[];
  /** Patterns of routing keys. */
  readonly routing_keys: readonly string[];
  /** Patterns of names of exchanges, the default one as `amq.default`. */
  readonly exchanges: readonly string[];
}

/** What becomes of a `user_id` that the target does not take from the user who restores. */
export type ForeignUserId = "fail" | "drop" | "header" | "keep";

/** Where it is kept what is done already. */
export interface OffsetStorageConfig {
  readonly backend: "sqlite";
  readonly db_path: string;
  /** As written; see `engine/handover/keys.ts`. */
  readonly s3_key?: string | undefined;
  /** 0: no copies. */
  readonly sync_interval_secs: number;
  /** Absent: by how long the storage is waited for. */
  readonly lock_expiry_secs?: number | undefined;
}

/** Prometheus endpoint; accepted, not active in this version. */
export interface MetricsConfig {
  readonly enabled: boolean;
  readonly port: number;
  readonly bind_address: string;
}

/**
 * The configuration as the program uses it: read from file, environment and flags, checked, defaults
 * applied. Names are those of the YAML file. Printing it shows no secret.
 */
export interface Config {
  readonly mode?: "backup" | "restore";
  /** As written, pattern not yet expanded: see `backup_id.ts`. */
  readonly backup_id?: string;
  readonly source?: SourceEndpoint;
  readonly target?: BrokerEndpoint;
  readonly storage?: StorageConfig;
  readonly backup: BackupOptions;
  readonly restore: RestoreOptions;
  readonly offset_storage: OffsetStorageConfig;
  readonly metrics: MetricsConfig;
}

/** The broker to read from; an {@linkcode AppError} with code `config` when none is configured. */
export function requireSource(config: Config): SourceEndpoint {
  if (config.source !== undefined) return config.source;
  throw new AppError("config", "Cannot connect to the source broker: none is configured", {
    hint: "set source.amqp_url in the configuration file, --amqp-url, or RABBITMQ_BACKUP_AMQP_URL",
  });
}

/** The broker to write to; an {@linkcode AppError} with code `config` when none is configured. */
export function requireTarget(config: Config): BrokerEndpoint {
  if (config.target !== undefined) return config.target;
  throw new AppError("config", "Cannot connect to the target broker: none is configured", {
    hint: "set target.amqp_url in the configuration file, --amqp-url, or RABBITMQ_BACKUP_AMQP_URL",
  });
}

/** The store of backups; an {@linkcode AppError} with code `config` when none is configured. */
export function requireStorage(config: Config): StorageConfig {
  if (config.storage !== undefined) return config.storage;
  throw new AppError("config", "Cannot open the storage: none is configured", {
    hint: "set storage in the configuration file, --path, or RABBITMQ_BACKUP_PATH",
  });
}
