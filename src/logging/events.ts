/**
 * Over 300 lines because it is one table.
 *
 * All lines that backupd logs: level, text, fields, meaning and cure. The types of the fields are
 * derived from this table, and docs/reference/log.md is written from it (`make docs`).
 *
 * A text is what the format `text` prints. `{name}` stands for a field; a part in brackets is left
 * out if its field is absent. The other formats print the name of the event and its fields.
 */

export type Level = 'error' | 'warn' | 'info' | 'debug';

export interface EventSpec {
  readonly level: Level;
  readonly text: string;
  readonly fields: readonly string[];
  readonly meaning: string;
  /** Empty where nothing is to be done. */
  readonly cure: string;
}

export const EVENTS = {
  listening: {
    level: 'info',
    text: 'listening on {address}',
    fields: ['address'],
    meaning: 'The server is ready on this address.',
    cure: '',
  },
  'metrics-listening': {
    level: 'info',
    text: 'metrics on {address}',
    fields: ['address'],
    meaning: '`/metrics` and `/healthz` are served on this address.',
    cure: '',
  },
  'metrics-failed': {
    level: 'error',
    text: 'metrics: {reason}',
    fields: ['reason'],
    meaning: 'A request for `/metrics` or `/healthz` failed.',
    cure: 'Report it: this is a fault of the program.',
  },
  connected: { level: 'debug', text: 'connected', fields: [], meaning: 'A peer connected.', cure: '' },
  command: {
    level: 'debug',
    text: '{command} {ms} ms',
    fields: ['command', 'ms'],
    meaning: 'A command was handled.',
    cure: '',
  },
  closed: {
    level: 'info',
    text: 'closed, {commands} commands, {refused} refused, {messages} messages, {bytes} bytes',
    fields: ['commands', 'refused', 'messages', 'bytes'],
    meaning: 'A connection ended.',
    cure: '',
  },
  tls: {
    level: 'info',
    text: '{tls}',
    fields: ['tls'],
    meaning: 'A TLS handshake succeeded, with this protocol, cipher and client certificate.',
    cure: '',
  },
  'tls-failed': {
    level: 'warn',
    text: '{reason}',
    fields: ['reason'],
    meaning: 'A TLS handshake failed.',
    cure: 'Check the certificates of both sides, and `tls_versions`.',
  },
  'tls-missing': {
    level: 'warn',
    text: 'this port is for TLS, and tls_server_cert is not set',
    fields: [],
    meaning: 'A reload removed the certificate of a TLS port; the peer was refused.',
    cure: 'Set `tls_server_cert`, then reload.',
  },
  'starttls-injected': {
    level: 'warn',
    text: 'STARTTLS: something was sent behind it, closing',
    fields: [],
    meaning: 'A peer sent bytes after STARTTLS in plain text: an attack, or a broken client.',
    cure: 'Find out who connects from this address.',
  },
  login: {
    level: 'info',
    text: '{user} logged in with {mechanism}[ over {tls}]',
    fields: ['user', 'mechanism', 'tls'],
    meaning: 'A master logged in.',
    cure: '',
  },
  'login-failed': {
    level: 'warn',
    text: 'login failed[: {user}]: {reason}',
    fields: ['user', 'mechanism', 'reason'],
    meaning: 'A login failed, for this name if the peer gave one.',
    cure: 'Compare `sync_authname` and `sync_password` of the master with `cyrus-backups passwd`, and the name with `admins`.',
  },
  sync: {
    level: 'info',
    text: 'sync user={user} mailboxes={mailboxes} changed={changed} new={new} bytes={bytes} ms={ms}[ lag={lag}]',
    fields: ['user', 'mailboxes', 'changed', 'new', 'bytes', 'ms', 'lag'],
    meaning:
      'A master finished a round with a user. `mailboxes` were compared or sent, `changed` of them stored, with `new` messages of `bytes`. ' +
      '`lag` is the age of the newest change in seconds.',
    cure: '',
  },
  'sync-failed': {
    level: 'warn',
    text: 'sync failed user={user} mailboxes={mailboxes} changed={changed} new={new} bytes={bytes} ms={ms}: {reason}',
    fields: ['user', 'mailboxes', 'changed', 'new', 'bytes', 'ms', 'kind', 'reason'],
    meaning: 'A round with a user failed. What was answered with OK is stored.',
    cure: 'See `reason`. The master tries again; `sync_client -u USER` on the master does so at once.',
  },
  refused: {
    level: 'warn',
    text: 'refused: {reason}',
    fields: ['kind', 'user', 'reason'],
    meaning: 'A command was refused.',
    cure: 'See `reason`. The kinds `locked`, `out-of-step` and `not-found` are part of normal replication.',
  },
  'no-space': {
    level: 'error',
    text: '{reason}[, for {user}][: {free_bytes} bytes are free], backup_disk_reserve keeps {reserve_bytes}',
    fields: ['user', 'partition', 'free_bytes', 'reserve_bytes', 'reason'],
    meaning:
      'The free space of a partition is below the reserve: new mail is refused, masters keep it and try again.',
    cure: 'Free space, `ctl_backups compact -A`, move users to another partition (`ctl_backups move`), or lower `backup_disk_reserve`.',
  },
  bug: {
    level: 'error',
    text: '{reason}',
    fields: ['reason'],
    meaning: 'An unexpected error, with its stack. The command or connection ended.',
    cure: 'Report it: this is a fault of the program.',
  },
  'connection-lost': {
    level: 'warn',
    text: '{reason}',
    fields: ['reason'],
    meaning: 'A connection ended because of an error of the peer or of the network.',
    cure: 'See `reason`.',
  },
  timeout: {
    level: 'info',
    text: '{reason}, closing',
    fields: ['reason'],
    meaning: 'A peer was silent for too long, and its connection was closed.',
    cure: 'None for a rolling sync_client, which connects again. Otherwise see `backup_login_timeout`, `sync_timeout`, `backup_command_timeout`.',
  },
  'memory-taken': {
    level: 'warn',
    text: 'others need the memory of a command that does not come in, closing',
    fields: [],
    meaning: 'A peer held memory for a command that did not arrive, while others waited for memory.',
    cure: 'If it happens often, raise `backup_memory`.',
  },
  'too-many-commands': {
    level: 'warn',
    text: 'too many commands before the login, closing',
    fields: [],
    meaning: 'A peer sent many commands without logging in.',
    cure: 'Find out who connects from this address.',
  },
  'telemetry-failed': {
    level: 'warn',
    text: 'telemetry: {reason}',
    fields: ['reason'],
    meaning: 'The record of a session (`configdirectory/log/USER`) could not be written.',
    cure: 'See `reason`.',
  },
  unclaimed: {
    level: 'warn',
    text: '{messages} uploaded messages were claimed by no mailbox',
    fields: ['messages'],
    meaning: 'A master uploaded messages and then recorded them nowhere. They were dropped.',
    cure: 'None if the connection broke: the master sends them again.',
  },
  undelivered: {
    level: 'warn',
    text: '{user}: {mailbox}: the master has no whole file of message {guid}[ and {others} more]: repair its mailbox, then run sync_client -u',
    fields: ['user', 'mailbox', 'guid', 'others'],
    meaning:
      'A mailbox of the master records messages whose files are gone, cut or damaged there. They are missing from the backup.',
    cure: 'On the master: `reconstruct MAILBOX`, then `sync_client -u USER`.',
  },
  'not-sent': {
    level: 'warn',
    text: '{user}: {mailbox}: {messages} messages were not sent, they will be asked for again',
    fields: ['user', 'mailbox', 'messages'],
    meaning: 'A master recorded messages without sending them.',
    cure: '',
  },
  notice: {
    level: 'warn',
    text: '{reason}',
    fields: ['reason'],
    meaning:
      'Something unusual about one backup that was handled: a recovery after a crash, an index that is built again, a renamed user.',
    cure: 'See `reason`. If it repeats, run `ctl_backups verify -u USER`.',
  },
  'not-admin': {
    level: 'info',
    text: '{user} is not one of admins any more, closing',
    fields: ['user'],
    meaning: 'A reload removed an admin; the open sessions ended.',
    cure: '',
  },
  'turned-away': {
    level: 'warn',
    text: 'refused, {reason}',
    fields: ['reason'],
    meaning: 'A connection was refused because of a limit.',
    cure: 'See `backup_max_connections`, `backup_max_connections_per_host`, `backup_max_failed_logins_per_host`.',
  },
  evicted: {
    level: 'warn',
    text: '{connections} connections that had not logged in were closed to make room for others',
    fields: ['connections'],
    meaning: 'Many peers connected without logging in.',
    cure: 'Find out who connects. Limit the port with a firewall.',
  },
  'listener-failed': {
    level: 'error',
    text: 'listener: {reason}',
    fields: ['reason'],
    meaning: 'A listening socket failed.',
    cure: 'See `reason`. With too many open files, raise LimitNOFILE.',
  },
  status: {
    level: 'warn',
    text: '{reason}',
    fields: ['reason'],
    meaning:
      'The status store could not be read or written. Backups are not affected, metrics are incomplete.',
    cure: 'See `reason`: free space, owner and mode of `status.db` beside `backups.db`.',
  },
  reloaded: {
    level: 'info',
    text: '{file} was read again',
    fields: ['file'],
    meaning: 'The new configuration is in force.',
    cure: '',
  },
  configuration: {
    level: 'warn',
    text: '{where}: {reason}',
    fields: ['where', 'reason'],
    meaning: 'The configuration holds something that has no effect, or that others may read or change.',
    cure: 'Correct it; `cyrus-backups check` finds more.',
  },
  'restart-needed': {
    level: 'warn',
    text: '{file}: {keys} changed, which takes a restart',
    fields: ['file', 'keys'],
    meaning: 'These keys keep their old values until a restart.',
    cure: 'Restart backupd.',
  },
  'reload-failed': {
    level: 'error',
    text: 'the configuration in force stays: {reason}',
    fields: ['reason'],
    meaning: 'The new configuration is invalid, and nothing of it is used.',
    cure: 'Correct the line that `reason` names, then reload.',
  },
  alarm: {
    level: 'error',
    text: '{user}: alarm: {lost} messages lost within a day, never more than {usual} before, {left} left; {hold}',
    fields: ['user', 'lost', 'usual', 'left', 'hold'],
    meaning:
      'A user lost far more mail than ever before. The user is put on hold, so that compaction drops nothing.',
    cure: 'Ask the user. `cyrus-backups undo` brings the mail back, `ctl_backups release USER` ends the hold. See docs/guide/proof.md.',
  },
  'alarm-command': {
    level: 'error',
    text: 'backup_alarm_command: {reason}',
    fields: ['reason'],
    meaning: 'The command for alarms failed, or an alarm could not be looked into.',
    cure: 'See `reason`.',
  },
  stopping: {
    level: 'info',
    text: '{signal}: finishing the commands in hand',
    fields: ['signal'],
    meaning: 'The server stops.',
    cure: '',
  },
} as const satisfies Record<string, EventSpec>;

export type EventName = keyof typeof EVENTS;

export type FieldValue = string | number | undefined;

/** The fields of an event. */
export type FieldsOf<E extends EventName> = {
  readonly [F in (typeof EVENTS)[E]['fields'][number]]: FieldValue;
};

/** Where an event happened. Text lines begin with it. */
export interface Where {
  /** The peer's address and port. */
  readonly peer?: string;
  /** The name with which the peer logged in. */
  readonly login?: string | undefined;
}

export interface Log {
  write<E extends EventName>(event: E, fields: FieldsOf<E>, where?: Where): void;
}
