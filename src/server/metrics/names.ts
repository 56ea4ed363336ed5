/**
 * All metrics of backupd: name, type, labels, meaning. /metrics exports exactly these, and
 * docs/reference/metrics.md is written from this table (`make docs`). Names follow Prometheus'
 * conventions: base units, `_total` for counters, unix seconds in `_timestamp_seconds`.
 */

export interface MetricSpec {
  readonly type: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly help: string;
}

export const METRICS = {
  cyrus_backups_build_info: {
    type: 'gauge',
    labels: ['version'],
    help: 'Always 1; the version of backupd.',
  },
  cyrus_backups_users: {
    type: 'gauge',
    labels: ['domain'],
    help: 'Users that a master has synced, without those whose account is gone.',
  },
  cyrus_backups_users_failing: {
    type: 'gauge',
    labels: ['domain'],
    help: 'Users whose last round failed.',
  },
  cyrus_backups_users_never_compared: {
    type: 'gauge',
    labels: ['domain'],
    help: 'Users whose mailboxes a master has never compared as a whole (sync_client -u or -A).',
  },
  cyrus_backups_missing_messages: {
    type: 'gauge',
    labels: ['domain'],
    help: 'Messages that masters recorded and could not send, as of the last round of each user.',
  },
  cyrus_backups_oldest_sync_timestamp_seconds: {
    type: 'gauge',
    labels: ['domain'],
    help:
      'The last successful sync of the user for whom it is the longest ago. An idle user counts as synced while a ' +
      'rolling sync_client of the same master follows all changes.',
  },
  cyrus_backups_oldest_compare_timestamp_seconds: {
    type: 'gauge',
    labels: ['domain'],
    help: 'The last comparison of all mailboxes of the user for whom it is the longest ago.',
  },
  cyrus_backups_user_sync_timestamp_seconds: {
    type: 'gauge',
    labels: ['user'],
    help: 'The last successful sync of the users for whom it is the longest ago (backup_metrics_users).',
  },
  cyrus_backups_user_failing_since_timestamp_seconds: {
    type: 'gauge',
    labels: ['user'],
    help: 'The first failed round since the last success, of the same users.',
  },
  cyrus_backups_user_missing_messages: {
    type: 'gauge',
    labels: ['user'],
    help: 'Messages that the master recorded and could not send, of the users with the most of them.',
  },
  cyrus_backups_check_failed_users: {
    type: 'gauge',
    labels: ['kind'],
    help: 'Users whose newest result of this kind (verify, compact, scrub, prove, drill, alarm) is a failure.',
  },
  cyrus_backups_check_oldest_success_timestamp_seconds: {
    type: 'gauge',
    labels: ['kind'],
    help: 'The last success of this kind of the user for whom it is the longest ago, of those who have one.',
  },
  cyrus_backups_check_last_success_timestamp_seconds: {
    type: 'gauge',
    labels: ['kind'],
    help: 'The newest success of this kind of any user, or of the whole store.',
  },
  cyrus_backups_master_seen_timestamp_seconds: {
    type: 'gauge',
    labels: ['master'],
    help: 'When this host last logged in, or ended a round.',
  },
  cyrus_backups_master_rolling_timestamp_seconds: {
    type: 'gauge',
    labels: ['master'],
    help: 'When this host last showed that a rolling sync_client follows all changes.',
  },
  cyrus_backups_master_lag_seconds: {
    type: 'gauge',
    labels: ['master'],
    help: 'The age of the newest change in the last round with changes, when it arrived.',
  },
  cyrus_backups_partition_free_bytes: {
    type: 'gauge',
    labels: ['partition'],
    help: 'Free space of the file system of a partition.',
  },
  cyrus_backups_partition_size_bytes: {
    type: 'gauge',
    labels: ['partition'],
    help: 'Size of the file system of a partition.',
  },
  cyrus_backups_disk_reserve_bytes: {
    type: 'gauge',
    labels: [],
    help: 'Free space below which new mail is refused (backup_disk_reserve).',
  },
  cyrus_backups_connections: { type: 'gauge', labels: [], help: 'Open connections.' },
  cyrus_backups_open_backups: {
    type: 'gauge',
    labels: [],
    help: 'Backups that sessions hold open and locked.',
  },
  cyrus_backups_rounds_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Rounds of masters with a user: ok or failed.',
  },
  cyrus_backups_messages_total: { type: 'counter', labels: [], help: 'Messages stored.' },
  cyrus_backups_message_bytes_total: {
    type: 'counter',
    labels: [],
    help: 'Bytes of the messages stored, before compression.',
  },
  cyrus_backups_refusals_total: {
    type: 'counter',
    labels: ['kind'],
    help: 'Refused commands by the kind of the error.',
  },
  cyrus_backups_logins_total: { type: 'counter', labels: ['outcome'], help: 'Logins: ok or failed.' },
  cyrus_backups_connections_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Connections: accepted, or refused because of a limit.',
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

/** Counters, by their name in the status store, and the label that the store's label becomes. */
export const COUNTERS: ReadonlyMap<string, { readonly metric: MetricName; readonly label?: string }> =
  new Map([
    ['rounds', { metric: 'cyrus_backups_rounds_total', label: 'outcome' }],
    ['messages', { metric: 'cyrus_backups_messages_total' }],
    ['bytes', { metric: 'cyrus_backups_message_bytes_total' }],
    ['refusals', { metric: 'cyrus_backups_refusals_total', label: 'kind' }],
    ['logins', { metric: 'cyrus_backups_logins_total', label: 'outcome' }],
    ['connections', { metric: 'cyrus_backups_connections_total', label: 'outcome' }],
  ]);
