/** What can be done to definitions on their way; `src/definitions/transform.ts` does it. */
export const TRANSFORMATION_NAMES = [
  "no_op",
  "prepare_for_quorum_queue_migration",
  "strip_cmq_keys_from_policies",
  "drop_empty_policies",
  "obfuscate_usernames",
  "exclude_users",
  "exclude_permissions",
  "exclude_runtime_parameters",
  "exclude_policies",
  "drop_host_bound_parameters",
] as const;

export type TransformationName = typeof TRANSFORMATION_NAMES[number];
