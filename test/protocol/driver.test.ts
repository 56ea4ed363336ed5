import { expect } from 'chai';
import * as fc from 'fast-check';
import { BackupError } from '../../src/errors.ts';
import { FileLiteral, KeyValues } from '../../src/protocol/dlist.ts';
import type { Dlist } from '../../src/protocol/dlist.ts';
import { readAnswer, readWireCommand } from '../../src/protocol/driver.ts';
import { defaultLimits, preAuthLimits } from '../../src/protocol/limits.ts';
import type { ByteSource } from '../../src/protocol/source.ts';
import {
  fullMailbox,
  guidOne,
  literalInTheMiddle,
  sieveScript,
  twoMessages,
  wholeSession,
} from './sessions.ts';
import { readSession, sourceOf } from './sources.ts';

const noop = 'NOOP\r\n';

function valueOf(value: Dlist | undefined): KeyValues {
  if (!(value instanceof KeyValues)) throw new Error('a key-value list is expected');
  return value;
}

async function failure(promise: Promise<unknown>): Promise<BackupError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BackupError) return error;
    throw error;
  }
  throw new Error('no error');
}

function handlers(onFile: (file: FileLiteral, source: ByteSource) => Promise<void>) {
  return { onFile, onSynchronizingLiteral: (): void => undefined };
}

function failInTheMiddle(file: FileLiteral, part: ByteSource): Promise<void> {
  return part.pieces(file.size, () => {
    throw new BackupError('io', 'no');
  });
}

describe('wire commands', () => {
  it('reads a real session', async () => {
    const session = await readSession(sourceOf(wholeSession));
    expect(session.errors).to.deep.equal([]);
    expect(session.commands.map(({ verb, name }) => `${verb} ${name}`)).to.deep.equal([
      'AUTHENTICATE null',
      'GET USER',
      'APPLY MESSAGE',
      'APPLY MAILBOX',
      'APPLY MAILBOX',
      'APPLY SIEVE',
      'APPLY SUB',
      'EXIT null',
    ]);
    expect(session.commands[0]!.args).to.deep.equal(['PLAIN', 'AHJlcGx1c2VyAHJlcGxwdw==']);
    expect(session.commands[1]!.value).to.equal('ellie');
    expect(session.files).to.deep.equal(['One\r\n)\r\n\r', 'Two']);
    expect(valueOf(session.commands[5]!.value).get('CONTENT')).to.equal('keep;\r\n');
  });

  it('reads the same however the bytes are cut', async () => {
    const whole = await readSession(sourceOf(wholeSession));
    for (const pieceBytes of [1, 2, 3, 7, 64, 1023, 1025]) {
      expect(await readSession(sourceOf(wholeSession, pieceBytes))).to.deep.equal(whole);
    }
  });

  it('continues a value behind a literal', async () => {
    const { commands } = await readSession(sourceOf(literalInTheMiddle));
    const value = valueOf(commands[0]!.value);
    const annotation = valueOf((value.get('ANNOTATIONS') as Dlist[])[1]);
    expect(annotation.get('VALUE')).to.equal('a"b\\c');
    expect(value.get('SINCE_MODSEQ')).to.equal('12');
  });

  it('announces a literal without plus, and takes LF alone as a line end', async () => {
    const session = await readSession(sourceOf('get user {4}\r\nanne\nNoop\n'));
    expect(session.goAheads).to.equal(1);
    expect(session.commands.map(({ verb, name, value }) => [verb, name, value])).to.deep.equal([
      ['GET', 'USER', 'anne'],
      ['NOOP', null, undefined],
    ]);
  });

  it('reads an empty line as an empty verb', async () => {
    expect((await readSession(sourceOf(`\r\n${noop}`))).commands.map(({ verb }) => verb)).to.deep.equal([
      '',
      'NOOP',
    ]);
  });
});

describe('staying in step', () => {
  for (const [hazard, broken] of [
    ['no argument', 'GET USER\r\n'],
    ['an argument too many', 'GET USER anne bob\r\n'],
    ['a parenthesis too many', 'APPLY MAILBOX %(A b))\r\n'],
    ['a list that does not end', 'APPLY MAILBOX %(UNIQUEID\r\n'],
    ['a key without a value', 'APPLY MAILBOX %(UNIQUEID)\r\n'],
    ['a literal behind the error', 'APPLY MAILBOX %(A )) {6+}\r\nNOOP\r\n)\r\n'],
    [
      'files behind the error',
      `APPLY MESSAGE (%x %{default ${guidOne} 6}\r\nNOOP\r\n %{default ${guidOne} 1}\r\nx)\r\n`,
    ],
    ['a file with a plus', `APPLY MESSAGE (%{default ${guidOne} 6+}\r\n`],
    ['a guid that is none', 'APPLY MESSAGE (%{default abc 6}\r\nNOOP\r\n)\r\n'],
    ['a NUL outside of a literal', 'GET USER a\0b\r\n'],
    ['a NUL in a quoted string', 'GET USER "a\0b"\r\n'],
    ['a CR alone', 'GET USER a\rb\r\n'],
    ['a quoted string that does not end', 'GET USER "anne\r\n'],
    ['a list in the list of a GET', 'GET MAILBOXES (a (b) {6+}\r\nNOOP\r\n)\r\n'],
    [
      'a file in a GET',
      `GET MAILBOXES (a %{default ${guidOne} 6}\r\nNOOP\r\n %{default ${guidOne} 0}\r\n)\r\n`,
    ],
    ['nesting beyond the limit', `GET USER ${'('.repeat(100_000)}\r\n`],
  ] as const) {
    it(`survives ${hazard}`, async () => {
      const session = await readSession(sourceOf(broken + noop));
      expect(session.errors).to.have.length(1);
      expect(session.errors[0]!.subject).to.equal(broken.slice(0, broken.indexOf(' ')));
      expect(session.commands.map(({ verb }) => verb)).to.deep.equal(['NOOP']);
    });
  }

  it('reads the literals of a command that it does not know', async () => {
    const session = await readSession(sourceOf(`FROB %(A {6+}\r\nNOOP\r\n B {2}\r\nxy)\r\n${noop}`));
    expect(session.commands.map(({ verb }) => verb)).to.deep.equal(['FROB', 'NOOP']);
  });

  it('skips a line over the limit, and the literal behind it', async () => {
    const limits = { ...defaultLimits, lineBytes: 1000 };
    const session = await readSession(
      sourceOf(`GET X ${'a'.repeat(5000)} {6+}\r\nNOOP\r\n)\r\n${noop}`, 100),
      limits,
    );
    expect(session.errors.map(({ kind }) => kind)).to.deep.equal(['limit']);
    expect(session.commands.map(({ verb }) => verb)).to.deep.equal(['NOOP']);
  });

  it('refuses a list over the limit, also one of keys and values', async () => {
    const limits = { ...defaultLimits, listItems: 4 };
    const lists = ['(a b c d)', '%(a b c d)', '(a b c d e)', '%(a b c d e f)', '((a b) (c d) (e f))'];
    const session = await readSession(sourceOf(lists.map((list) => `APPLY X ${list}\r\n`).join('')), limits);
    expect(session.commands).to.have.length(3);
    expect(session.errors.map(({ kind }) => kind)).to.deep.equal(['limit', 'limit']);
  });

  it('refuses a literal and a file over the limit, and reads them to their end', async () => {
    const limits = { ...defaultLimits, literalBytes: 5, messageBytes: 2 };
    const session = await readSession(sourceOf(sieveScript + twoMessages + noop), limits);
    expect(session.errors.map(({ kind }) => kind)).to.deep.equal(['limit', 'limit']);
    expect(session.commands.map(({ verb }) => verb)).to.deep.equal(['NOOP']);
  });

  it('gives the connection up for a literal that is not to be drained, without reading it', async () => {
    const session = await readSession(sourceOf('GET USER {99999999999999999999+}\r\n'), preAuthLimits);
    expect(session.lost).to.equal(true);
    expect(session.errors[0]!.kind).to.equal('limit');
  });

  it('gives the connection up for drained literals without end', async () => {
    const session = await readSession(
      sourceOf(`GET ${' {1000+}\r\n'.padEnd(1010, 'x').repeat(100)}`),
      preAuthLimits,
    );
    expect(session.lost).to.equal(true);
  });

  it('limits the number of values', async () => {
    const session = await readSession(sourceOf(fullMailbox + noop), { ...defaultLimits, items: 50 });
    expect(session.errors.map(({ kind }) => kind)).to.deep.equal(['limit']);
    expect(session.commands.map(({ verb }) => verb)).to.deep.equal(['NOOP']);
  });
});

describe('files', () => {
  it('drains what a failing consumer left, reads the rest, and throws its error', async () => {
    const source = sourceOf(twoMessages + noop, 1);
    let calls = 0;
    const full = new BackupError('no-space', 'disk is full');
    const onFile = async (_file: FileLiteral, part: ByteSource): Promise<void> => {
      calls += 1;
      await part.bytes(2);
      throw full;
    };
    expect(await failure(readWireCommand(source, defaultLimits, handlers(onFile)))).to.equal(full);
    expect(calls).to.equal(1);
    expect((await readWireCommand(source, defaultLimits, handlers(onFile)))!.verb).to.equal('NOOP');
  });

  it('drains behind a consumer that fails in the middle of a piece', async () => {
    const source = sourceOf(twoMessages + noop);
    expect((await failure(readWireCommand(source, defaultLimits, handlers(failInTheMiddle)))).kind).to.equal(
      'io',
    );
    expect((await readWireCommand(source, defaultLimits, handlers(failInTheMiddle)))!.verb).to.equal('NOOP');
  });

  it('lets no consumer read beyond a file, nor out of step by reading less', async () => {
    const source = sourceOf(twoMessages + twoMessages + noop);
    const tooMuch = handlers(async (file, part) => void (await part.bytes(file.size + 1)));
    expect((await failure(readWireCommand(source, defaultLimits, tooMuch))).kind).to.equal('bad-parameters');
    const nothing = handlers(async () => undefined);
    expect((await readWireCommand(source, defaultLimits, nothing))!.name).to.equal('MESSAGE');
    expect((await readWireCommand(source, defaultLimits, nothing))!.verb).to.equal('NOOP');
  });
});

describe('the end of a connection', () => {
  it('is null between commands, and an error inside of one, wherever it is cut', async () => {
    const session = twoMessages + literalInTheMiddle;
    const ends = new Set([0, twoMessages.length, session.length]);
    for (let length = 0; length <= session.length; length += 1) {
      const { lost, errors } = await readSession(sourceOf(session.slice(0, length)));
      expect(lost, `cut at ${length}`).to.equal(!ends.has(length));
      expect(errors.every(({ kind }) => kind === 'closed')).to.equal(true);
    }
  });

  it('is an error where the connection broke', async () => {
    const source = sourceOf('');
    const broken = new (source.constructor as typeof import('../../src/protocol/source.ts').SocketSource)();
    broken.end(new Error('ECONNRESET'));
    expect((await readSession(source)).lost).to.equal(false);
    expect((await readSession(broken)).lost).to.equal(true);
  });
});

describe('damaged sessions', () => {
  it('never do anything but end, or throw a BackupError', async () => {
    const byte = fc.record({ at: fc.nat(wholeSession.length - 1), to: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(byte, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 500 }),
        async (changes, cut) => {
          const characters = wholeSession.split('');
          for (const { at, to } of changes) characters[at] = String.fromCharCode(to);
          const text = characters.join('');
          const session = await readSession(sourceOf(text, cut));
          expect(await readSession(sourceOf(text))).to.deep.equal(session);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('answers of a server', () => {
  const handlers = {
    onFile: async (file: FileLiteral, source: ByteSource): Promise<void> =>
      void (await source.bytes(file.size)),
    onSynchronizingLiteral: (): void => undefined,
  };

  it('are items, text and a status', async () => {
    const source = sourceOf(
      `* SASL PLAIN LOGIN\r\n* OK lab Cyrus\r\n+ \r\n* MISSING (${guidOne})\r\n* MESSAGE %{x ${guidOne} 2}\r\nhi\r\nNO IMAP_X No\r\n`,
    );
    const answers = [];
    for (let count = 0; count < 6; count += 1) {
      answers.push(await readAnswer(source, defaultLimits, handlers));
    }
    expect(answers).to.deep.equal([
      { kind: 'text', text: 'SASL PLAIN LOGIN' },
      { kind: 'text', text: 'OK lab Cyrus' },
      { kind: 'continuation', text: '' },
      { kind: 'item', name: 'MISSING', value: [guidOne] },
      { kind: 'item', name: 'MESSAGE', value: new FileLiteral('x', guidOne, 2) },
      { kind: 'status', status: 'NO', text: 'IMAP_X No' },
    ]);
    expect((await failure(readAnswer(source, defaultLimits, handlers))).kind).to.equal('closed');
  });

  it('carry the tag that was sent', async () => {
    const source = sourceOf('S1 OK Success\r\nS1 OK Success\r\n');
    expect(await readAnswer(source, defaultLimits, handlers, 'S1')).to.deep.include({
      status: 'OK',
      text: 'Success',
    });
    expect((await failure(readAnswer(source, defaultLimits, handlers, 'S2'))).kind).to.equal('syntax');
  });
});
