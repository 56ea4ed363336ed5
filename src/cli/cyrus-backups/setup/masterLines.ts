/**
 * What an administrator puts on each Cyrus server: lines of its imapd.conf and cyrus.conf, for the
 * sync_client of Cyrus 3.0 and later. Options of a channel have the channel's name before them.
 */
import type { Plan } from './plan.ts';

/** Returns where masters connect to: `[host, port]`. */
function syncAddress({ listen, syncHost }: Pick<Plan, 'listen' | 'syncHost'>): {
  host: string;
  port: number;
  isTls: boolean;
} {
  const tcp = listen.find((text) => !text.startsWith('/')) ?? '127.0.0.1:2005';
  const match = /:(\d+)(\/tls)?$/.exec(tcp);
  return { host: syncHost, port: Number(match?.[1] ?? 2005), isTls: match?.[2] !== undefined };
}

/** Returns lines for the master's imapd.conf, without the password itself. */
function imapdConfLines(plan: Plan, password = 'THE PASSWORD'): string[] {
  const { host, port, isTls } = syncAddress(plan);
  const { channel } = plan;
  return [
    'sync_log: yes',
    `sync_log_channels: ${channel}`,
    ...(isTls
      ? [`${channel}_sync_host: ${/:/.test(host) && !host.startsWith('[') ? `[${host}]` : host}:${port}/tls`]
      : [`${channel}_sync_host: ${host}`, `${channel}_sync_port: ${port}`]),
    `${channel}_sync_authname: ${plan.admin}`,
    `${channel}_sync_password: ${password}`,
    `${channel}_sync_try_imap: no`,
    `${channel}_sync_repeat_interval: 1`,
  ];
}

/** The entry of cyrus.conf for rolling replication. */
function rollingEntry({ channel }: Pick<Plan, 'channel'>): string[] {
  return ['DAEMON {', `  ${channel}client cmd="sync_client -r -n ${channel}"`, '}'];
}

/** The entry of cyrus.conf for replication once an hour. */
function periodicEntry({ channel }: Pick<Plan, 'channel'>): string[] {
  return ['EVENTS {', `  ${channel}all cmd="sync_client -A -n ${channel}" period=60`, '}'];
}

/** Returns the whole text for people. */
export function masterText(plan: Plan): string {
  const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');
  return `
On each Cyrus server, as root:

1. Append to /etc/imapd.conf (if sync_log_channels is there already, add ${plan.channel} to its value),
   and let only root and cyrus read the file:

${indented(imapdConfLines(plan))}
2. Add to /etc/cyrus.conf, to replicate every change within seconds (rolling replication):

${indented(rollingEntry(plan))}
   or, to replicate once an hour instead:

${indented(periodicEntry(plan))}
3. Restart Cyrus. Then replicate all users once, as user cyrus (on Debian in /usr/lib/cyrus/bin):

    sync_client -A -v -n ${plan.channel}
`;
}
