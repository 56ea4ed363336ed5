/** A backup in which one message is damaged, as those see it who use it: the tools, the mount, restore; and after a repair. */
import { expect } from 'chai';
import { chownSync, copyFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openTree } from '../../mount/backupTree.ts';
import { BlockCache } from '../../mount/content/blockCache.ts';
import { readRange } from '../../mount/content/readRange.ts';
import type { FileItem, FolderReference } from '../../mount/vfs/tree.ts';
import { REPAIR_STEPS } from '../../src/backup/verify/repair.ts';
import { verifyBackup } from '../../src/backup/verify/verify.ts';
import type { Verification } from '../../src/backup/verify/verify.ts';
import { readOnlyCatalog } from '../../src/catalog/catalogOptions.ts';
import { runCtlBackups } from '../../src/cli/ctl_backups/main.ts';
import { runCyrBackup } from '../../src/cli/cyr_backup/main.ts';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { BackupError } from '../../src/errors.ts';
import { needs } from '../support/needs.ts';
import { Capture, MESSAGES, SampleSite, guidOf } from '../backup/sampleBackup.ts';
import { runCtl } from '../support/killedTool.ts';
import { treeSettings } from '../support/mailStore.ts';

const RESTORE = fileURLToPath(new URL('../../bin/restore', import.meta.url));
const [first, second, third] = MESSAGES;

describe('a backup with a damaged message', function () {
  this.timeout(30_000);
  let site: SampleSite;
  let path: string;
  /** The byte that is damaged: found once, a sample is always the same. */
  let hit = 60;

  beforeEach(async () => {
    site = await SampleSite.create(['anne']);
    path = site.pathOf('anne');
    await damageSecond();
  });
  afterEach(() => site.remove());

  async function verify(): Promise<Verification> {
    const file = await LockedFile.acquire(path);
    try {
      return await verifyBackup(file, () => undefined);
    } finally {
      file.release();
    }
  }

  /** Flips a bit behind which the first block no longer inflates, in the second of its two messages. */
  async function damageSecond(): Promise<void> {
    const whole = readFileSync(path);
    for (let byte = hit; byte < whole.length; byte += 1) {
      const bytes = Buffer.from(whole);
      bytes[byte] = (bytes[byte] ?? 0) ^ 0x10;
      writeFileSync(path, bytes);
      const { chunks } = await verify();
      const named = chunks.flatMap(({ messages }) => messages.map(({ guid }) => guid));
      const isBroken = chunks[0]?.checksums.some((fault) => fault.includes('inflate')) === true;
      if (isBroken && named.length === 1 && named[0] === guidOf(second)) {
        hit = byte;
        return;
      }
    }
    throw new Error('no bit hits the second message alone');
  }

  async function ctl(...args: string[]): Promise<{ code: number; out: string }> {
    const io = new Capture();
    const code = await runCtlBackups(['-C', site.config, ...args], io);
    return { code, out: io.out };
  }

  async function dump(message: Buffer): Promise<{ code: number; bytes: Buffer }> {
    const io = new Capture();
    const code = await runCyrBackup(['-C', site.config, 'anne', 'dump', 'message', guidOf(message)], io);
    return { code, bytes: io.bytes };
  }

  it('is reported with chunk, GUID, mailbox and uid', async () => {
    const guid = guidOf(second);
    expect((await ctl('-v', 'verify', 'anne')).out).to.include(
      `guid mismatch for message ${guid} in chunk 1\n  user.anne uid 2\nerror\n`,
    );
    const { code, out } = await ctl('-j', 'verify', 'anne');
    expect(code).to.equal(65);
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(report['damaged_messages']).to.deep.equal([
      { guid, chunk: 1, records: [{ mboxname: 'user.anne', uid: 2 }] },
    ]);
    expect(report['damaged_chunks']).to.have.length(1);
  });

  it('is found at each level that looks at its chunk', async () => {
    expect((await ctl('verify', '--level', 'checksums', 'anne')).code).to.equal(65);
    expect((await ctl('verify', '--read-all', 'anne')).code).to.equal(65);
    expect((await ctl('verify', '--level', 'quick', 'anne')).out, 'the last chunk').to.equal(
      'verify anne: ok\n',
    );
  });

  it('dumps the others, and fails for that one', async () => {
    expect(await dump(first)).to.deep.equal({ code: 0, bytes: first });
    expect(await dump(third)).to.deep.equal({ code: 0, bytes: third });
    expect((await dump(second)).code).not.to.equal(0);
  });

  it('shows the others on the mount, and an error for that one', () => {
    const catalog = { ...readOnlyCatalog(loadConfig(site.config)), readOnly: true };
    const tree = openTree({
      ...treeSettings,
      catalog,
      owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 },
    });
    try {
      const bytesAt = (name: string): Buffer => {
        let place = tree.root;
        let number = 0;
        for (const part of ['anne', ...name.split('/')]) {
          const entry = place.lookup(Buffer.from(part));
          if (entry === undefined) throw new Error(`no ${part}`);
          ({ number } = entry.node);
          place = entry.node.place as FolderReference;
        }
        const content = (place.child(number) as FileItem).content();
        const bytes = Buffer.alloc(content.sizeBytes);
        readRange(content, { cache: new BlockCache() }, 0, bytes);
        return bytes;
      };
      expect(bytesAt('INBOX/1.eml').equals(first)).to.equal(true);
      expect(bytesAt('Work/3.eml').equals(third)).to.equal(true);
      expect(() => bytesAt('INBOX/2.eml')).to.throw(BackupError, 'damaged');
    } finally {
      tree.close();
    }
  });

  it('restores the others, and names that one', () => {
    const to = join(site.folder, 'maildir');
    const { status, stdout, stderr } = spawnSync(
      RESTORE,
      ['-C', site.config, '--to', `maildir:${to}`, '-a', '-u', 'anne'],
      { encoding: 'utf8' },
    );
    expect(status, stderr).to.equal(75);
    expect(stdout + stderr).to.match(/anne: user\.anne: UID 2 \(\w{40}\): .*inflate/);
    const files = readdirSync(to, { recursive: true, withFileTypes: true }).filter(
      ({ name, parentPath }) => /^\d/.test(name) && /\/(?:cur|new)$/.test(parentPath),
    );
    const restored = files.map(({ parentPath, name }) => guidOf(readFileSync(join(parentPath, name))));
    expect(restored.toSorted()).to.deep.equal([guidOf(first), guidOf(third)].toSorted());
  });

  it('is repaired, and the damaged file kept', async () => {
    const damaged = readFileSync(path);
    const { code, out } = await ctl('verify', '--repair', 'anne');
    expect(code).to.equal(65);
    const kept = /the damaged data file is kept as (.+)/.exec(out)?.[1] ?? '';
    expect(readFileSync(kept).equals(damaged)).to.equal(true);
    const guid = guidOf(second);
    const missing = `message ${guid} is not in the backup: user.anne uid 2`;
    expect((await ctl('verify', 'anne')).out).to.equal(`${missing}\nverify anne: failed (1 fault found)\n`);
    rmSync(`${path}.index`);
    expect((await ctl('reindex', 'anne')).out).to.equal('verify anne: ok\n'.replace('verify', 'reindex'));
    expect((await ctl('verify', 'anne')).out, 'as of the log').to.include(missing);
    expect(await dump(first)).to.deep.equal({ code: 0, bytes: first });
    expect(await dump(third)).to.deep.equal({ code: 0, bytes: third });
  });

  for (const step of REPAIR_STEPS) {
    it(`killed when the repair is ${step}, is either as it was or repaired, and the next repair finishes`, async () => {
      const args = ['-C', site.config, 'verify', '--repair', 'anne'];
      expect(runCtl(args, `repair:${step}`).signal).to.equal('SIGKILL');
      expect(await dump(first)).to.deep.equal({ code: 0, bytes: first });
      expect(await dump(third)).to.deep.equal({ code: 0, bytes: third });
      expect(runCtl(args, null).code).to.equal(65);
      expect((await verify()).missing).to.have.length(1);
      expect((await verify()).faultCount).to.equal(1);
      // What SQLite keeps beside an index that nobody has written to since the kill is no matter.
      const names = readdirSync(dirname(path))
        .filter((name) => !/-(?:wal|shm)$/.test(name))
        .map((name) => name.replace(/\.\d+$/, '.KEPT'));
      const data = path.slice(dirname(path).length + 1);
      expect(names.toSorted()).to.deep.equal([data, `${data}.KEPT`, `${data}.index`]);
    });
  }

  it('that has only an index at fault gets a new one', async () => {
    const whole = await SampleSite.create(['anne']);
    copyFileSync(whole.pathOf('anne'), path);
    writeFileSync(`${path}.index`, readFileSync(`${whole.pathOf('anne')}.index`));
    whole.remove();
    const index = IndexFile.open(`${path}.index`, 'write');
    index?.run(`UPDATE mailbox SET name = 'user.eve' WHERE name = 'user.anne'`);
    index?.close();
    const { code, out } = await ctl('verify', '--repair', 'anne');
    expect(out).to.match(/name is user\.eve in the index.*\nthe index was built anew\nverify anne: ok\n$/s);
    expect(code).to.equal(0);
  });

  it('is its owner’s when root has repaired it', async function () {
    needs(this, 'root');
    const owner = { uid: 1234, gid: 5678 };
    for (const name of [path, `${path}.index`]) chownSync(name, owner.uid, owner.gid);
    expect((await ctl('verify', '--repair', 'anne')).code).to.equal(65);
    expect(statSync(path)).to.include(owner);
    expect(statSync(`${path}.index`)).to.include(owner);
  });

  it('whose MESSAGE line has lost its name keeps the messages when it is repaired', async () => {
    // Uncompressed, so that the very byte can be damaged.
    const plain = await SampleSite.create(['anne'], 0);
    try {
      const data = plain.pathOf('anne');
      const bytes = readFileSync(data);
      bytes.write('MASSAGE', bytes.indexOf('MESSAGE', 0, 'latin1'), 'latin1');
      writeFileSync(data, bytes);
      expect(runCtl(['-C', plain.config, 'verify', '--repair', 'anne'], null)).to.include({ code: 0 });
      expect(runCtl(['-C', plain.config, 'verify', '--read-all', 'anne'], null).out).to.equal(
        'verify anne: ok\n',
      );
    } finally {
      plain.remove();
    }
  });
});
