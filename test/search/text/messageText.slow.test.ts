/** The text that is searched, compared with what Python's email package finds. */
import { expect } from 'chai';
import { messageText } from '../../../src/search/text/messageText.ts';
import { wordsOf } from '../../../src/search/text/fold.ts';
import { MailMaker } from './madeMail.ts';
import { pythonWords } from './pythonText.ts';
import type { PythonWords } from './pythonText.ts';

const MESSAGES = Number(process.env.CYRUS_BACKUPS_MESSAGES ?? 2000);
const FIELDS = ['from', 'to', 'cc', 'subject', 'filename', 'body'] as const;

function ourWords(message: Buffer): PythonWords {
  const { fields } = messageText(message);
  const words = FIELDS.map(
    (field) => [field, [...new Set(fields[field].flatMap(wordsOf))].toSorted()] as const,
  );
  return Object.fromEntries(words) as PythonWords;
}

describe('the searchable text of a message', () => {
  it(`has the words that Python's email package finds, field by field, in ${MESSAGES} made messages`, function () {
    this.timeout(300_000);
    const maker = new MailMaker(22);
    const messages = Array.from({ length: MESSAGES }, () => maker.message());
    const theirs = pythonWords(messages).map((words) =>
      Object.fromEntries(FIELDS.map((field) => [field, words[field].toSorted()])),
    );
    const different = messages.flatMap((message, at) => {
      const ours = ourWords(message);
      return JSON.stringify(ours) === JSON.stringify(theirs[at])
        ? []
        : [{ at, ours, theirs: theirs[at], text: message.toString('latin1') }];
    });
    expect(different.length, JSON.stringify(different[0], null, 1)).to.equal(0);
  });
});
