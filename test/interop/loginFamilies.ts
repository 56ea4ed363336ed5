/** The rows about TLS and SASL: each with a backupd of its own that offers nothing in the clear. */
import { chmodSync, rmSync } from 'node:fs';
import { BackupServer } from '../support/backupdDaemon.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { makeFolder } from '../support/machine.ts';
import { expectThat, type Family } from './family.ts';
import type { Site } from './site.ts';

const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN', 'EXTERNAL'];

async function withTls(
  isFromStart: boolean,
  work: (backup: BackupServer, client: Certificate) => Promise<void>,
): Promise<void> {
  const folder = makeFolder('certificates');
  const ca = new Authority(folder);
  const own = ca.issue('server', '/CN=localhost');
  const client = ca.issue('client', '/CN=repluser');
  chmodSync(client.key, 0o644);
  const certificate = `tls_server_cert: ${own.cert}\ntls_server_key: ${own.key}\ntls_client_ca_file: ${ca.cert}\n`;
  const closed = `backupd_allowplaintext: no\nbackupd_sasl_mech_list: ${MECHANISMS.join(' ')}\n`;
  const required = isFromStart ? '' : 'tls_required: yes\n';
  const backup = await BackupServer.start(certificate + closed + required, isFromStart);
  try {
    await work(backup, client);
  } finally {
    await backup.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs sync_client for all users, and expects to read of her login in backupd's log. */
async function logsIn(
  site: Site,
  backup: BackupServer,
  host: string,
  mechanism: string,
  clientConf: string[],
): Promise<void> {
  const before = backup.log.length;
  const server = { ...backup.address, host, clientConf };
  const { code, stdout, stderr } = await site.master.syncClient(['-u', ...site.users], server, 10_000);
  const log = backup.log.slice(before);
  const isIn = code === 0 && log.includes(`logged in with ${mechanism} over TLS`);
  expectThat(isIn, `${mechanism}: sync_client ends with ${code}: ${stderr}${stdout}${log}`);
}

export const loginFamilies: readonly Family[] = [
  {
    name: 'STARTTLS, then what is picked of all that is offered',
    run: (site) =>
      withTls(false, async (backup) => logsIn(site, backup, backup.address.host, 'SCRAM-SHA-256', [])),
  },
  ...MECHANISMS.map((mechanism): Family => ({
    name: `STARTTLS, then ${mechanism}`,
    run: (site) =>
      withTls(false, async (backup, { cert, key }) => {
        const files = mechanism === 'EXTERNAL' ? [`tls_client_cert: ${cert}`, `tls_client_key: ${key}`] : [];
        const forced = [...files, `force_sasl_client_mech: ${mechanism}`];
        await logsIn(site, backup, backup.address.host, mechanism, forced);
      }),
  })),
  {
    name: 'TLS from the first byte (sync_host: host:port/tls)',
    run: (site) =>
      withTls(true, async (backup) => {
        const { host, port } = backup.address;
        await logsIn(site, backup, `${host}:${port}/tls`, 'SCRAM-SHA-256', []);
      }),
  },
];
