/** Searching a backup: every hit and only the hits, whatever the state of the search index. */
import { expect } from 'chai';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Backup } from '../../src/backup/backup.ts';
import { buildSearchIndex } from '../../src/search/build.ts';
import { parseQuery } from '../../src/search/query/parse.ts';
import { searchBackup } from '../../src/search/searchBackup.ts';
import type { SearchReport } from '../../src/search/searchBackup.ts';
import { searchIndexPath } from '../../src/search/store/searchIndex.ts';
import { wordsOf } from '../../src/search/text/fold.ts';
import { messageText } from '../../src/search/text/messageText.ts';
import { appendMailbox, BackupSite, line, START } from '../support/backups.ts';
import { randomFrom } from '../support/random.ts';
import { MailMaker } from './text/madeMail.ts';

const NOW = START + 1_000_000;

interface Found {
  readonly hits: string[];
  readonly report: SearchReport;
}

function find(path: string, text: string): Found {
  const report: SearchReport = { scanned: 0, unreadable: [], cut: 0 };
  const options = {
    userid: 'anne',
    path,
    deletedPrefix: 'DELETED',
    query: parseQuery(text, NOW),
    withText: true,
  };
  const hits = [...searchBackup(options, report)].map(
    ({ mailboxText, record }) => `${mailboxText}/${record.uid}`,
  );
  return { hits, report };
}

function mail(subject: string, body: string, from = 'Carl <carl@example.com>'): Buffer {
  return Buffer.from(
    `From: ${from}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.length}@x>\r\n\r\n${body}\r\n`,
  );
}

describe('searching a backup', () => {
  let site: BackupSite;
  let backup: Backup;

  beforeEach(async () => {
    site = new BackupSite();
    backup = await site.open();
  });

  afterEach(() => site.remove());

  async function inbox(messages: readonly Buffer[], first = 1, time = START): Promise<void> {
    const records = messages.map((message, at) => ({ uid: first + at, message }));
    await appendMailbox(site, backup, time, { uniqueid: 'i1', name: 'user.anne', records });
  }

  const all = { scope: 'all' } as const;

  it('finds words, phrases and fields, the newest first, with and without a search index', async () => {
    await inbox([
      mail('Budget report', 'the quarterly numbers'),
      mail('Lunch', 'quarterly? no: the report of lunch'),
    ]);
    for (const built of [false, true]) {
      if (built) buildSearchIndex(backup.path, all);
      expect(find(backup.path, 'report').hits, 'report').to.deep.equal(['INBOX/2', 'INBOX/1']);
      expect(find(backup.path, 'subject:report').hits).to.deep.equal(['INBOX/1']);
      expect(find(backup.path, '"quarterly numbers"').hits).to.deep.equal(['INBOX/1']);
      expect(find(backup.path, '"numbers quarterly"').hits).to.deep.equal([]);
      expect(find(backup.path, 'quarterly -numbers').hits).to.deep.equal(['INBOX/2']);
      expect(find(backup.path, 'numb* OR lun*').hits).to.deep.equal(['INBOX/2', 'INBOX/1']);
      expect(find(backup.path, 'id:5@x').hits).to.deep.equal(['INBOX/2']);
      expect(find(backup.path, 'from:carl@example.com').hits).to.have.length(2);
      expect(find(backup.path, 'report').report.scanned).to.equal(built ? 0 : 2);
    }
  });

  it('reads what the search index does not have yet, and says so', async () => {
    await inbox([mail('one', 'apple')]);
    buildSearchIndex(backup.path, all);
    await inbox([mail('two', 'apple')], 2, START + 10);
    const { hits, report } = find(backup.path, 'apple');
    expect(hits).to.deep.equal(['INBOX/2', 'INBOX/1']);
    expect(report.scanned).to.equal(1);
    expect(buildSearchIndex(backup.path, all)).to.deep.include({ added: 1, removed: 0 });
    expect(find(backup.path, 'apple').report.scanned).to.equal(0);
  });

  it('tells living from expunged mail, and finds what was there at a time', async () => {
    await inbox([mail('one', 'apple'), mail('two', 'apple')]);
    await backup.append(line(START + 100, 'EXPUNGE', '%(MBOXNAME user.anne UNIQUEID i1 UID (1))'), []);
    buildSearchIndex(backup.path, all);
    expect(find(backup.path, 'apple is:living').hits).to.deep.equal(['INBOX/2']);
    expect(find(backup.path, 'apple is:deleted').hits).to.deep.equal(['INBOX/1']);
    expect(find(backup.path, `apple is:living at:@${START + 50}`).hits).to.deep.equal(['INBOX/2', 'INBOX/1']);
  });

  it('finds a message in every mailbox that has it, though the search index has it once', async () => {
    const message = mail('one', 'apple');
    await inbox([message]);
    const copy = { uniqueid: 'c1', name: 'user.anne.Archive.2024', records: [{ uid: 7, message }] };
    await appendMailbox(site, backup, START + 1, copy);
    expect(buildSearchIndex(backup.path, all).added).to.equal(1);
    expect(find(backup.path, 'apple').hits.toSorted()).to.deep.equal(['Archive/2024/7', 'INBOX/1']);
    expect(find(backup.path, 'apple in:archive/*').hits).to.deep.equal(['Archive/2024/7']);
  });

  it('with only headers indexed, bodies are read', async () => {
    await inbox([mail('one', 'apple'), mail('apple', 'x')]);
    buildSearchIndex(backup.path, { scope: 'headers' });
    expect(find(backup.path, 'subject:apple').hits).to.deep.equal(['INBOX/2']);
    expect(find(backup.path, 'apple').hits).to.deep.equal(['INBOX/2', 'INBOX/1']);
  });

  it('a build that is stopped goes on where it was', async function () {
    this.timeout(30_000);
    await inbox(Array.from({ length: 50 }, (_, at) => mail(`m${at}`, `apple ${'x'.repeat(1 << 20)}`)));
    const first = buildSearchIndex(backup.path, { ...all, mayContinue: () => false });
    expect(first.added).to.be.greaterThan(0).and.lessThan(50);
    expect(find(backup.path, 'apple').hits).to.have.length(50);
    expect(buildSearchIndex(backup.path, all).added).to.equal(50 - first.added);
    expect(find(backup.path, 'apple').report.scanned).to.equal(0);
  });

  it('a file that is no search index is built anew', async () => {
    await inbox([mail('one', 'apple')]);
    for (const content of ['', 'garbage', 'SQLite format 3\0'.padEnd(5000, 'x')]) {
      writeFileSync(searchIndexPath(backup.path), content);
      expect(find(backup.path, 'apple').hits).to.deep.equal(['INBOX/1']);
      expect(buildSearchIndex(backup.path, all).added).to.equal(1);
      expect(find(backup.path, 'apple').report.scanned).to.equal(0);
    }
  });

  it('any damaged page of the search index gives no wrong hit, and a build heals it', async () => {
    await inbox(Array.from({ length: 40 }, (_, at) => mail(`m${at}`, at % 2 === 0 ? 'apple' : 'pear')));
    buildSearchIndex(backup.path, all);
    const path = searchIndexPath(backup.path);
    const right = find(backup.path, 'apple').hits;
    const good = readFileSync(path);
    const random = randomFrom(7);
    for (let round = 0; round < 60; round += 1) {
      const bad = Buffer.from(good);
      for (let flips = 0; flips < 8; flips += 1) {
        const at = Math.floor(random() * bad.length);
        bad[at] = (bad[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      }
      rmSync(`${path}-wal`, { force: true });
      rmSync(`${path}-shm`, { force: true });
      writeFileSync(path, bad);
      const { hits } = find(backup.path, 'apple');
      expect(hits.filter((hit) => !right.includes(hit))).to.deep.equal([]);
    }
    writeFileSync(path, good.subarray(0, good.length >> 1));
    buildSearchIndex(backup.path, all);
    expect(find(backup.path, 'apple').hits).to.deep.equal(right);
    expect(existsSync(path)).to.equal(true);
  });

  it('answers random queries over made mail as a plain scan does', async function () {
    this.timeout(60_000);
    const maker = new MailMaker(5);
    const messages = Array.from({ length: 150 }, () => maker.message());
    await inbox(messages);
    buildSearchIndex(backup.path, all);
    const texts = messages.map((message) => messageText(message).fields);
    const words = [...new Set(texts.flatMap((fields) => Object.values(fields).flat().flatMap(wordsOf)))];
    const random = randomFrom(9);
    const pick = (): string => words[Math.floor(random() * words.length)] ?? '';
    const has = (at: number, word: string): boolean =>
      Object.values(texts[at] ?? {}).some((field) => field.some((text) => wordsOf(text).includes(word)));
    for (let round = 0; round < 200; round += 1) {
      const [a, b, c] = [pick(), pick(), pick()];
      const wanted = messages.flatMap((_, at) =>
        (has(at, a) && !has(at, b)) || has(at, c) ? [`INBOX/${at + 1}`] : [],
      );
      expect(find(backup.path, `"${a}" -"${b}" OR "${c}"`).hits.toSorted(), `${a} ${b} ${c}`).to.deep.equal(
        wanted.toSorted(),
      );
    }
  });
});
