/**
 * Compares a backup with its master, in two ways:
 *
 * - Record for record, over IMAP.
 * - By the master's own judgement: a sync_client must have nothing to send. It compares both of our
 *   CRCs with its own, and recomputes its own where they differ from the stored ones
 *   (imap/sync_support.c, is_unchanged).
 */
import type { BackupServer } from './backupdDaemon.ts';
import type { CyrusMaster } from './cyrus.ts';
import { LoggingProxy } from './proxy.ts';
import { backedUp, onMaster } from './records.ts';

/**
 * Returns the differences in words; empty if there are none. The rolling client must have caught
 * up.
 */
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

/** Returns the commands with which a sync_client for all users would change the backup. */
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
