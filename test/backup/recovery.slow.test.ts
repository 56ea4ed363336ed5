import { itemsAt } from '../../src/index/queries/items.ts';
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SqliteDatabase } from '../../src/index/store/sqlite.ts';
import type { Backup } from '../../src/backup/backup.ts';
import { compareIndexes } from '../../src/backup/verify/compareIndexes.ts';
import { scan } from '../../src/backup/scan/scan.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { hasMessage } from '../../src/index/queries/messages.ts';
import { BackupSite, START, appendMailbox, bytesOf, guidOf, line, readWhole } from '../support/backups.ts';

const messages = [bytesOf(1, 90), bytesOf(2, 150_000), bytesOf(3, 200), bytesOf(4, 40)];
const tag = (at: number): string => `user.anne.m${at}`;

describe('opening a backup after a kill', () => {
  let site: BackupSite;
  let backup: Backup;
  /** Where the data file ended after each append. */
  let ends: number[];
  let copies: number;

  beforeEach(async () => {
    site = new BackupSite();
    copies = 0;
    backup = await site.open();
    await appendOne(0);
    await backup.endChunk();
    ends = [statSync(site.path()).size];
  });
  afterEach(() => site.remove());

  async function appendOne(at: number): Promise<void> {
    const records = [{ uid: 1, message: messages[at] as Buffer }];
    await appendMailbox(site, backup, START + at, { uniqueid: `u${at}`, name: tag(at), records });
    ends?.push(statSync(site.path()).size);
  }

  /** The files as a kill at this moment would leave them. */
  function copy(): string {
    copies += 1;
    const path = join(site.makeFolder(`copy${copies}`), 'anne');
    for (const suffix of ['', '.index', '.index-wal']) {
      if (existsSync(site.path() + suffix)) copyFileSync(site.path() + suffix, path + suffix);
    }
    return path;
  }

  function expectPlainGzip(path: string): void {
    execFileSync('gzip', ['-t'], { input: readFileSync(path), stdio: ['pipe', 'ignore', 'pipe'] });
  }

  /** Opens the copy; what was acknowledged must be there, and the index be the one that the file's own lines give. */
  async function expectWhole(path: string, acknowledged: readonly number[], torn?: Buffer): Promise<void> {
    const opened = await site.open(path);
    expectPlainGzip(path);
    const names = [...livingMailboxes(opened.index)].map(({ name }) => name);
    expect(names).to.include.members(acknowledged.map(tag));
    for (const [at, message] of messages.entries()) {
      const isHere = hasMessage(opened.index, guidOf(message));
      if (acknowledged.includes(at)) expect(isHere).to.equal(true);
      if (isHere)
        expect(readWhole(opened.index, opened.fd, message).equals(message), `message ${at}`).to.equal(true);
    }
    if (torn !== undefined) {
      const kept = existsSync(`${path}.torn`) ? readFileSync(`${path}.torn`) : Buffer.alloc(0);
      expect(kept.equals(torn)).to.equal(true);
    }
    const folded = IndexFile.create(':memory:');
    scan(folded, opened.fd, 0, statSync(path).size);
    expect(compareIndexes(opened.index, folded)).to.deep.equal([]);
    folded.close();
    await opened.append(line(START + 99, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    await site.close(opened);
    expectPlainGzip(path);
  }

  it('ends the chunk that was left open', async () => {
    for (const at of [1, 2, 3]) {
      await appendOne(at);
      await expectWhole(
        copy(),
        Array.from({ length: at + 1 }, (_, index) => index),
        Buffer.alloc(0),
      );
    }
  });

  it('loses nothing acknowledged, wherever the next append was cut off', async function () {
    this.timeout(120_000); // hundreds of repairs, each of which waits for the disk
    await appendOne(2);
    const before = copy();
    await appendOne(3);
    const [, start, end] = ends as [number, number, number];
    const data = readFileSync(site.path());
    for (let cut = start; cut <= end; cut += 1) {
      const path = join(site.makeFolder(`cut${cut}`), 'anne');
      for (const suffix of ['.index', '.index-wal']) copyFileSync(before + suffix, path + suffix);
      writeFileSync(path, data.subarray(0, cut));
      await expectWhole(path, cut === end ? [0, 2, 3] : [0, 2]);
    }
  });

  it('keeps in NAME.torn what garbage or zeros it has cut off behind the last commit', async () => {
    await appendOne(2);
    for (const garbage of [
      bytesOf(9, 300),
      Buffer.alloc(5000),
      Buffer.from([0]),
      gzipSync('x').subarray(0, 9),
    ]) {
      const path = copy();
      writeFileSync(path, garbage, { flag: 'a' });
      await expectWhole(path, [0, 2], garbage);
    }
  });

  it('reads what was committed though flush points of a torn message stand behind it', async () => {
    await appendOne(2);
    const before = copy();
    await appendOne(1);
    const [, start, end] = ends as [number, number, number];
    for (const part of [0.3, 0.5, 0.8, 0.99]) {
      const path = join(site.makeFolder(`part${part}`), 'anne');
      for (const suffix of ['.index', '.index-wal']) copyFileSync(before + suffix, path + suffix);
      writeFileSync(path, readFileSync(site.path()).subarray(0, Math.floor(start + (end - start) * part)));
      await expectWhole(path, [0, 2]);
    }
  });

  it('keeps of a file that a disk lost the end of what is left', async () => {
    for (const at of [1, 2, 3]) await appendOne(at);
    const [first, second, third, fourth] = ends as [number, number, number, number];
    for (const cut of [
      first,
      first + 1,
      first + 5,
      first + 40,
      second - 1,
      second,
      second + 7,
      third,
      fourth - 1,
    ]) {
      const path = copy();
      writeFileSync(path, readFileSync(path).subarray(0, cut));
      await expectWhole(path, [0, 1, 2].slice(0, [first, second, third].filter((end) => end <= cut).length));
    }
  });

  it('keeps what is left where a power cut put zeros in place of committed bytes', async () => {
    for (const at of [1, 2, 3]) await appendOne(at);
    const [first, second, third, fourth] = ends as [number, number, number, number];
    for (const cut of [first, first + 30, second, third + 5, fourth - 40]) {
      for (const more of [0, 4000]) {
        const path = copy();
        writeFileSync(
          path,
          Buffer.concat([readFileSync(path).subarray(0, cut), Buffer.alloc(fourth - cut + more)]),
        );
        await expectWhole(
          path,
          [0, 1, 2].slice(0, [first, second, third].filter((end) => end <= cut).length),
        );
      }
    }
  });

  it('builds the index anew where there is none, or that of the originals, or that of another file', async () => {
    for (const at of [1, 2, 3]) await appendOne(at);
    await site.close(backup);
    const spoil: ((index: string) => void)[] = [
      (index) => rmSync(index),
      (index) =>
        writeFileSync(index, 'this is no database at all, but it is long enough to look at'.repeat(20)),
      (index) => {
        rmSync(index);
        const theirs = new SqliteDatabase(index);
        theirs.exec(
          'PRAGMA user_version = 3; CREATE TABLE chunk (id INTEGER PRIMARY KEY); CREATE TABLE message (id)',
        );
        theirs.close();
      },
      (index) => {
        const ours = new SqliteDatabase(index);
        ours.exec('UPDATE chunk SET crc32 = 1');
        ours.close();
      },
    ];
    for (const change of spoil) {
      const path = copy();
      change(`${path}.index`);
      site.notices.length = 0;
      await expectWhole(path, [0, 1, 2, 3], Buffer.alloc(0));
      expect(site.notices.join()).to.include('building it from the log');
    }
  });

  it('folds what an older index does not know, to what an unbroken run has', async () => {
    await appendOne(1);
    const older = copy();
    await appendOne(2);
    await appendOne(3);
    await backup.append(line(START + 9, 'QUOTA', '%(ROOT user.anne STORAGE 5)'));
    copyFileSync(site.path(), older);
    await site.close(backup);
    const caughtUp = await site.open(older);
    const unbroken = IndexFile.open(`${site.path()}.index`, 'read') as IndexFile;
    expect(compareIndexes(caughtUp.index, unbroken)).to.deep.equal([]);
    expect(itemsAt(caughtUp.index, 'quota', null)).to.have.length(1);
    unbroken.close();
  });

  it('reads on behind a torn member that is followed by a good one, as the originals leave it', async () => {
    await appendOne(1);
    await appendOne(2);
    await site.close(backup);
    const good = gzipSync(
      `# cyrus backup: chunk start\r\n${START + 9} APPLY SUB %(USERID anne MBOXNAME user.anne.behind)\r\n`,
    );
    good[9] = 3;
    const data = readFileSync(site.path());
    for (const cut of [ends[0] as number, (ends[1] as number) + 20, (ends[2] as number) - 3]) {
      const path = join(site.makeFolder(`behind${cut}`), 'anne');
      writeFileSync(path, Buffer.concat([data.subarray(0, cut), good]));
      const opened = await site.open(path);
      expect(itemsAt(opened.index, 'sub', null).map(({ key }) => key)).to.deep.equal(['user.anne.behind']);
      const whole = cut >= (ends[1] as number) ? [0, 1] : [0];
      for (const at of whole) {
        expect(
          readWhole(opened.index, opened.fd, messages[at] as Buffer).equals(messages[at] as Buffer),
        ).to.equal(true);
      }
      await site.close(opened);
    }
  });

  it('counts a message whose bytes have changed as missing, and reads the others', async () => {
    const stored = await site.segment(messages[2] as Buffer, messages[3] as Buffer);
    await backup.append(line(START + 5, 'SUB', '%(USERID anne MBOXNAME user.anne)'), [stored]);
    await site.close(backup);
    const guid = guidOf(messages[3] as Buffer);
    const text = execFileSync('gzip', ['-dc'], { input: readFileSync(site.path()) }).toString('latin1');
    const at = text.indexOf('}\r\n', text.indexOf(guid)) + 3;
    const path = join(site.makeFolder('flipped'), 'anne');
    writeFileSync(path, gzipSync(Buffer.from(`${text.slice(0, at)}?${text.slice(at + 1)}`, 'latin1')));
    const bytes = readFileSync(path);
    const index = IndexFile.create(':memory:');
    const opened = await site.open(path);
    const { damages } = scan(index, opened.fd, 0, bytes.length);
    expect(damages.map(({ guid: which }) => which)).to.deep.equal([guid]);
    for (const some of [index, opened.index]) {
      expect([0, 2, 3].map((one) => hasMessage(some, guidOf(messages[one] as Buffer)))).to.deep.equal([
        true,
        true,
        false,
      ]);
      const other = readWhole(some, opened.fd, messages[2] as Buffer);
      expect(other.equals(messages[2] as Buffer)).to.equal(true);
    }
    index.close();
  });
});
