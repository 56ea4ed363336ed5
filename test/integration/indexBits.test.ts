/**
 * Any bit of an index may flip. It is a cache: the mail of all users is listed and read, verify finds out or nothing is wrong, and one
 * command mends it.
 *
 * CYRUS_BACKUPS_FLIPS: how many bits, for longer runs by hand.
 */
import { expect } from 'chai';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BlockCache } from '../../mount/content/blockCache.ts';
import { Filesystem } from '../../mount/vfs/filesystem.ts';
import { openTree } from '../../mount/backupTree.ts';
import type { Node } from '../../mount/vfs/tree.ts';
import { Backup } from '../../src/backup/backup.ts';
import { readOnlyCatalog } from '../../src/catalog/catalogOptions.ts';
import { runCtlBackups } from '../../src/cli/ctl_backups/main.ts';
import { runCyrBackup } from '../../src/cli/cyr_backup/main.ts';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { BackupError } from '../../src/errors.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { RestoreSource } from '../../src/restore/source.ts';
import { Capture, SampleSite } from '../backup/sampleBackup.ts';
import { START, appendMailbox, BackupSite, bytesOf, line, mailboxLine } from '../support/backups.ts';
import { treeSettings } from '../support/mailStore.ts';
import { randomFrom } from '../support/random.ts';

const FLIPS = Number(process.env['CYRUS_BACKUPS_FLIPS'] ?? 200);

const messages = Array.from({ length: 40 }, (_, at) => bytesOf(at, 300 + 700 * at));

/** Mailboxes with history: flags that changed, messages that went, a mailbox that went, a script, a subscription. */
async function writeHistory(site: BackupSite, path: string): Promise<void> {
  const backup = await site.open(path);
  const records = messages.map((message, at) => ({ uid: at + 1, message }));
  const inbox = { uniqueid: 'u-inbox', name: 'user.anne' };
  await appendMailbox(site, backup, START + 50, { ...inbox, records: records.slice(0, 30) });
  await backup.endChunk();
  for (let round = 1; round <= 5; round += 1) {
    const changed = records.slice(0, 30).map((each) => ({
      ...each,
      modseq: 100 * round + each.uid,
      flags: round % 2 === 1 ? '\\Seen $Label1' : '\\Answered',
    }));
    await backup.append(mailboxLine(START + 60 + round, { ...inbox, records: changed }));
  }
  await appendMailbox(site, backup, START + 70, {
    uniqueid: 'u-gone',
    name: 'user.anne.gone',
    records: records.slice(30),
  });
  await backup.append(line(START + 71, 'EXPUNGE', '%(MBOXNAME user.anne UNIQUEID u-inbox UID (3 4 5))'));
  await backup.append(line(START + 72, 'UNMAILBOX', 'user.anne.gone'));
  await backup.append(line(START + 73, 'SUB', '%(USERID anne MBOXNAME user.anne)'));
  await backup.append(
    line(
      START + 74,
      'SEEN',
      '%(USERID anne UNIQUEID u-inbox LASTREAD 1 LASTUID 2 LASTCHANGE 3 SEENUIDS 1:2)',
    ),
  );
  await site.close(backup);
}

describe('any bit of an index', function () {
  this.timeout(Math.max(120_000, 1500 * FLIPS));
  let site: SampleSite;
  let helper: BackupSite;
  let path: string;
  let data: Buffer;
  let index: Buffer;
  let sound: string;

  before(async () => {
    site = await SampleSite.create(['anne', 'bella', 'carl']);
    helper = new BackupSite();
    path = site.pathOf('anne');
    writeFileSync(path, '');
    await writeHistory(helper, path);
    data = readFileSync(path);
    index = readFileSync(`${path}.index`);
    sound = contentOf(`${path}.index`);
  });

  after(async () => {
    await helper.remove();
    site.remove();
  });

  function flip(bit: number): void {
    const bytes = Buffer.from(index);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}.index${suffix}`, { force: true });
    writeFileSync(path, data);
    writeFileSync(`${path}.index`, bytes);
  }

  /** All rows of all tables, without ids; what cannot be read is another text. */
  function contentOf(name: string): string {
    const file = IndexFile.open(name, 'read');
    if (file === null) return 'no index of ours';
    try {
      const tables = file.all<{ name: string }>(
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
      );
      return tables.map((table) => JSON.stringify(file.all(`SELECT * FROM ${table.name}`))).join('\n');
    } catch (error) {
      return String(error);
    } finally {
      file.close();
    }
  }

  async function ctl(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const jobs = args.some((word) => /^(verify|compact|reindex)$/.test(word)) ? ['--jobs', '1'] : [];
    const code = await runCtlBackups(['-C', site.config, ...jobs, ...args], io);
    expect(code, io.err).to.be.oneOf([0, 65, 75]);
    return { code, out: io.out, err: io.err };
  }

  /** Reads every message in a folder of the mount as a new process would. */
  function readMount(folder: string): Map<string, Buffer | 'EIO'> {
    const options = readOnlyCatalog(loadConfig(site.config));
    const tree = openTree({
      ...treeSettings,
      catalog: { ...options, readOnly: true },
      owner: { uid: 1, gid: 1, folderMode: 0o700, fileMode: 0o600 },
    });
    const filesystem = new Filesystem(tree, new BlockCache());
    /** As a transport does it. */
    const request = <T>(work: () => T): T => {
      filesystem.begin();
      try {
        return work();
      } catch (error) {
        if (!filesystem.goesOnWithout(error)) throw error;
        filesystem.begin();
        return work();
      }
    };
    const read = new Map<string, Buffer | 'EIO'>();
    try {
      let node: Node = filesystem.root;
      for (const level of folder.split('/')) {
        const entry = request(() => filesystem.lookup(node, Buffer.from(level)));
        if (entry === undefined) return read;
        node = entry.node;
      }
      const names = request(() => {
        const listed: string[] = [];
        filesystem.list(node, 0, ({ name }) => listed.push(name.toString()) > 0);
        return listed.filter((name) => name.endsWith('.eml'));
      });
      for (const name of names) {
        try {
          const entry = request(() => filesystem.lookup(node, Buffer.from(name)));
          if (entry === undefined) continue;
          const { sizeBytes } = request(() => filesystem.attributes(entry.node));
          const bytes = Buffer.alloc(Math.min(sizeBytes, 1 << 20));
          const count = request(() => filesystem.read(entry.node, 0, bytes));
          read.set(name, bytes.subarray(0, count));
        } catch (error) {
          if (
            !(error instanceof BackupError) &&
            !(error instanceof RangeError) &&
            !(error instanceof TypeError)
          )
            throw error;
          read.set(name, 'EIO');
        }
      }
      return read;
    } catch (error) {
      if (!(error instanceof BackupError) && !(error instanceof RangeError) && !(error instanceof TypeError))
        throw error;
      return read;
    } finally {
      filesystem.close();
    }
  }

  /** Of the messages of all mailboxes, how many a restore would get. */
  function restorable(): number {
    const source = new RestoreSource('anne', path, null);
    try {
      const records = source.knownMailboxes().flatMap((mailbox) => [...source.records(mailbox)]);
      return records.filter(({ guid }) => {
        try {
          source.check(guid);
          return true;
        } catch (error) {
          if (!(error instanceof BackupError)) throw error;
          return false;
        }
      }).length;
    } finally {
      source.close();
    }
  }

  /** Bits all over the file. */
  function* bits(seed: number, count: number): Generator<number> {
    const random = randomFrom(seed);
    for (let at = 0; at < count; at += 1) yield Math.floor(random() * 8 * index.length);
  }

  const others = /^(?:.*(?:bella|carl)\t?.*\n){2}/m;

  it('leaves list and stat of all other users as they are, and is found by verify if it means anything', async () => {
    const counts = { harmless: 0, found: 0 };
    for (const bit of bits(4711, FLIPS)) {
      flip(bit);
      for (const command of ['list', 'stat']) {
        const { out } = await ctl(command, '-A');
        expect(out, `bit ${bit}: ${command}`).to.match(others);
      }
      flip(bit);
      const { code, out } = await ctl('verify', '-A');
      expect(out, `bit ${bit}`).to.match(/^verify bella: ok\nverify carl: ok\n/m);
      if (code === 0) {
        expect(contentOf(`${path}.index`), `bit ${bit}`).to.equal(sound);
        counts.harmless += 1;
      } else {
        expect(out, `bit ${bit}`).to.match(/verify anne: failed \(\d+ faults? found\)/);
        counts.found += 1;
      }
    }
    expect(counts.found).to.be.above(FLIPS / 6);
  });

  it('is mended by verify --repair, and by reindex', async () => {
    for (const [at, bit] of [...bits(4712, FLIPS / 2)].entries()) {
      flip(bit);
      const command = at % 2 === 0 ? ['verify', '--repair', '-A'] : ['reindex', '-A'];
      const { code, out } = await ctl(...command);
      expect(code, `bit ${bit}: ${out}`).to.equal(0);
      expect(readFileSync(path).equals(data), `bit ${bit}: the log`).to.equal(true);
      expect((await ctl('verify', 'anne')).out, `bit ${bit}`).to.equal('verify anne: ok\n');
    }
  });

  it('never makes the mount show wrong bytes', () => {
    const names = new Set(messages.map((_, at) => `${at + 1}.eml`));
    let right = 0;
    for (const bit of bits(4713, FLIPS)) {
      flip(bit);
      for (const [name, bytes] of readMount('anne/INBOX')) {
        if (bytes === 'EIO') continue;
        expect(names.has(name), `bit ${bit}: ${name}`).to.equal(true);
        const message = messages[Number.parseInt(name, 10) - 1] as Buffer;
        expect(bytes.equals(message), `bit ${bit}: ${name}`).to.equal(true);
        right += 1;
      }
    }
    // 27 living messages: nearly all of them, nearly always.
    expect(right / (27 * FLIPS)).to.be.above(0.97);
  });

  it('does not keep a backupd from writing, and what is written is in the log', async () => {
    for (const bit of bits(4714, FLIPS / 2)) {
      flip(bit);
      const notices: string[] = [];
      const backup = await Backup.open('anne', path, helper.options, (message) => notices.push(message));
      try {
        await backup.append(line(START + 100, 'SUB', '%(USERID anne MBOXNAME user.anne.new)'));
      } catch (error) {
        expect(error, `bit ${bit}`).to.be.instanceOf(BackupError);
      } finally {
        await backup.close();
      }
      expect((await ctl('reindex', 'anne')).code, `bit ${bit}`).to.equal(0);
      expect((await ctl('verify', 'anne')).out, `bit ${bit}`).to.equal('verify anne: ok\n');
    }
  });

  it('does not keep restore and cyr_backup from reading, nor compact and move from their work', async () => {
    for (const [at, bit] of [...bits(4715, FLIPS / 2)].entries()) {
      flip(bit);
      expect(restorable(), `bit ${bit}`).to.be.at.least(27);
      const dump = new Capture();
      expect(
        await runCyrBackup(['-C', site.config, 'anne', 'list', 'all'], dump),
        `bit ${bit}: ${dump.err}`,
      ).to.equal(0);
      if (at % 3 > 0) continue;
      flip(bit);
      const compacted = await ctl('-F', 'compact', '-A');
      expect(compacted.out, `bit ${bit}`).to.match(
        /^compact anne: ok\ncompact bella: ok\ncompact carl: ok\n/m,
      );
      expect((await ctl('reindex', 'anne')).code).to.equal(0);
      const living = readMount('anne/INBOX');
      expect(living.size, `bit ${bit}`).to.equal(27);
    }
  });
});
