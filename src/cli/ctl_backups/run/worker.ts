/**
 * A worker process, started by workers.ts: runs a command on each backup that it receives, and ends
 * when its parent does.
 */
import { faultPoint } from '../../../backup/faultPoint.ts';
import { messageOf } from '../../../errors.ts';
import { becomeOwnerOf } from '../../../fs/actAsOwner.ts';
import type { BackupCommand, CtlIo, CtlOptions } from '../command.ts';
import { loadCommand } from './load.ts';
import { closeRecorded } from './recorded.ts';
import type { FromWorker, Said, ToWorker } from './workers.ts';
import type { Output } from '../../common/io.ts';

const PROGRESS_INTERVAL_MS = 100;
/**
 * A worker sends its output when the work on a backup ends. It sends earlier if the output reaches
 * this length, or has waited this long.
 */
const GATHERED_LENGTH = 1 << 16;
const LONGEST_WAIT_MS = 200;

function tell(message: FromWorker): void {
  process.send?.(message);
}

/** The streams for one backup, with the output that has not been sent yet. */
class TaskIo implements CtlIo {
  readonly stdout = this.#output('stdout');
  readonly stderr = this.#output('stderr');
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly #id: number;
  #said: Said[] = [];
  #length = 0;
  #toldMs = Date.now();

  constructor(id: number, tellsProgress: boolean) {
    this.#id = id;
    if (!tellsProgress) return;
    let last = 0;
    this.onProgress = (doneBytes, totalBytes) => {
      if (Date.now() - last < PROGRESS_INTERVAL_MS) return;
      last = Date.now();
      tell({ kind: 'progress', id, doneBytes, totalBytes });
    };
  }

  take(): Said[] {
    return this.#said.splice(0);
  }

  #output(stream: Said['stream']): Output {
    return {
      write: (text) => {
        this.#said.push({ stream, text });
        this.#length += text.length;
        if (this.#length < GATHERED_LENGTH && Date.now() - this.#toldMs < LONGEST_WAIT_MS) return;
        tell({ kind: 'said', id: this.#id, said: this.take() });
        this.#length = 0;
        this.#toldMs = Date.now();
      },
    };
  }
}

let work: { command: Promise<BackupCommand>; options: CtlOptions; tellsProgress: boolean } | null = null;

process.on('message', (message: ToWorker) => {
  if (message.kind === 'setUp') {
    const { command, options, store, tellsProgress } = message;
    const loaded = loadCommand[command]().then((one) => {
      becomeOwnerOf(store);
      return one;
    });
    work = { command: loaded, options, tellsProgress };
    return;
  }
  if (work === null) throw new Error('a backup came before the command');
  const { command, options, tellsProgress } = work;
  const { id, target } = message;
  const io = new TaskIo(id, tellsProgress);
  faultPoint('worker:begun');
  command
    .then((one) => one(target, options, io))
    .then((outcome) => tell({ kind: 'done', id, said: io.take(), outcome }))
    .catch((error: unknown) => tell({ kind: 'broken', message: messageOf(error) }));
});

process.on('disconnect', () => {
  closeRecorded();
  process.exit();
});
