/**
 * Whether a backup is what its master is: by IMAP record for record, and by the master's own judgement, which is that a
 * sync_client has nothing to send. For that it compares both CRCs of ours with its own, which it makes anew where they
 * differ from those that it keeps (imap/sync_support.c, is_unchanged).
 */
import type { BackupServer } from './backupdDaemon.ts';
import type { CyrusMaster } from './cyrus.ts';
import { LoggingProxy } from './proxy.ts';
import { backedUp, onMaster } from './records.ts';

/** What differs, in words; empty where nothing does. The rolling client is to have caught up. */
export async function differences(
  master: CyrusMaster,
  backup: BackupServer,
  users: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const user of users) {
    found.push(...(await recordDifferences(master, backup, user)));
  }
  return [...found, ...(await whatIsSent(master, backup))];
}

async function recordDifferences(master: CyrusMaster, backup: BackupServer, user: string): Promise<string[]> {
  const [ours, theirs] = [await backedUp(backup, user), await onMaster(master, user)];
  const names = new Set([...ours.keys(), ...theirs.keys()]);
  return [...names].flatMap((name) => {
    const [mine, right] = [ours.get(name), theirs.get(name)];
    if (JSON.stringify(mine) === JSON.stringify(right)) return [];
    const uids = new Set([...Object.keys(mine ?? {}), ...Object.keys(right ?? {})]);
    const wrong = [...uids].filter(
      (uid) => JSON.stringify(mine?.[uid] ?? null) !== JSON.stringify(right?.[uid] ?? null),
    );
    const shown = wrong
      .slice(0, 3)
      .map((uid) => `${JSON.stringify(mine?.[uid])} for ${JSON.stringify(right?.[uid])}`);
    return [
      `${name}: ${mine === undefined ? 'not here' : right === undefined ? 'not there' : shown.join(', ')}`,
    ];
  });
}

/** What a sync_client of all users finds to send. */
async function whatIsSent(master: CyrusMaster, backup: BackupServer): Promise<string[]> {
  const proxy = await LoggingProxy.start(backup.address.port);
  try {
    const server = { ...backup.address, port: proxy.port };
    const { code, stdout, stderr } = await master.syncClient(['-A'], server, 600_000);
    const sent = (await proxy.take()).map(({ command, reply }) => `${command.slice(0, 200)}: ${reply}`);
    const applied = sent.filter((line) => line.startsWith('APPLY '));
    return code === 0 ? applied : [...applied, `sync_client -A: ${code} ${stdout}${stderr}`];
  } finally {
    await proxy.stop();
  }
}
