/** Lines that are longer than what is read of them at once: cut anywhere, they are read as if they were whole. */
import { expect } from 'chai';
import { readWireCommand } from '../../src/protocol/driver.ts';
import { KeyValues } from '../../src/protocol/dlist.ts';
import type { Dlist } from '../../src/protocol/dlist.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import type { Limits } from '../../src/protocol/limits.ts';
import { parseDlist } from '../../src/protocol/parseText.ts';
import { printDlist } from '../../src/protocol/print.ts';
import { latin1, readSession, sourceOf } from './sources.ts';
import { SocketSource } from '../../src/protocol/source.ts';

const MIB = 1 << 20;
/** What the driver reads at once. */
const PART = 64 * 1024;

describe('a long line', () => {
  const ignored = { onFile: () => Promise.resolve(), onSynchronizingLiteral: () => undefined };

  async function valueOf(text: string, pieceBytes?: number): Promise<Dlist | undefined> {
    const { commands, errors } = await readSession(sourceOf(text, pieceBytes));
    expect(errors).to.deep.equal([]);
    expect(commands).to.have.length(1);
    return commands[0]?.value;
  }

  /** Values of all kinds and lengths, some longer than a part, by a seed. */
  function mixed(seed: number): string {
    let state = seed;
    const random = (below: number): number => (state = (state * 1103515245 + 12345) % 0x7fffffff) % below;
    const word = (): string => 'abcdefghij'.repeat(12).slice(0, 1 + random(100));
    const values: string[] = [];
    for (let length = 0; length < 6 * PART;) {
      const kinds = [
        word,
        () => `"${word()} \\" ${'\\\\'.repeat(random(9))}${word()}"`,
        () => `(${word()} NIL () \\Seen)`,
        () => `%(UID ${random(1e9)} FLAGS (${word()}) NAME "${word()}")`,
        () => (random(40) === 0 ? 'x'.repeat(random(3 * PART)) : '""'),
        () => (random(40) === 0 ? `"${'\\q z'.repeat(random(PART))}"` : '\\Deleted'),
      ];
      const value = kinds[random(kinds.length)]?.() ?? '';
      values.push(value);
      length += value.length + 1;
    }
    return `(${values.join(' ')})`;
  }

  it('of values of all kinds is read as a whole text is, wherever it is cut', async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const text = mixed(seed);
      const read = await valueOf(`APPLY MAILBOXES ${text}\r\n`, 1000 + seed * 7919);
      expect(
        printDlist(read ?? null, 'log') === printDlist(parseDlist(text), 'log'),
        `seed ${seed}`,
      ).to.equal(true);
    }
  });

  it('may end anywhere around the end of a part, with CR LF or LF', async () => {
    for (let spare = -3; spare <= 3; spare += 1) {
      for (const end of ['\r\n', '\n']) {
        const head = 'GET USER ';
        const name = 'u'.repeat(PART - head.length + spare);
        expect(await valueOf(head + name + end, PART), `${spare}`).to.equal(name);
      }
    }
  });

  it('with an error in it costs itself, and the next command is read', async () => {
    const filler = 'word '.repeat(5 * PART);
    for (const wrong of [
      `GET USER )${filler}\r\n`,
      `GET MAILBOXES (${filler} %x ${filler})\r\n`,
      `GET USER x ${filler}\r\n`,
      `GET USER ${filler}{5+}\r\nhello)\r\n`,
      `GET MAILBOXES (${filler}`.trimEnd() + '\r\n',
      `NONSENSE ${filler}\r\n`,
    ]) {
      const { commands, errors, lost } = await readSession(sourceOf(`${wrong}NOOP\r\n`, 5000));
      expect(lost).to.equal(false);
      expect(commands.map(({ verb }) => verb)).to.satisfy((verbs: string[]) => verbs.at(-1) === 'NOOP');
      expect(commands.length + errors.length).to.equal(2);
    }
  });

  it('with a literal behind it is one command', async () => {
    const value = await valueOf(`APPLY SEEN %(${'K v '.repeat(PART)}CONTENT {5+}\r\nhello)\r\n`);
    expect((value as KeyValues).get('CONTENT')).to.equal('hello');
  });

  it('of backslashes takes no more memory than its bytes, and costs a step for each part', async () => {
    const limits: Limits = { ...defaultLimits, literalBytes: 64 * MIB };
    let held = 0;
    const source = sourceOf(`GET USER "${'\\a'.repeat(8 * MIB)}"\r\n`);
    const hold = (bytes: number): undefined => void (held = Math.max(held, bytes));
    const before = process.memoryUsage().rss;
    const command = await readWireCommand(source, limits, { ...ignored, hold });
    expect(command?.value)
      .to.be.a('string')
      .with.lengthOf(8 * MIB);
    expect((process.memoryUsage().rss - before) / MIB).to.be.lessThan(200);
  });

  it('of one string is refused when that is over the limit, before all of it is read', async () => {
    const source = new SocketSource();
    const limits: Limits = { ...defaultLimits, literalBytes: 4 * PART };
    const reading = readWireCommand(source, limits, ignored).then(
      () => 'read',
      (error: Error) => error.message,
    );
    for (let sent = 0; sent < 12; sent += 1)
      source.push(latin1(sent === 0 ? 'GET USER "' : 'a'.repeat(PART)));
    source.push(latin1('"\r\n'));
    expect(await reading).to.match(/a string of more than 262144 bytes is over the limit/);
  });

  it('says what its values take, from above, and waits where it is told to', async () => {
    const record = '%(UID 1 MODSEQ 22 FLAGS (\\Seen) GUID 0123456789012345678901234567890123456789) ';
    let held = 0;
    let calls = 0;
    const source = sourceOf(`APPLY MAILBOX %(RECORD (${record.repeat(20_000)}))\r\n`);
    const hold = async (bytes: number): Promise<void> => {
      calls += 1;
      expect(bytes).to.be.at.least(held);
      held = bytes;
    };
    await readWireCommand(source, defaultLimits, { ...ignored, hold });
    expect(calls).to.be.greaterThan(20);
    expect(held / 20_000).to.be.within(300, 600);
  });

  it('whose memory is refused costs itself', async () => {
    const hold = (bytes: number): undefined => {
      if (bytes > 100_000) throw new Error('too much');
    };
    const source = sourceOf(`GET MAILBOXES (${'a '.repeat(MIB)})\r\nNOOP\r\n`);
    let failure = '';
    await readWireCommand(source, defaultLimits, { ...ignored, hold }).catch(
      (error: Error) => (failure = error.message),
    );
    expect(failure).to.equal('too much');
    expect((await readWireCommand(source, defaultLimits, ignored))?.verb).to.equal('NOOP');
  });
});
