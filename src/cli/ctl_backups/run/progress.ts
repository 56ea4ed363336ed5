/**
 * Shows progress on a terminal, in one line that is overwritten, and erased before other output.
 * The remaining time is estimated for each backup being worked on, from its size in bytes.
 */
import type { FoundTarget } from '../../common/select.ts';
import type { CtlIo } from '../command.ts';
import type { Output } from '../../common/io.ts';

const REDRAW_MS = 200;
const ERASE_LINE = '\r\u001b[K';

interface Running {
  readonly label: string;
  readonly startMs: number;
  doneBytes: number;
  totalBytes: number;
}

export class Progress {
  readonly #command: string;
  readonly #io: CtlIo;
  readonly #running = new Map<FoundTarget, Running>();
  #drawnMs = 0;
  #isShown = false;

  constructor(command: string, io: CtlIo) {
    this.#command = command;
    this.#io = io;
  }

  /** Wraps the streams for the work on one backup. */
  of(target: FoundTarget, io: CtlIo): CtlIo {
    const output = (to: Output): Output => ({
      write: (text) => {
        this.clear();
        this.#running.delete(target);
        return to.write(text);
      },
    });
    return {
      ...(io.stdin === undefined ? {} : { stdin: io.stdin }),
      stdout: output(io.stdout),
      stderr: output(io.stderr),
      onProgress: (doneBytes, totalBytes) => this.#hear(target, doneBytes, totalBytes),
    };
  }

  clear(): void {
    if (this.#isShown) this.#io.stderr.write(ERASE_LINE);
    this.#isShown = false;
  }

  #hear(target: FoundTarget, doneBytes: number, totalBytes: number): void {
    const running = this.#running.get(target);
    if (doneBytes >= totalBytes) this.#running.delete(target);
    else if (running === undefined) {
      this.#running.set(target, { label: target.label, startMs: Date.now(), doneBytes, totalBytes });
    } else Object.assign(running, { doneBytes, totalBytes });
    this.#draw();
  }

  #draw(): void {
    if (Date.now() - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = Date.now();
    this.clear();
    if (this.#running.size === 0) return;
    const parts = [...this.#running.values()].map(progressText);
    this.#io.stderr.write(`${this.#command} ${parts.join(', ')}`);
    this.#isShown = true;
  }
}

/** Formats one backup's progress: `anne 43 % (81.2 MB/s, 1m20s left)`. */
function progressText({ label, startMs, doneBytes, totalBytes }: Running): string {
  const share = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  const leftS = share === 0 ? 0 : Math.ceil((((Date.now() - startMs) / 1000) * (1 - share)) / share);
  const left = leftS < 60 ? `${leftS}s` : `${Math.floor(leftS / 60)}m${leftS % 60}s`;
  const rate = doneBytes / Math.max(0.1, (Date.now() - startMs) / 1000) / 1e6;
  return `${label} ${Math.floor(100 * share)} % (${rate.toFixed(1)} MB/s, ${left} left)`;
}
