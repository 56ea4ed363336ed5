import { expect } from 'chai';
import * as fc from 'fast-check';
import { BackupError } from '../../src/errors.ts';
import { FileLiteral, Flag, KeyValues } from '../../src/protocol/dlist.ts';
import type { Dlist } from '../../src/protocol/dlist.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import { readLogLine } from '../../src/protocol/logDriver.ts';
import { parseDlist } from '../../src/protocol/parseText.ts';
import { printDlist, printFileHeader, printItem, printString } from '../../src/protocol/print.ts';
import { fullMailbox, guidOne, literalInTheMiddle, sentMailbox } from './sessions.ts';
import { TextSource, readSession, sourceOf } from './sources.ts';

const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
  maxLength: 40,
});
const flag = fc.stringMatching(/^[A-Za-z$%*{}\x80-\xff]{1,10}$/).map((name) => Flag.of(`\\${name}`));

const { value: anyDlist } = fc.letrec<{ value: Dlist; leaf: Dlist }>((tie) => ({
  leaf: fc.oneof(
    bytes,
    fc.constantFrom<Dlist>(null, 'NIL', '', 'x'.repeat(1023), 'x'.repeat(1024), 'x '.repeat(512)),
    flag,
  ),
  value: fc.oneof(
    { maxDepth: 5 },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(bytes, tie('value')), { maxLength: 5 }).map((entries) => new KeyValues(entries)),
  ),
}));

describe('printing', () => {
  for (const [text, printed] of [
    ['', '""'],
    ['abc', 'abc'],
    ['NIL', '"NIL"'],
    ['nil', 'nil'],
    ['keep;', 'keep;'],
    ['\x1f', '\x1f'],
    ['\x1e', '"\x1e"'],
    ['\x7f', '"\x7f"'],
    ['a b', '"a b"'],
    ['a(b', '"a(b"'],
    ['a)b', '"a)b"'],
    ['a{b', '"a{b"'],
    ['a}b', 'a}b'],
    ['a*b', '"a*b"'],
    ['anne\tlrs\t', '"anne\tlrs\t"'],
    ['a%b', '{3+}\r\na%b'],
    ['a"b', '{3+}\r\na"b'],
    ['\\Sent', '{5+}\r\n\\Sent'],
    ['a\rb', '{3+}\r\na\rb'],
    ['a\nb', '{3+}\r\na\nb'],
    ['caf\xe9', '{4+}\r\ncaf\xe9'],
    ['a\0b', '{3+}\r\na\0b'],
  ] as const) {
    it(`prints ${JSON.stringify(text)} as the original does`, () => {
      expect(printString(text, 'log')).to.equal(printed);
      expect(printString(text, 'client')).to.equal(printed.replace('+}', '}'));
    });
  }

  it('makes a literal of 1024 bytes and none of 1023', () => {
    expect(printString('x'.repeat(1023), 'log')).to.equal('x'.repeat(1023));
    expect(printString('x'.repeat(1024), 'log')).to.equal(`{1024+}\r\n${'x'.repeat(1024)}`);
    expect(printString(' '.repeat(1023), 'log')).to.equal(`"${' '.repeat(1023)}"`);
    expect(printString(' '.repeat(1024), 'log')).to.equal(`{1024+}\r\n${' '.repeat(1024)}`);
  });

  it('prints flags raw, null as NIL, and empty lists', () => {
    const value = new KeyValues([
      ['FLAGS', [Flag.of('\\Seen'), '$X']],
      ['A', null],
      ['B', []],
      ['a key', new KeyValues()],
    ]);
    expect(printItem('MAILBOX', value, 'log')).to.equal(
      'MAILBOX %(FLAGS (\\Seen $X) A NIL B () "a key" %())',
    );
  });

  it('prints a file without its bytes, and never as a value', () => {
    const file = new FileLiteral('default', guidOne, 208);
    expect(printFileHeader(file)).to.equal(`%{default ${guidOne} 208}\r\n`);
    expect(() => printDlist([file], 'log')).to.throw(BackupError);
  });

  it('prints real commands byte for byte as they came', async () => {
    for (const command of [fullMailbox, sentMailbox, literalInTheMiddle]) {
      const { commands } = await readSession(sourceOf(command));
      const { verb, name, value } = commands[0]!;
      expect(`${verb} ${printItem(name!, value!, 'log')}\r\n`).to.equal(command);
    }
  });

  it('is undone by reading, for any value and in both forms', () => {
    fc.assert(
      fc.property(anyDlist, fc.constantFrom('log' as const, 'client' as const), (value, form) => {
        const printed = printDlist(value, form);
        expect(parseDlist(printed)).to.deep.equal(value);
        expect(printDlist(parseDlist(printed), form)).to.equal(printed);
      }),
    );
  });

  it('makes log lines that read back', () => {
    fc.assert(
      fc.property(fc.array(anyDlist, { minLength: 1, maxLength: 4 }), (values) => {
        const text = values
          .map((value, index) => `${index} APPLY ${printItem('X', value, 'log')}\r\n`)
          .join('');
        const source = new TextSource(`# cyrus backup: chunk start\r\n${text}`);
        for (const [time, value] of values.entries()) {
          expect(readLogLine(source, defaultLimits)).to.deep.equal({ time, verb: 'APPLY', name: 'X', value });
        }
        expect(readLogLine(source, defaultLimits)).to.equal(null);
      }),
    );
  });
});

describe('kept text', () => {
  for (const [hazard, text] of [
    ['nothing', ''],
    ['two values', 'a b'],
    ['an open list', '(a'],
    ['a literal cut short', '{5+}\r\nabc'],
    ['a line behind the value', 'a\r\nb'],
    ['a file', `(%{default ${guidOne} 0}\r\n)`],
  ] as const) {
    it(`refuses ${hazard}`, () => {
      expect(() => parseDlist(text)).to.throw(BackupError);
    });
  }

  it('reads spaces where the original does: anywhere or nowhere between values', () => {
    expect(parseDlist('( a\t"b\\"c"(d)%(K(e)) )')).to.deep.equal([
      'a',
      'b"c',
      ['d'],
      new KeyValues([['K', ['e']]]),
    ]);
  });
});
