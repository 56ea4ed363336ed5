/** Indexes that turn out to be damaged, or full, while a session is at work: no command fails for that twice. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync, writeSync, openSync, closeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { registeredFileCount } from '../../src/fs/lockedFile.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { needs } from '../support/needs.ts';
import { randomFrom } from '../support/random.ts';
import type { SyncConnection } from '../support/syncConnection.ts';
import { apply, message, upload } from './made.ts';
import { TestServer } from './testServer.ts';

const FLIPS = Number(process.env['CYRUS_BACKUPS_FLIPS'] ?? 100);
const PAGE_BYTES = 4096;
const OK = 'OK Success';

const bodies = Array.from({ length: 60 }, (_, at) => message(String(at)));

let server: TestServer;
let client: SyncConnection;

async function start(): Promise<void> {
  server = await TestServer.start();
  client = await server.login();
}

async function stop(): Promise<void> {
  await server.stop();
  expect(registeredFileCount(), 'data files left open').to.equal(0);
}

const reply = async (command: string | Buffer): Promise<string> => (await client.exchange(command)).reply;

/** Anne's backup with some mail. */
async function fill(): Promise<void> {
  expect(await reply(upload(...bodies))).to.equal(OK);
  expect(await reply(apply({ name: 'user.anne', bodies }))).to.equal(OK);
  expect(await reply('APPLY SUB %(USERID anne MBOXNAME user.anne)\r\n')).to.equal(OK);
}

/** The pages of a table and its indexes but for the first of each. */
function pagesOf(path: string): number[] {
  const index = IndexFile.open(path, 'read');
  const pages = index?.all<{ pageno: number }>(
    "SELECT pageno FROM dbstat WHERE name NOT LIKE 'sqlite%' AND name NOT IN ('chunk', 'horizon')",
  );
  index?.close();
  return (pages ?? []).map(({ pageno }) => pageno);
}

describe('an index that is damaged', () => {
  beforeEach(start);
  afterEach(stop);

  it('in any page is built anew, and all that a master asks and tells is answered', async () => {
    await fill();
    await reply('RESTART\r\n');
    const data = server.dataPath('anne');
    const [whole, log] = [readFileSync(`${data}.index`), readFileSync(data)];
    const pages = pagesOf(`${data}.index`);
    expect(pages.length).to.be.above(10);
    for (const page of pages) {
      const bytes = Buffer.from(whole);
      bytes.fill(0x5a, PAGE_BYTES * (page - 1), PAGE_BYTES * page);
      for (const suffix of ['-wal', '-shm']) rmSync(`${data}.index${suffix}`, { force: true });
      writeFileSync(`${data}.index`, bytes);
      writeFileSync(data, log);
      const body = message(`after page ${page}`);
      const more = [...bodies, body];
      const asked = await client.exchange('GET USER anne\r\n');
      // Where part of it had been sent, it fails once.
      if (asked.reply !== OK)
        expect(
          (await client.exchange('GET USER anne\r\n')).reply,
          `page ${page}: ${server.log.slice(-6).join('; ')}`,
        ).to.equal(OK);
      expect(await reply(upload(body)), `page ${page}`).to.equal(OK);
      expect(
        await reply(apply({ name: 'user.anne', bodies: more })),
        `page ${page}: ${server.log.slice(-6).join('; ')}`,
      ).to.equal(OK);
      expect(
        await reply('APPLY SEEN %(USERID anne UNIQUEID x LASTREAD 1 LASTUID 1 LASTCHANGE 1 SEENUIDS 1)\r\n'),
      ).to.equal(OK);
      const shown = await client.exchange('GET MAILBOXES (user.anne)\r\n');
      expect(shown.untagged.join(''), `page ${page}`).to.include(`LAST_UID ${more.length} `);
      await reply('RESTART\r\n');
    }
    expect(
      server.log.some((line) => /anne: .*\.index: the index is damaged: .*it is removed/.test(line)),
    ).to.equal(true);
  });

  it('while a session holds it costs that session nothing', async () => {
    await fill();
    const data = server.dataPath('anne');
    // Out of the handle's cache and the write-ahead log.
    await reply('RESTART\r\n');
    expect((await client.exchange('GET MAILBOXES (user.anne)\r\n')).reply).to.equal(OK);
    const fd = openSync(`${data}.index`, 'r+');
    const junk = Buffer.alloc(PAGE_BYTES, 0x5a);
    for (const page of pagesOf(`${data}.index`)) writeSync(fd, junk, 0, PAGE_BYTES, PAGE_BYTES * (page - 1));
    closeSync(fd);
    const body = message('while it was held');
    expect(await reply(upload(body))).to.equal(OK);
    expect(await reply(apply({ name: 'user.anne', bodies: [...bodies, body] }))).to.equal(OK);
    expect(await reply('RESTART\r\n')).to.equal('OK Restarting');
    expect(server.records('anne', 'user.anne')).to.include('UID 61');
  });

  it('in any bit leaves the log as true as it was', async () => {
    await fill();
    await reply('RESTART\r\n');
    const data = server.dataPath('anne');
    const [whole, log] = [readFileSync(`${data}.index`), readFileSync(data)];
    const random = randomFrom(99);
    for (let round = 0; round < FLIPS; round += 1) {
      const bytes = Buffer.from(whole);
      const bit = Math.floor(random() * 8 * bytes.length);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      for (const suffix of ['-wal', '-shm']) rmSync(`${data}.index${suffix}`, { force: true });
      writeFileSync(`${data}.index`, bytes);
      writeFileSync(data, log);
      await client.exchange('GET USER anne\r\n');
      const body = message(`after bit ${bit}`);
      // A master repeats what failed.
      const answers: string[] = [];
      for (let attempt = 0; attempt < 3 && answers.at(-1) !== OK; attempt += 1) {
        await reply(upload(...bodies, body));
        answers.push(await reply(apply({ name: 'user.anne', bodies: [...bodies, body] })));
      }
      expect(answers.at(-1), `bit ${bit}: ${answers.join()}`).to.equal(OK);
      await reply('RESTART\r\n');
      // By the log alone.
      rmSync(`${data}.index`, { force: true });
      expect(server.records('anne', 'user.anne').match(/GUID/g)?.length, `bit ${bit}`).to.equal(
        bodies.length + 1,
      );
    }
  }).timeout(60_000);
});

describe('a disk that is full for the index', function () {
  this.timeout(30_000);
  let folder: string;

  before(function () {
    needs(this, 'root');
  });

  beforeEach(async () => {
    await start();
    folder = join(server.folder, 'data');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'tmpfs', folder]);
  });

  afterEach(async () => {
    client.close();
    await server.stopListening();
    execFileSync('umount', ['--lazy', folder]);
    await stop();
  });

  function fillDisk(path: string): void {
    const fd = openSync(path, 'w');
    const piece = Buffer.alloc(PAGE_BYTES);
    try {
      for (;;) writeSync(fd, piece);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).to.equal('ENOSPC');
    } finally {
      closeSync(fd);
    }
  }

  it('is LOCKED to a master, whose session goes on when there is room', async () => {
    await fill();
    const data = server.dataPath('anne');
    const ballast = join(dirname(data), 'ballast');
    for (let round = 0; round < 3; round += 1) {
      fillDisk(ballast);
      const answers: string[] = [];
      for (let at = 0; at < 40; at += 1) {
        answers.push(await reply(`APPLY SUB %(USERID anne MBOXNAME user.anne.${round}.${at})\r\n`));
      }
      const refused = answers.filter((answer) => answer !== OK);
      expect(new Set(refused)).to.deep.equal(new Set(['NO IMAP_MAILBOX_LOCKED Disk is full']));
      rmSync(ballast);
      expect(await reply(`APPLY SUB %(USERID anne MBOXNAME user.anne.room${round})\r\n`)).to.equal(OK);
      const { untagged } = await client.exchange('GET META anne\r\n');
      expect(untagged.join('')).to.include(`user.anne.room${round}`);
      for (const [at, answer] of answers.entries()) {
        if (answer === OK) expect(untagged.join('')).to.include(`user.anne.${round}.${at}`);
      }
    }
    expect(server.log.some((line) => /no space for the index/.test(line))).to.equal(true);
  });
});
