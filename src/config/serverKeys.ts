/**
 * Options of imapd.conf for connections: who may log in, TLS, logging, and restore's own logins.
 * See keys.ts.
 */
import type { KeySpec } from './keySpec.ts';

export const SERVER_KEYS = [
  {
    name: 'admins',
    type: 'list',
    default: null,
    meaning: 'Userids that may replicate into the backup server.',
  },
  {
    name: 'backup_listen',
    type: 'list',
    default: null,
    meaning:
      'Ours. Where backupd listens if its command line and systemd do not say: HOST:PORT, HOST:PORT/tls, ' +
      'or the path of a unix socket. Without it, 127.0.0.1:2005.',
  },
  {
    name: 'servername',
    type: 'string',
    default: null,
    meaning: 'Host name to greet clients with; without it, the machine’s.',
  },
  {
    name: 'sync_timeout',
    type: 'duration',
    unit: 's',
    default: '30m',
    meaning: 'How long a connection may be silent; three seconds at the least.',
  },
  {
    name: 'backup_alarm_messages',
    type: 'int',
    default: '100',
    least: 0,
    meaning:
      'Ours. A user who loses so many messages within a day, and far more than ever before, raises an alarm and is put on hold; 0 is never.',
  },
  {
    name: 'backup_alarm_command',
    type: 'list',
    default: null,
    meaning:
      'Ours. Program and arguments to run for an alarm, without a shell. The environment has ALARM_USER, ALARM_LOST, ALARM_USUAL, ALARM_LEFT and ALARM_TIME.',
  },
  {
    name: 'failedloginpause',
    type: 'duration',
    unit: 's',
    default: '3s',
    meaning: 'How long to wait before a failed login is answered.',
  },
  {
    name: 'sasl_mech_list',
    type: 'list',
    default: null,
    meaning: 'Mechanisms to offer for logging in, of those that there are; without it, all.',
  },
  {
    name: 'sasl_pwcheck_method',
    type: 'list',
    default: null,
    meaning:
      'Who checks passwords, in order: auxprop (backup_passwd_file) or saslauthd. Without it, ' +
      'backup_passwd_file where that exists, else saslauthd.',
  },
  {
    name: 'sasl_saslauthd_path',
    type: 'string',
    default: '/run/saslauthd/mux',
    meaning: 'The socket of saslauthd.',
  },
  {
    name: 'sasl_minimum_layer',
    type: 'int',
    default: '0',
    meaning: 'Bits of encryption without which nobody may log in: those of TLS count.',
  },
  {
    name: 'allowplaintext',
    type: 'switch',
    default: 'no',
    meaning: 'Whether passwords may be sent over a connection without TLS.',
  },
  {
    name: 'tls_server_cert',
    type: 'list',
    separator: ',',
    default: null,
    meaning: 'File of the server’s certificate and its chain; two, parted by a comma, for two kinds of key.',
  },
  {
    name: 'tls_server_key',
    type: 'list',
    separator: ',',
    default: null,
    meaning: 'File of the certificate’s private key; without it, the key is in tls_server_cert.',
  },
  {
    name: 'tls_cert_file',
    type: 'list',
    separator: ',',
    default: null,
    replacedBy: 'tls_server_cert',
    meaning: 'Older name of tls_server_cert.',
  },
  {
    name: 'tls_key_file',
    type: 'list',
    separator: ',',
    default: null,
    replacedBy: 'tls_server_key',
    meaning: 'Older name of tls_server_key.',
  },
  {
    name: 'tls_client_ca_file',
    type: 'string',
    default: null,
    meaning: 'File of the authorities that clients’ certificates are checked against.',
  },
  {
    name: 'tls_ca_file',
    type: 'string',
    default: null,
    replacedBy: 'tls_client_ca_file',
    meaning: 'Older name of tls_client_ca_file.',
  },
  {
    name: 'tls_client_ca_dir',
    type: 'string',
    default: null,
    meaning:
      'Directory of the authorities that clients’ certificates are checked against, under the names that ' +
      '`openssl rehash` gives.',
  },
  {
    name: 'tls_ca_path',
    type: 'string',
    default: null,
    replacedBy: 'tls_client_ca_dir',
    meaning: 'Older name of tls_client_ca_dir.',
  },
  {
    name: 'tls_crl_file',
    type: 'string',
    default: null,
    meaning: 'File of revoked certificates, one list for each authority.',
  },
  {
    name: 'tls_client_certs',
    type: 'enum',
    default: 'optional',
    values: ['off', 'optional', 'require'],
    meaning: 'Whether clients are asked for a certificate, or must show one.',
  },
  {
    name: 'tls_require_cert',
    type: 'switch',
    default: 'no',
    meaning: 'Whether clients must show a certificate, as tls_client_certs: require.',
  },
  {
    name: 'tls_server_ca_file',
    type: 'string',
    default: null,
    meaning: 'File of the authorities that a server’s certificate is checked against when we are the client.',
  },
  {
    name: 'tls_versions',
    type: 'list',
    default: 'tls1_0 tls1_1 tls1_2 tls1_3',
    meaning: 'Versions of TLS that are allowed.',
  },
  {
    name: 'tls_required',
    type: 'switch',
    default: 'no',
    meaning: 'Whether nobody may log in without TLS, by whatever mechanism.',
  },
  {
    name: 'tls_eccurve',
    type: 'string',
    default: null,
    meaning: 'Curve for the exchange of keys; without it, those that OpenSSL prefers.',
  },
  {
    name: 'tls_server_dhparam',
    type: 'string',
    default: null,
    meaning: 'File of parameters for DHE; without it, those that fit the certificate.',
  },
  {
    name: 'tls_cipher_list',
    type: 'string',
    default: null,
    replacedBy: 'tls_ciphers',
    meaning: 'Older name of tls_ciphers.',
  },
  {
    name: 'tls_ciphers',
    type: 'string',
    default: 'DEFAULT',
    meaning: 'Ciphers that are allowed, as ciphers(1) writes them.',
  },
  {
    name: 'tls_prefer_server_ciphers',
    type: 'switch',
    default: 'no',
    meaning: 'Whether the server’s order of ciphers counts, instead of the client’s.',
  },
  {
    name: 'syslog_prefix',
    type: 'string',
    default: null,
    meaning: 'What stands before the process’s name in the log.',
  },
  {
    name: 'syslog_facility',
    type: 'string',
    default: null,
    meaning: 'Facility of log entries: DAEMON, MAIL, NEWS, USER, LOCAL0 to LOCAL7.',
  },
  {
    name: 'debug',
    type: 'switch',
    default: 'no',
    meaning: 'Whether details are logged.',
  },
  {
    name: 'restore_authname',
    type: 'string',
    default: null,
    meaning: 'Name that restore logs in to a server with.',
  },
  {
    name: 'restore_password',
    type: 'string',
    default: null,
    meaning: 'Password that restore logs in to a server with.',
  },
  {
    name: 'restore_realm',
    type: 'string',
    default: null,
    meaning: 'Realm that restore logs in to a server in.',
  },
  {
    name: 'sync_authname',
    type: 'string',
    default: null,
    meaning: 'Userid that restore logs in as where restore_authname is not set, as the originals do.',
  },
  {
    name: 'sync_password',
    type: 'string',
    default: null,
    meaning: 'Its password.',
  },
  {
    name: 'sync_realm',
    type: 'string',
    default: null,
    meaning: 'Its SASL realm.',
  },
  {
    name: 'backup_log_format',
    type: 'enum',
    default: 'auto',
    values: ['auto', 'text', 'logfmt', 'json'],
    meaning:
      'Ours. How backupd prints its log: sentences (text), key=value (logfmt), or JSON, one object a line. With ' +
      'auto: text on a terminal, logfmt otherwise.',
  },
  {
    name: 'backup_metrics_listen',
    type: 'string',
    default: null,
    meaning:
      'Ours. Where backupd serves /metrics and /healthz by HTTP: 127.0.0.1:PORT, [::1]:PORT, or the absolute path of a ' +
      'unix socket. Other addresses are refused, because there is neither a password nor TLS. Without it, nowhere.',
  },
  {
    name: 'backup_metrics_users',
    type: 'int',
    default: '20',
    least: 0,
    most: 10_000,
    meaning: 'Ours. How many users /metrics names: those whose last successful sync is the oldest.',
  },
  {
    name: 'backup_metrics_all_users',
    type: 'switch',
    default: 'no',
    meaning: 'Ours. Whether /metrics names all users. With many users that is costly for Prometheus.',
  },
] as const satisfies readonly KeySpec[];
