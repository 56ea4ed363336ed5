/** One of the processes of ctlBackupsWorkers.ts: does a command to each backup that it is sent, and ends with who started it. */
import { messageOf } from '../errors.ts';
import type { BackupCommand, CtlIo, CtlOptions } from './ctlBackupsCommand.ts';
import { loadCommand } from './ctlBackupsLoad.ts';
import type { FromWorker, ToWorker } from './ctlBackupsWorkers.ts';

const PROGRESS_INTERVAL_MS = 100;

function tell(message: FromWorker): void {
  process.send?.(message);
}

function workerIo(tellsProgress: boolean): CtlIo {
  const output = (stream: 'stdout' | 'stderr') => ({
    write: (text: string | Uint8Array): void => tell({ kind: 'text', stream, text }),
  });
  const streams = { stdout: output('stdout'), stderr: output('stderr') };
  if (!tellsProgress) return streams;
  let last = 0;
  return {
    ...streams,
    onProgress(doneBytes, totalBytes) {
      if (Date.now() - last < PROGRESS_INTERVAL_MS) return;
      last = Date.now();
      tell({ kind: 'progress', doneBytes, totalBytes });
    },
  };
}

let work: { command: Promise<BackupCommand>; options: CtlOptions; io: CtlIo } | null = null;

process.on('message', (message: ToWorker) => {
  if (message.kind === 'setUp') {
    const { command, options, tellsProgress } = message;
    work = { command: loadCommand[command](), options, io: workerIo(tellsProgress) };
    return;
  }
  if (work === null) throw new Error('a backup came before the command');
  const { command, options, io } = work;
  command
    .then((one) => one(message.target, options, io))
    .then((outcome) => tell({ kind: 'done', outcome }))
    .catch((error: unknown) => tell({ kind: 'broken', message: messageOf(error) }));
});

process.on('disconnect', () => process.exit());
