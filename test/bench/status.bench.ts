/**
 * The cost of the log and the status store: rounds of many small users through two servers in turn,
 * one with both, one with neither. Prints the median of the ratios of processor time, which others
 * on the machine disturb less than the clock.
 */
import { openSync, writeSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../src/logging/log.ts';
import { StatusWriter } from '../../src/status/statusWriter.ts';
import { apply, message, upload } from '../server/made.ts';
import { TestServer } from '../server/testServer.ts';

const BATCHES = Number(process.env['BATCHES'] ?? 20);
const USERS = 60;
const folder = mkdtempSync(join(tmpdir(), 'status-bench-'));
const status = StatusWriter.open(join(folder, 'backups.db'), { warn: () => undefined, busyTimeoutMs: 0 });
status.flushEvery(5000);
const fd = openSync('/dev/null', 'w');
const log = createLog({
  prefix: 'backupd',
  format: () => 'logfmt',
  withDebug: () => false,
  isJournal: false,
  write: (line) => void writeSync(fd, line),
});
const servers = {
  plain: await TestServer.start({ log: { write: () => undefined } }),
  watched: await TestServer.start({ log, status }),
};

/** Milliseconds of processor time for one batch: the users' first sync, or one in which nothing has changed. */
async function batch(server: TestServer, at: number, isFirst: boolean): Promise<number> {
  const client = await server.login();
  const began = process.cpuUsage();
  for (let n = 0; n < USERS; n += 1) {
    const user = `u${at}x${n}`;
    const bodies = Array.from({ length: 10 }, (_, k) => message(`${user} ${k}`));
    await client.exchange(`GET USER ${user}\r\n`);
    if (isFirst) {
      await client.exchange(upload(...bodies));
      await client.exchange(apply({ name: `user.${user}`, bodies }));
    }
    await client.exchange('RESTART\r\n');
  }
  const { user, system } = process.cpuUsage(began);
  const took = (user + system) / 1000;
  client.close();
  return took;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

for (const isFirst of [true, false]) {
  const ratios: number[] = [];
  const ms: number[] = [];
  for (let at = 0; at < BATCHES; at += 1) {
    const order = at % 2 === 0 ? (['plain', 'watched'] as const) : (['watched', 'plain'] as const);
    const took = { plain: 0, watched: 0 };
    for (const name of order) took[name] = await batch(servers[name], at, isFirst);
    ratios.push(took.watched / took.plain);
    ms.push(took.watched / USERS);
  }
  const what = isFirst ? 'first sync of a user with 10 messages' : 'sync with nothing new';
  const more = (100 * (median(ratios) - 1)).toFixed(1);
  process.stdout.write(
    `${what}: ${median(ms).toFixed(2)} ms of processor time a user, ${more} % more than without\n`,
  );
}
await servers.plain.stop();
await servers.watched.stop();
status.close();
rmSync(folder, { recursive: true });
