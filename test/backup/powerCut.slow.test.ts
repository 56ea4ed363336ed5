/**
 * What a power cut leaves of a data file. The rack (test/simulation/powerCut) crashes recorded histories in a process of its own;
 * CYRUS_BACKUPS_POWER_CUTS says how many states, for longer runs by hand. Beside it, single cases by name.
 */
import { expect } from 'chai';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Backup } from '../../src/backup/backup.ts';
import { verifyBackup } from '../../src/backup/verify/verify.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { hasMessage } from '../../src/index/queries/messages.ts';
import { runRack } from '../simulation/powerCut/runRack.ts';
import { BackupSite, START, appendMailbox, bytesOf, guidOf, line, mailboxLine } from '../support/backups.ts';

const STATES = Number(process.env['CYRUS_BACKUPS_POWER_CUTS'] ?? 120);
const SECTOR = 512;

describe('a backup after a power cut', () => {
  let site: BackupSite;
  let backup: Backup;
  let copies = 0;

  beforeEach(async () => {
    site = new BackupSite();
    backup = await site.open();
  });
  afterEach(() => site.remove());

  it('holds all that was acknowledged and nothing by halves, says ok, and needs no repair, in any state', async function () {
    this.timeout(60_000 + 500 * STATES);
    const report = await runRack('rack', STATES, 1);
    expect(report.examples).to.deep.equal([]);
    expect(report.faults).to.deep.equal({});
    expect(Object.keys(report.states)).to.have.members(['append', 'recovery', 'compact', 'repair']);
  });

  /** A message large enough for a flush point of its own, in a mailbox. */
  async function appendLarge(at: number): Promise<number> {
    const records = [{ uid: 1, message: bytesOf(at, 40_000) }];
    await appendMailbox(site, backup, START + at, { uniqueid: `u${at}`, name: `user.anne.m${at}`, records });
    return readFileSync(site.path()).length;
  }

  /** Opens these bytes, without an index or with one. */
  async function openCopy(bytes: Buffer, index?: Buffer): Promise<{ path: string; opened: Backup }> {
    const path = join(site.makeFolder(`copy${(copies += 1)}`), 'anne');
    writeFileSync(path, bytes);
    if (index !== undefined) writeFileSync(`${path}.index`, index);
    return { path, opened: await site.open(path) };
  }

  async function faultCount(path: string): Promise<number> {
    const file = await LockedFile.acquire(path);
    try {
      return (await verifyBackup(file, () => undefined)).faultCount;
    } finally {
      file.release();
    }
  }

  const names = ({ index }: Backup): string[] => [...livingMailboxes(index)].map(({ name }) => name);

  it('folds no line that a sector is missing of, though what is left of it inflates', async function () {
    this.timeout(60_000);
    await backup.append(line(START, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    const start = readFileSync(site.path()).length;
    const records = Array.from({ length: 300 }, (_, at) => ({
      uid: at + 1,
      message: `m${at}`,
      flags: '\\Expunged',
    }));
    await backup.append(mailboxLine(START + 1, { uniqueid: 'u1', name: 'user.anne', records }));
    const whole = readFileSync(site.path());
    for (let at = start - (start % SECTOR); at < whole.length; at += SECTOR) {
      const bytes = Buffer.from(whole);
      bytes.fill(0, Math.max(start, at), Math.min(whole.length, at + SECTOR));
      const { path, opened } = await openCopy(bytes);
      expect(names(opened), `sector at ${at}`).to.deep.equal([]);
      await site.close(opened);
      expect(await faultCount(path), `sector at ${at}`).to.equal(0);
      expect(readFileSync(`${path}.torn`).equals(bytes.subarray(start)), `sector at ${at}`).to.equal(true);
    }
  });

  it('is damaged, and not cut, where acknowledged lines stand behind what rotted, which no index knows', async () => {
    const ends = [await appendLarge(0)];
    backup.index.copyTo(join(site.folder, 'older'));
    const older = readFileSync(join(site.folder, 'older'));
    for (const at of [1, 2, 3]) ends.push(await appendLarge(at));
    const whole = readFileSync(site.path());
    const rotten = Buffer.from(whole);
    rotten[(ends[0] as number) + 3000] = (rotten[(ends[0] as number) + 3000] ?? 0) ^ 0x55;
    const zeroed = Buffer.from(whole);
    const sector = Math.ceil(((ends[0] as number) + 2000) / SECTOR) * SECTOR;
    zeroed.fill(0, sector, sector + SECTOR);
    // All bytes of a block, so that it does not inflate by chance.
    const broken = Buffer.from(whole);
    broken.fill(0xff, (ends[0] as number) + 1000, (ends[0] as number) + 3000);
    const cases = [rotten, zeroed, broken].flatMap((bytes) => [
      { bytes, index: undefined },
      { bytes, index: older },
    ]);
    for (const { bytes, index } of cases) {
      const { path, opened } = await openCopy(bytes, index);
      expect(names(opened)).to.include.members(['user.anne.m0', 'user.anne.m2', 'user.anne.m3']);
      for (const at of [0, 2, 3])
        expect(hasMessage(opened.index, guidOf(bytesOf(at, 40_000)))).to.equal(true);
      await site.close(opened);
      expect(readFileSync(path).subarray(0, bytes.length).equals(bytes)).to.equal(true);
      expect(existsSync(`${path}.torn`)).to.equal(false);
      expect(await faultCount(path)).to.be.above(0);
    }
  });

  it('is damaged, and not cut, where an index knows that what rotted was acknowledged', async () => {
    const first = await appendLarge(0);
    for (let at = 1; at < 5; at += 1)
      await backup.append(line(START + at, 'SUB', `%(USERID anne MBOXNAME user.anne.s${at})`));
    const bytes = readFileSync(site.path());
    bytes[first + 8] = (bytes[first + 8] ?? 0) ^ 0xff;
    const path = join(site.makeFolder('known'), 'anne');
    writeFileSync(path, bytes);
    backup.index.copyTo(`${path}.index`);
    const opened = await site.open(path);
    await site.close(opened);
    expect(readFileSync(path).subarray(0, bytes.length).equals(bytes)).to.equal(true);
    expect(await faultCount(path)).to.be.above(0);
  });

  it('is damaged, and not cut, where the member was ended', async () => {
    await appendLarge(0);
    await backup.append(line(START + 1, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
    await site.close(backup);
    const bytes = readFileSync(site.path());
    // In the last commit, so that no line stands behind it.
    bytes[bytes.length - 30] = (bytes[bytes.length - 30] ?? 0) ^ 0x55;
    const { path, opened } = await openCopy(bytes);
    await site.close(opened);
    expect(readFileSync(path).equals(bytes)).to.equal(true);
    expect(await faultCount(path)).to.be.above(0);
  });

  it('takes no message for a missing sector, however long its runs of one byte are', async () => {
    const text = bytesOf(5, 15_000);
    const messages = ['\0', 'a', '\xff'].flatMap((byte) => [
      Buffer.alloc(500_000, byte),
      Buffer.concat([text, Buffer.alloc(116_000, byte), text, Buffer.alloc(300_000, byte)]),
    ]);
    for (const [at, message] of messages.entries()) {
      const records = [{ uid: 1, message }];
      await appendMailbox(site, backup, START + at, {
        uniqueid: `u${at}`,
        name: `user.anne.m${at}`,
        records,
      });
      const { path, opened } = await openCopy(readFileSync(site.path()));
      expect(names(opened)).to.have.length(at + 1);
      expect(existsSync(`${path}.torn`)).to.equal(false);
      await site.close(opened);
    }
  });

  it('loses nothing where an ending is half on disk', async () => {
    await appendLarge(0);
    await site.close(backup);
    const whole = readFileSync(site.path());
    for (let missing = 1; missing <= 10; missing += 1) {
      const { path, opened } = await openCopy(whole.subarray(0, -missing));
      expect(names(opened)).to.deep.equal(['user.anne.m0']);
      await site.close(opened);
      expect(gunzipSync(readFileSync(path)).equals(gunzipSync(whole)), `${missing} bytes`).to.equal(true);
    }
  });

  it('lets other sessions have their turns while a large chunk is folded anew', async function () {
    this.timeout(120_000);
    const records = Array.from({ length: 20_000 }, (_, at) => ({
      uid: at + 1,
      message: `m${at}`,
      flags: '\\Expunged',
    }));
    await backup.append(mailboxLine(START, { uniqueid: 'u', name: 'user.anne', records }));
    const message = bytesOf(1, 8 << 20);
    await appendMailbox(site, backup, START + 1, {
      uniqueid: 'v',
      name: 'user.anne.v',
      records: [{ uid: 1, message }],
    });
    const turnsMs: number[] = [];
    let isOpening = true;
    let before = process.cpuUsage();
    const turn = (): void => {
      // Of this process, not of a machine that may be busy.
      const { user, system } = process.cpuUsage(before);
      turnsMs.push((user + system) / 1000);
      before = process.cpuUsage();
      if (isOpening) setImmediate(turn);
    };
    const bytes = readFileSync(site.path());
    setImmediate(turn);
    await openCopy(bytes);
    isOpening = false;
    expect(turnsMs.length).to.be.above(20);
    expect(Math.max(...turnsMs)).to.be.below(100);
  });
});
