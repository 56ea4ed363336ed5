import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Backup } from '../../src/backup/backup.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { item } from '../../src/index/queries/items.ts';
import { hasMessage, messageByGuid } from '../../src/index/queries/messages.ts';
import { lastTimestamp } from '../../src/index/queries/timestamps.ts';
import { FileLiteral } from '../../src/protocol/dlist.ts';
import { BackupError } from '../../src/errors.ts';
import type { ErrorKind } from '../../src/errors.ts';
import {
  BackupSite,
  START,
  appendMailbox,
  bytesOf,
  guidOf,
  line,
  mailboxLine,
  mailboxText,
  readWhole,
} from '../support/backups.ts';

const inbox = { uniqueid: 'u1', name: 'user.anne' };
const hello = Buffer.from('Subject: NUL\r\n\r\nbefore\0after\xff\r\n', 'latin1');
const bye = Buffer.from('Subject: bye\r\n\r\n.\r\n)\r\n1 APPLY MESSAGE (\r\n');

describe('a backup', () => {
  let site: BackupSite;
  let backup: Backup;

  beforeEach(async () => {
    site = new BackupSite();
    backup = await site.open();
  });
  afterEach(() => site.remove());

  const zcat = (): string =>
    execFileSync('gzip', ['-dc'], { input: readFileSync(site.path()), maxBuffer: 1 << 28 }).toString(
      'latin1',
    );

  async function kindOf(work: Promise<unknown>): Promise<ErrorKind | 'none'> {
    try {
      await work;
      return 'none';
    } catch (error) {
      if (error instanceof BackupError) return error.kind;
      throw error;
    }
  }

  it('is gzip that holds the lines as the originals print them', async () => {
    const fields = {
      ...inbox,
      records: [
        { uid: 1, message: hello },
        { uid: 2, message: bye },
      ],
    };
    await appendMailbox(site, backup, START, fields);
    await backup.append(line(START + 1, 'SIEVE', '%(FILENAME a.script CONTENT {7+}\r\nkeep;\r\n)'));
    await backup.append(line(START + 2, 'QUOTA', '%(ROOT user.anne STORAGE 100)'));
    await site.close(backup);
    const file = (message: Buffer): string =>
      `%{default ${guidOf(message)} ${message.length}}\r\n${message.toString('latin1')}`;
    expect(zcat()).to.equal(
      '# cyrus backup: chunk start\r\n' +
        `${START} APPLY MESSAGE (${file(hello)} ${file(bye)})\r\n` +
        `${START} APPLY MAILBOX ${mailboxText(fields).replace('"user.anne"', 'user.anne')}\r\n` +
        `${START + 1} APPLY SIEVE %(FILENAME a.script CONTENT {7+}\r\nkeep;\r\n)\r\n` +
        `${START + 2} APPLY RESERVE %(PARTITION "" MBOXNAME () GUID () APPLY %(QUOTA %(ROOT user.anne STORAGE 100)))\r\n`,
    );
  });

  it('goes on in another chunk when it is opened again, and reads back what both sessions wrote', async () => {
    const large = bytesOf(1, 300_000);
    await appendMailbox(site, backup, START, {
      ...inbox,
      records: [
        { uid: 1, message: hello },
        { uid: 2, message: large },
      ],
    });
    await site.close(backup);
    backup = await site.open();
    await appendMailbox(site, backup, START + 5, { ...inbox, records: [{ uid: 3, message: bye }] });
    await backup.endChunk();
    await backup.append(line(START + 6, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    await site.close(backup);
    expect(zcat().split('# cyrus backup: chunk start\r\n')).to.have.length(4);
    const reader = new BackupReader(site.path());
    try {
      for (const message of [hello, large, bye]) {
        expect(readWhole(reader.index, reader.fd, message).equals(message)).to.equal(true);
      }
    } finally {
      reader.close();
    }
    expect(site.notices).to.deep.equal([]);
  });

  it('reads a message back before its chunk is ended, and copies one from elsewhere', async () => {
    await appendMailbox(site, backup, START, { ...inbox, records: [{ uid: 1, message: hello }] });
    const file = new FileLiteral('default', guidOf(bye), bye.length);
    const read = (offset: number, size: number): Buffer => bye.subarray(offset, offset + size);
    await backup.append(mailboxLine(START, { ...inbox, records: [{ uid: 2, message: bye }] }), [
      { kind: 'copy', file, read },
    ]);
    for (const message of [hello, bye])
      expect(readWhole(backup.index, backup.fd, message).equals(message)).to.equal(true);
  });

  it('is as it was, byte for byte, when a line makes no sense', async () => {
    await backup.append(mailboxLine(START, inbox));
    const before = readFileSync(site.path());
    const rename = line(START + 9, 'RENAME', '%(OLDMBOXNAME user.anne.x NEWMBOXNAME user.anne.y)');
    expect(await kindOf(backup.append(rename, [await site.segment(hello)]))).to.equal('not-found');
    expect(readFileSync(site.path()).equals(before)).to.equal(true);
    expect([lastTimestamp(backup.index), messageByGuid(backup.index, guidOf(hello))]).to.deep.equal([
      START,
      undefined,
    ]);
    await appendMailbox(site, backup, START + 10, { ...inbox, records: [{ uid: 1, message: bye }] });
    await site.close(backup);
    expect(zcat()).to.not.include('user.anne.x');
    expect(zcat()).to.include(`${START + 10} APPLY MAILBOX`);
  });

  it('is empty as before when its very first line makes no sense', async () => {
    expect(await kindOf(backup.append(line(START, 'SUB', '%(USERID anne)')))).to.equal('bad-parameters');
    expect(readFileSync(site.path())).to.have.length(0);
    await backup.append(line(START, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    await site.close(backup);
    expect(zcat()).to.match(
      /^# cyrus backup: chunk start\r\n[0-9]+ APPLY SUB %\(USERID anne MBOXNAME user\.anne\)\r\n$/,
    );
  });

  it('is as it was when the messages cannot be written', async () => {
    await backup.append(mailboxLine(START, inbox));
    const before = readFileSync(site.path());
    const source = await site.segment(hello);
    source.line.segment.drop();
    const appended = backup.append(
      mailboxLine(START + 1, { ...inbox, records: [{ uid: 1, message: hello }] }),
      [source],
    );
    expect(await kindOf(appended)).to.equal('closed');
    expect(readFileSync(site.path()).equals(before)).to.equal(true);
    expect(hasMessage(backup.index, guidOf(hello))).to.equal(false);
    await backup.append(line(START + 2, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    expect(item(backup.index, 'sub', 'user.anne')?.since).to.equal(START + 2);
  });

  it('writes no line that is older than the one before it', async () => {
    await backup.append(line(START + 50, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    await backup.append(line(START, 'SUB', '%(USERID anne MBOXNAME user.anne.b)'));
    await site.close(backup);
    expect([...zcat().matchAll(/^([0-9]+) APPLY/gm)].map(([, time]) => Number(time))).to.deep.equal([
      START + 50,
      START + 50,
    ]);
  });

  it('is refused while another process holds it', async () => {
    await site.close(backup);
    const holder = spawn('python3', [
      '-c',
      'import fcntl,sys\nf=open(sys.argv[1],"r+")\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint("held",flush=True)\nsys.stdin.read()',
      site.path(),
    ]);
    try {
      await once(holder.stdout, 'data');
      expect(await kindOf(site.open())).to.equal('locked');
    } finally {
      holder.kill('SIGKILL');
      await once(holder, 'close');
    }
    backup = await site.open();
    await backup.append(mailboxLine(START, inbox));
  });
});
