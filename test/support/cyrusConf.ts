/**
 * Writes the configuration of a master that a test starts. master does not pass its -C on to the
 * services, so each service has its own.
 */

export const ADMIN = { user: 'admin', password: 'admin-secret' };
export const REALM = 'master.example';

export function imapdConf(folder: string, hasConversations: boolean): string {
  return `configdirectory: ${folder}/conf
defaultpartition: default
partition-default: ${folder}/data
sievedir: ${folder}/sieve
temp_path: ${folder}/tmp
backuppartition-default: ${folder}/backup
servername: ${REALM}
admins: ${ADMIN.user}
unixhierarchysep: on
altnamespace: off
virtdomains: userid
defaultdomain: internal.example
expunge_mode: delayed
delete_mode: delayed
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${folder}/sasldb2
annotation_allow_undefined: 1
conversations: ${hasConversations ? 1 : 0}
maxmessagesize: 0
munge8bit: no
sync_log: 1
sync_log_channels: backup
`;
}

interface Ports {
  readonly imap: number;
  readonly sieve: number;
  readonly sync: number;
  readonly backupd: number | undefined;
}

export function cyrusConf(conf: string, ports: Ports): string {
  const backupd =
    ports.backupd === undefined
      ? ''
      : `  backupd cmd="backupd -C ${conf}" listen="127.0.0.1:${ports.backupd}" prefork=0\n`;
  return `START {
  recover cmd="ctl_cyrusdb -C ${conf} -r"
}
SERVICES {
  imap cmd="imapd -C ${conf}" listen="127.0.0.1:${ports.imap}" prefork=0
  sieve cmd="timsieved -C ${conf}" listen="127.0.0.1:${ports.sieve}" prefork=0
  sync cmd="sync_server -C ${conf}" listen="127.0.0.1:${ports.sync}" prefork=0
${backupd}}
EVENTS {
}
`;
}
