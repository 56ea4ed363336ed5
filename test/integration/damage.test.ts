/** A byte of a data file rots. The administrator verifies and repairs, and a real master sends again what was lost. */
import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { hasItsBytes } from '../../src/backup/read/messageBytes.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { allMessages } from '../../src/index/queries/messages.ts';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { buildMailboxes } from '../support/mailboxes.ts';
import type { Outcome } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { backedUp, onMaster } from '../support/records.ts';

describe('a data file that is damaged', function () {
  this.timeout(120_000);
  let master: CyrusMaster;
  let backup: BackupServer;
  let path: string;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    await master.createUser('anne');
    await buildMailboxes(master, 'anne');
    await sync();
    path = (await backup.dataFile('anne')) ?? '';
  });
  after(() => Promise.all([master?.stop(), backup?.stop()]));

  async function sync(): Promise<void> {
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, stdout + stderr + backup.log).to.equal(0);
  }

  const ctl = (...args: string[]): Promise<Outcome> =>
    runOurs('ctl_backups', ['-C', backup.conf, '-w', ...args]);

  /** GUIDs that verify names. */
  async function damaged(): Promise<string[]> {
    const { stdout } = await ctl('-j', 'verify', 'anne');
    const { damaged_messages: messages } = JSON.parse(stdout) as { damaged_messages?: { guid: string }[] };
    return (messages ?? []).map(({ guid }) => guid);
  }

  function readable(): string[] {
    const reader = new BackupReader(path);
    try {
      const whole = [...allMessages(reader.index)].filter((message) => {
        return message.chunkId !== null && hasItsBytes(reader.index, reader.fd, message);
      });
      return whole.map(({ guid }) => guid).toSorted();
    } finally {
      reader.close();
    }
  }

  /** Damages the first byte from the middle of the file on that costs a message. */
  async function damage(): Promise<string[]> {
    const whole = readFileSync(path);
    for (let at = whole.length >> 1; at < whole.length; at += 97) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0x20;
      writeFileSync(path, bytes);
      const named = await damaged();
      if (named.length > 0) return named;
    }
    throw new Error('no byte costs a message');
  }

  it('is repaired, and the next sync_client brings back just what was lost', async () => {
    const all = readable();
    expect((await ctl('verify', 'anne')).stdout).to.equal('verify anne: ok\n');
    const named = await damage();
    expect((await ctl('verify', 'anne')).stdout).to.match(/verify anne: failed \(\d+ faults? found\)\n$/);

    const repaired = await ctl('verify', '--repair', 'anne');
    expect(repaired.stdout).to.include('repaired, the damaged data file is kept as');
    expect(await damaged()).to.deep.equal([]);
    expect(readable()).to.deep.equal(all.filter((guid) => !named.includes(guid)));
    expect(gunzipSync(readFileSync(path)).length).to.be.above(0);

    await sync();
    expect((await ctl('verify', 'anne')).stdout).to.equal('verify anne: ok\n');
    expect(readable()).to.deep.equal(all);
    expect(await backedUp(backup, 'anne')).to.deep.equal(await onMaster(master, 'anne'));
    await ctl('reindex', 'anne');
    expect((await ctl('verify', '--read-all', 'anne')).stdout).to.equal('verify anne: ok\n');
  });

  it('that nobody has repaired is served as far as it goes, and the master notices nothing', async () => {
    const named = await damage();
    await sync();
    expect((await damaged()).toSorted()).to.deep.equal(named.toSorted());
    expect((await ctl('verify', '--repair', 'anne')).code).to.equal(65);
    await sync();
    expect((await ctl('verify', 'anne')).stdout).to.equal('verify anne: ok\n');
  });
});
