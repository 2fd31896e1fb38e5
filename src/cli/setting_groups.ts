import type { Setting, SettingGroup } from "../console/setting.ts";

/** How to reach the broker of one side of the configuration. */
export function brokerSettings(side: "source" | "target"): SettingGroup {
  return {
    heading: "Broker:",
    settings: [
      {
        flags: "--amqp-url <url>",
        path: `${side}.amqp_url`,
        help: "amqp://user@host:5672, or amqps:// with TLS",
      },
      {
        flags: "--amqp-url-file <file>",
        path: `${side}.amqp_url_file`,
        help: "file that holds the AMQP URL",
      },
      {
        flags: "--management-url <url>",
        path: `${side}.management_url`,
        help: "management API (default: the same host)",
      },
      {
        flags: "--management-username <name>",
        path: `${side}.management_username`,
        help: "its user (default: that of the AMQP URL)",
      },
      {
        flags: "--management-password-file <file>",
        path: `${side}.management_password_file`,
        help: "file that holds its password",
      },
      {
        flags: "--management-password <text>",
        path: `${side}.management_password`,
        help: "",
        hidden: true,
      },
      { flags: "--tls-ca-cert <file>", path: `${side}.tls.ca_cert`, help: "certificates to trust" },
      {
        flags: "--tls-client-cert <file>",
        path: `${side}.tls.client_cert`,
        help: "client certificate",
      },
      { flags: "--tls-client-key <file>", path: `${side}.tls.client_key`, help: "its private key" },
      {
        flags: "--tls-server-name <name>",
        path: `${side}.tls.server_name`,
        help: "name to expect in the server's certificate",
      },
    ],
  };
}

/** Which queues are meant, on either side. */
export function queueSettings(at: "source.queues" | "restore.queues"): SettingGroup {
  return {
    heading: "Which queues (default all; flags may be repeated):",
    settings: [
      {
        flags: "--include <pattern>",
        path: `${at}.include`,
        help: "names to take: 'orders.*' or '~regex'",
        list: true,
      },
      {
        flags: "--exclude <pattern>",
        path: `${at}.exclude`,
        help: "names to leave out",
        list: true,
      },
      {
        flags: "--vhost <pattern>",
        path: `${at}.vhosts`,
        help: "virtual hosts to take",
        list: true,
      },
      {
        flags: "--type <type>",
        path: `${at}.types`,
        help: "classic, quorum or stream",
        list: true,
      },
      ...at === "source.queues"
        ? [{
          flags: "--min-messages <number>",
          path: `${at}.min_messages`,
          help: "leave out queues with fewer messages",
        }]
        : [],
    ],
  };
}

/** Which definitions, and what is done to them. */
export function definitionsSettings(section: "backup" | "restore"): SettingGroup {
  return {
    heading: "Which definitions (default all; flags may be repeated):",
    settings: [
      {
        flags: "--select-vhost <pattern>",
        path: `${section}.definitions_selection.vhosts`,
        help: "vhosts: alone, with all in them",
        list: true,
      },
      {
        flags: "--select-queue <pattern>",
        path: `${section}.definitions_selection.queues`,
        help: "queues, with what leads messages to them",
        list: true,
      },
      {
        flags: "--select-exchange <pattern>",
        path: `${section}.definitions_selection.exchanges`,
        help: "exchanges, with bindings between what is selected",
        list: true,
      },
      {
        flags: "--select-users",
        path: `${section}.definitions_selection.users`,
        help: "with --select-vhost: users with permissions in them",
      },
      {
        flags: "--transformations <names>",
        path: `${section}.definitions_transformations`,
        help: "such as exclude_users,drop_empty_policies (docs/definitions.md)",
        list: true,
      },
      {
        flags: "--rename-vhost <old=new>",
        path: `${section}.definitions_rename_vhosts`,
        help: "give a vhost another name",
        list: true,
      },
    ],
  };
}

/** What an import does about definitions that the target would not take as they are. */
export const IMPORT_SETTINGS: SettingGroup = {
  heading: "What the broker would not take:",
  settings: [
    {
      flags: "--allow-version-mismatch",
      path: "restore.definitions_allow_version_mismatch",
      help: "import definitions of another major version, without what would be refused",
    },
    {
      flags: "--skip-unsupported",
      path: "restore.definitions_skip_unsupported",
      help: "leave out what the broker would refuse",
    },
  ],
};

/** Where an import of a file keeps what was there before. */
export const ROLLBACK_SETTINGS: SettingGroup = {
  heading: "Way back:",
  settings: [
    {
      flags: "--rollback-dir <folder>",
      path: "restore.definitions_rollback_dir",
      help: "local folder for what was there before",
    },
  ],
};

/** The place of backups. */
export const STORAGE_SETTINGS: SettingGroup = {
  heading: "Backup:",
  settings: [
    {
      flags: "-p, --path <location>",
      path: "storage",
      help: "where backups are kept: a path or a URL",
    },
    { flags: "-b, --backup-id <id>", path: "backup_id", help: "name of the backup" },
  ],
};

const COMPRESSION: Setting = {
  flags: "--compression <codec>",
  path: "backup.compression",
  help: "zstd, lz4 or none",
};

const ARCHIVE_FORMAT: Setting = {
  flags: "--archive-format <format>",
  path: "backup.format",
  help: "v2, or rbak-v1 of the earlier tool",
};

const SPOOL_DIR: Setting = {
  flags: "--spool-dir <folder>",
  path: "backup.spool_dir",
  help: "local folder for messages on their way",
};

/** How a backup is taken. */
export const BACKUP_SETTINGS: SettingGroup = {
  heading: "How it is taken:",
  settings: [
    COMPRESSION,
    {
      flags: "--compression-level <number>",
      path: "backup.compression_level",
      help: "level of zstd, 1 to 22",
    },
    {
      flags: "--max-concurrent-queues <number>",
      path: "backup.max_concurrent_queues",
      help: "queues that are read at the same time",
    },
    {
      flags: "--prefetch-count <number>",
      path: "backup.prefetch_count",
      help: "messages that the broker may send ahead",
    },
    {
      flags: "--requeue-strategy <how>",
      path: "backup.requeue_strategy",
      help: "auto, cancel, nack, reject or get",
    },
    {
      flags: "--on-hazard <what>",
      path: "backup.on_hazard",
      help: "queues that reading could harm: refuse or warn",
    },
    {
      flags: "--partial <what>",
      path: "backup.partial",
      help: "queues that cannot be held whole: refuse or oldest",
    },
    {
      flags: "--in-flight <what>",
      path: "backup.in_flight",
      help: "messages with consumers make it: partial or accept",
    },
    {
      flags: "--max-hold-secs <number>",
      path: "backup.max_hold_secs",
      help: "give the messages of a queue back after this",
    },
    {
      flags: "--segment-max-bytes <size>",
      path: "backup.segment_max_bytes",
      help: "size of a segment, such as 128MiB",
    },
    {
      flags: "--stream-incremental",
      path: "backup.stream_incremental",
      help: "of streams only what is new since their newest backup",
    },
    {
      flags: "--base <id>",
      path: "backup.stream_base",
      help: "the backup that it is to be new since",
    },
    {
      flags: "--stream-from <place>",
      path: "backup.stream_from",
      help: "first, an offset, a time, or next: behind the newest backup",
    },
    ARCHIVE_FORMAT,
    {
      flags: "--no-include-definitions",
      path: "backup.include_definitions",
      help: "leave out the broker's definitions",
    },
    SPOOL_DIR,
    {
      flags: "--reconnect-secs <number>",
      path: "backup.reconnect_secs",
      help: "how long to try when the connection is lost; 0: not at all",
    },
  ],
};

/** What an interrupted backup was begun with. */
export const FINISH_SETTINGS: SettingGroup = {
  heading: "As it was begun:",
  settings: [COMPRESSION, ARCHIVE_FORMAT, SPOOL_DIR],
};

/** Which messages of these queues are restored. */
export const MESSAGE_SETTINGS: SettingGroup = {
  heading: "Which messages (default all):",
  settings: [
    {
      flags: "--time-window-start <time>",
      path: "restore.time_window_start",
      help: "from then on: 2025-03-04T05:06:07Z, -2h, 'yesterday 14:00'",
    },
    {
      flags: "--time-window-end <time>",
      path: "restore.time_window_end",
      help: "up to then",
    },
    {
      flags: "--time-window-field <field>",
      path: "restore.time_window_field",
      help: "the time that counts: backed_up_at or timestamp",
    },
    {
      flags: "--stream-offsets <stream=from..to>",
      path: "restore.stream_offsets",
      help: "of this stream only these offsets: orders=100..200",
      list: true,
    },
    {
      flags: "--header <name=value>",
      path: "restore.messages.headers",
      help: "that have this header; the value is a pattern",
      list: true,
    },
    {
      flags: "--routing-key <pattern>",
      path: "restore.messages.routing_keys",
      help: "that were published with such a routing key",
      list: true,
    },
    {
      flags: "--exchange <pattern>",
      path: "restore.messages.exchanges",
      help: "that were published to such an exchange",
      list: true,
    },
    {
      flags: "--max-messages-per-queue <number>",
      path: "restore.max_messages_per_queue",
      help: "at most so many of each queue, the first",
    },
  ],
};

/** Where the messages go. */
export const MAPPING_SETTINGS: SettingGroup = {
  heading: "Where they go (default where they came from):",
  settings: [
    {
      flags: "--vhost-mapping <from=to>",
      path: "restore.vhost_mapping",
      help: "into another virtual host",
      list: true,
    },
    {
      flags: "--queue-mapping <from=to>",
      path: "restore.queue_mapping",
      help: "into another queue: '*=restored.$1'",
      list: true,
    },
    {
      flags: "--exchange-mapping <from=to>",
      path: "restore.exchange_mapping",
      help: "to another exchange, with publish_mode exchange",
      list: true,
    },
  ],
};

/** How a backup is restored. */
export const RESTORE_SETTINGS: SettingGroup = {
  heading: "How it is restored:",
  settings: [
    {
      flags: "--if-not-empty <what>",
      path: "restore.if_not_empty",
      help: "queues that hold messages: fail, append or skip",
    },
    {
      flags: "--no-create-missing-queues",
      path: "restore.create_missing_queues",
      help: "do not create queues that the target lacks",
    },
    {
      flags: "--create-missing-vhosts",
      path: "restore.create_missing_vhosts",
      help: "create virtual hosts that the target lacks",
    },
    {
      flags: "--queue-type-mapping <from=to>",
      path: "restore.queue_type_mapping",
      help: "create queues in another type: classic=quorum",
      list: true,
    },
    {
      flags: "--drop-queue-argument <pattern>",
      path: "restore.drop_queue_arguments",
      help: "create queues without such arguments",
      list: true,
    },
    {
      flags: "--max-concurrent-queues <number>",
      path: "restore.max_concurrent_queues",
      help: "queues that are restored at the same time",
    },
    {
      flags: "--stream-origin-annotations",
      path: "restore.stream_origin_annotations",
      help: "note in messages of streams the offset and time that they had",
    },
    {
      flags: "--window <number>",
      path: "restore.window",
      help: "unconfirmed messages of one queue",
    },
    {
      flags: "--restore-definitions",
      path: "restore.restore_definitions",
      help: "import the backup's definitions first",
    },
    {
      flags: "--definitions-dry-run",
      path: "restore.definitions_dry_run",
      help: "say what the definitions would change, and do nothing",
    },
    {
      flags: "--publish-mode <how>",
      path: "restore.publish_mode",
      help: "direct-to-queue, or exchange: through the target's bindings",
    },
    {
      flags: "--accept-fanout",
      path: "restore.accept_fanout",
      help: "with exchange: also when bindings make more or fewer messages",
    },
    {
      flags: "--on-undelivered <what>",
      path: "restore.on_undelivered",
      help: "messages that the target rejects: keep (apart) or fail",
    },
    {
      flags: "--undelivered-path <folder>",
      path: "restore.undelivered_path",
      help: "where they are kept, as backups",
    },
    {
      flags: "--user-id <what>",
      path: "restore.user_id",
      help: "user_id of others, without impersonator: fail, drop, header or keep",
    },
    {
      flags: "--dedupe-header <name>",
      path: "restore.dedupe_header",
      help: "header to drop doubles by, such as x-restore-id",
    },
    {
      flags: "--messages-per-sec <number>",
      path: "restore.rate_limit_messages_per_sec",
      help: "rate limit, of all queues together",
    },
    {
      flags: "--bytes-per-sec <size>",
      path: "restore.rate_limit_bytes_per_sec",
      help: "the same in bytes, such as 10MiB",
    },
    {
      flags: "--reconnect-secs <number>",
      path: "restore.reconnect_secs",
      help: "how long to try when the connection is lost; 0: not at all",
    },
  ],
};

/** Where it is kept what is done already. */
export const PROGRESS_SETTINGS: SettingGroup = {
  heading: "Going on after an interruption:",
  settings: [
    {
      flags: "--db-path <file>",
      path: "offset_storage.db_path",
      help: "the progress file",
    },
    {
      flags: "--s3-key <key>",
      path: "offset_storage.s3_key",
      help: "where in the storage it is copied to, for other machines",
    },
    {
      flags: "--sync-interval-secs <number>",
      path: "offset_storage.sync_interval_secs",
      help: "time between two copies; 0: none",
    },
  ],
};

/**
 * What decides which messages go where: the same for a restore into the broker of a section and for a
 * comparison with it.
 */
export function restoreChoiceSettings(side: "source" | "target"): SettingGroup[] {
  return [
    STORAGE_SETTINGS,
    brokerSettings(side),
    queueSettings("restore.queues"),
    MESSAGE_SETTINGS,
    MAPPING_SETTINGS,
  ];
}
