import { expect } from 'chai';
import { fieldsOf } from '../../../src/cli/cyr_backup/messageHead.ts';

describe('fields of a head', () => {
  const cases: [what: string, head: string, fields: [string, string[]][]][] = [
    ['a plain one', 'Subject: one', [['Subject', ['one']]]],
    [
      'the same name twice, another between',
      'Received: a\r\nTo: b\r\nReceived: c',
      [
        ['Received', ['a', 'c']],
        ['To', ['b']],
      ],
    ],
    [
      'names that differ in case',
      'to: a\r\nTo: b',
      [
        ['to', ['a']],
        ['To', ['b']],
      ],
    ],
    [
      'a folded one, its white space kept',
      'Subject: \t one\r\n  two\r\n\tthree',
      [['Subject', ['one  two\tthree']]],
    ],
    [
      'line feeds alone',
      'A: 1\n B\nC: 2',
      [
        ['A', ['1 B']],
        ['C', ['2']],
      ],
    ],
    ['a line without a colon', 'From someone\r\nA: 1', [['A', ['1']]]],
    ['an encoded word, as it stands', 'Subject: =?utf-8?q?=C3=BC?=', [['Subject', ['=?utf-8?q?=C3=BC?=']]]],
    ['UTF-8', 'Subject: K\u00c3\u00bcste', [['Subject', ['K\u00fcste']]]],
    ['latin1', 'Subject: Gr\u00fc\u00dfe', [['Subject', ['Gr\u00fc\u00dfe']]]],
    ['nothing', '', []],
  ];
  for (const [what, head, fields] of cases) {
    it(what, () => {
      expect([...fieldsOf(head)]).to.deep.equal(fields);
    });
  }
});
