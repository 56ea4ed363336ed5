/**
 * A master with little to send, in a thread of its own, so that only the server delays it. It
 * stores something and asks for a response every 10 ms until it is told to end. Then it posts how
 * long each command took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { SyncServer } from './cyrus.ts';
import { SyncConnection } from './syncConnection.ts';

const PAUSE_MS = 10;
/** Rounds before it reports that it is ready. */
const WARM_UP = 20;

const connection = await SyncConnection.login(workerData as SyncServer);
const state = { isOver: false };
const timesMs: number[] = [];

async function timed(command: string): Promise<void> {
  const started = performance.now();
  const { reply } = await connection.exchange(command);
  timesMs.push(performance.now() - started);
  if (!reply.startsWith('OK')) throw new Error(`${command.slice(0, 40)}: ${reply}`);
}

parentPort?.once('message', () => (state.isOver = true));
for (let number = 0; !state.isOver; number += 1) {
  if (number === WARM_UP) {
    timesMs.splice(0);
    parentPort?.postMessage('ready');
  }
  // The name differs each time, because a command that changes nothing would not be written.
  await timed(`APPLY SUB %(USERID victim MBOXNAME user.victim.${Date.now()}.${number})\r\n`);
  await timed('NOOP\r\n');
  await sleep(PAUSE_MS);
}
connection.close();
parentPort?.postMessage(timesMs);
