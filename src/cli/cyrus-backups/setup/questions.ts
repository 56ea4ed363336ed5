/**
 * Asks questions on a terminal. Each has an answer that Enter takes. Without a terminal nothing is
 * asked, and every question is answered with that answer.
 */
import { BackupError } from '../../../errors.ts';
import { askHidden } from '../passwd.ts';
import type { PasswdIo } from '../passwd.ts';

export class Questions {
  readonly #io: PasswdIo;

  constructor(io: PasswdIo) {
    this.#io = io;
  }

  get canAsk(): boolean {
    return this.#io.stdin.isTTY === true;
  }

  /** Resolves to the answer, without spaces around it. */
  async ask(question: string, preset: string): Promise<string> {
    if (!this.canAsk) return preset;
    this.#io.stdout.write(preset === '' ? `${question}: ` : `${question} [${preset}]: `);
    const answer = (await this.#line()).trim();
    return answer === '' ? preset : answer;
  }

  /** Asks until the answer is accepted. `fault` returns what is wrong with an answer. */
  async askValid(
    question: string,
    preset: string,
    fault: (answer: string) => string | undefined,
  ): Promise<string> {
    for (;;) {
      const answer = await this.ask(question, preset);
      const wrong = fault(answer);
      if (wrong === undefined) return answer;
      if (!this.canAsk) throw new BackupError('usage', wrong);
      this.#io.stdout.write(`  ${wrong}\n`);
    }
  }

  async confirm(question: string): Promise<boolean> {
    if (!this.canAsk) return false;
    return /^y(es)?$/i.test(await this.ask(`${question} (yes or no)`, 'no'));
  }

  /** Asks for a password twice, without showing it. Resolves to '' if none is typed. */
  async askPassword(question: string): Promise<string> {
    for (;;) {
      const first = await askHidden(this.#io, `${question}: `);
      if (first === '') return '';
      if (first === (await askHidden(this.#io, 'Again: '))) return first;
      this.#io.stdout.write('  the two passwords differ\n');
    }
  }

  /** Reads one line, and leaves the rest of the input for the next question. */
  #line(): Promise<string> {
    const { stdin } = this.#io;
    return new Promise((resolve, reject) => {
      let typed = Buffer.alloc(0);
      const finish = (settle: () => void): void => {
        stdin.off('data', take).off('end', ended);
        stdin.pause();
        settle();
      };
      const take = (data: Buffer): void => {
        typed = Buffer.concat([typed, data]);
        const end = typed.indexOf('\n');
        if (end < 0) return;
        finish(() => resolve(typed.toString('utf8', 0, end)));
        if (end + 1 < typed.length) stdin.unshift(typed.subarray(end + 1));
      };
      const ended = (): void =>
        finish(() => reject(new BackupError('usage', 'the input ended before the last answer')));
      stdin.on('data', take).on('end', ended);
      stdin.resume();
    });
  }
}
