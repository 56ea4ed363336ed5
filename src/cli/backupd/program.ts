/** The command line of backupd, as data. */
import { defineProgram } from '../common/commandLine/program.ts';
import { configOption } from '../common/commonOptions.ts';

export const DEFAULT_LISTEN = '127.0.0.1:2005';

export const backupd = defineProgram({
  name: 'backupd',
  summary: 'the server that Cyrus masters replicate into with sync_client',
  operands: [],
  options: {
    config: configOption,
    listen: {
      type: 'list',
      long: 'listen',
      argument: 'ADDRESS',
      help: `listen on HOST:PORT, on HOST:PORT/tls, or on a unix socket by its path; repeat it for more (default ${DEFAULT_LISTEN}, the csync port)`,
      more:
        'An IPv6 address stands in brackets. Port 0 is any port that is free; the log names it. ' +
        'With `/tls`, the server speaks TLS from the first byte, and a master has `HOST:PORT/tls` as its ' +
        '`sync_host`. What a killed server left in place of a unix socket is removed. If systemd passes ' +
        'sockets, the server listens on those, and on others only if they are named here; a socket with ' +
        '`FileDescriptorName=tls` speaks TLS from the first byte.',
    },
    socketMode: {
      type: 'text',
      long: 'socket-mode',
      argument: 'MODE',
      default: '0660',
      help: 'the mode of unix sockets, in octal',
    },
  },
  examples: [
    { command: 'backupd -C /etc/cyrus-backups.conf', does: 'listen on the csync port of this machine' },
    {
      command: 'backupd --listen :2005 --listen :2006/tls',
      does: 'listen for all machines, on the second port with TLS',
    },
  ],
});
