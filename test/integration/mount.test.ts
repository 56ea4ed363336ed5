/** The mount over a synced backup, read by the programs that people use, and compared with the master's IMAP. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import type { SyncServer } from '../support/cyrus.ts';
import { makeFolder, run } from '../support/machine.ts';
import { buildMailboxes } from '../support/mailboxes.ts';
import { TRANSPORT_NAMES } from '../../mount/options.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

function sorted(map: Map<string, string>): [string, string][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Cyrus' IMAP takes no NUL, but other ways into a spool do: said by hand, as a master would. Answers the SHA-1. */
async function uploadWithNul(server: SyncServer): Promise<string> {
  const bytes = Buffer.from('Subject: NUL\r\n\r\nbefore\0after \x80\xff\r\n', 'latin1');
  const guid = createHash('sha1').update(bytes).digest('hex');
  const record = `%(UID 1 MODSEQ 2 LAST_UPDATED 1700000000 FLAGS () INTERNALDATE 1700000000 SIZE ${bytes.length} GUID ${guid})`;
  const connection = await SyncConnection.login(server);
  const commands = [
    Buffer.concat([
      Buffer.from(`APPLY MESSAGE (%{default ${guid} ${bytes.length}}\r\n`),
      bytes,
      Buffer.from(')\r\n'),
    ]),
    `APPLY MAILBOX %(UNIQUEID nul1 MBOXNAME user.nul LAST_UID 1 HIGHESTMODSEQ 2 UIDVALIDITY 1 PARTITION default ACL "" OPTIONS P RECORD (${record}))\r\n`,
    'EXIT\r\n',
  ];
  for (const command of commands) expect((await connection.exchange(command)).reply).to.match(/^OK/);
  connection.close();
  return guid;
}

for (const transport of TRANSPORT_NAMES) {
  describe(`the mount of a synced backup over ${transport}`, function () {
    this.timeout(120_000);

    let master: CyrusMaster;
    let backup: BackupServer;
    let mount: MountDaemon;
    let target: string;
    /** SHA-1 by path below the mount, as the master's FETCH says. */
    const wanted = new Map<string, string>();

    before(async function () {
      needs(this, ...cyrusRequirements, '/dev/fuse', 'the package rsync');
      target = makeFolder('copies');
      [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
      await master.createUser('anne');
      await buildMailboxes(master, 'anne');
      const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
      expect(code, `${stdout}${stderr}${backup.log}`).to.equal(0);
      for (const [mailbox, messages] of await master.truth('anne')) {
        const folder = mailbox === 'INBOX' ? mailbox : mailbox.replace(/^INBOX\//, '');
        for (const { uid, sha1 } of messages) wanted.set(`anne/${folder}/${uid}.eml`, sha1);
      }
      wanted.set('nul/INBOX/1.eml', await uploadWithNul(backup.address));
      mount = await MountDaemon.start(backup.conf, [`transport=${transport}`]);
    });

    after(async () => {
      await mount?.stop();
      await Promise.all([master?.stop(), backup?.stop()]);
      if (target !== undefined) rmSync(target, { recursive: true, force: true });
    });

    /** SHA-1 by path of all messages below a folder, computed by sha1sum, which is not this process. */
    async function hashes(folder: string): Promise<Map<string, string>> {
      const found = await shell(`find . -name '*.eml' -type f -print0 | xargs -0 sha1sum`, folder);
      return new Map(
        found
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => [line.slice(44), line.slice(0, 40)] as const),
      );
    }

    async function shell(script: string, cwd: string): Promise<string> {
      const { code, stdout, stderr } = await run('bash', ['-c', `set -o pipefail; ${script}`], {
        cwd,
        timeoutMs: 60_000,
      });
      expect(code, `${script}\n${stderr}${mount.log}`).to.equal(0);
      expect(stderr, script).to.equal('');
      return stdout;
    }

    it('every message has the SHA-1 that the IMAP FETCH of the master gives', async () => {
      expect(wanted.size).to.be.greaterThan(30);
      expect(sorted(await hashes(mount.path))).to.deep.equal(sorted(wanted));
    });

    it('size, and time of the last change, are the message size and INTERNALDATE', async () => {
      const listed = await shell(`stat -c '%s %Y' anne/INBOX/1.eml`, mount.path);
      const [first] = (await master.truth('anne')).get('INBOX') ?? [];
      expect(listed.trim()).to.equal(`${first?.body.length} ${first?.internalDate}`);
    });

    it('grep -r finds a word in the one message that has it', async () => {
      const found = await shell(`grep -rl 'ran 105 hours' .`, mount.path);
      expect(found.trim()).to.match(/^\.\/anne\/Archive\/2024\/\d+\.eml$/);
    });

    it('cp -a copies everything', async () => {
      await shell(`cp -a . '${target}/cp'`, mount.path);
      expect(sorted(await hashes(join(target, 'cp')))).to.deep.equal(sorted(wanted));
    });

    it('tar packs everything', async () => {
      mkdirSync(join(target, 'tar'));
      await shell(`tar -cf - . | tar -xf - -C '${target}/tar'`, mount.path);
      expect(sorted(await hashes(join(target, 'tar')))).to.deep.equal(sorted(wanted));
    });

    it('rsync copies everything, and the second time nothing', async () => {
      const rsync = `rsync -a --itemize-changes ./ '${target}/rsync/'`;
      mkdirSync(join(target, 'rsync'));
      const first = await shell(rsync, mount.path);
      expect(first.split('\n').filter((line) => line.startsWith('>f')).length).to.be.greaterThan(0);
      expect(sorted(await hashes(join(target, 'rsync')))).to.deep.equal(sorted(wanted));
      expect(await shell(rsync, mount.path)).to.equal('');
    });

    it('nothing can be written, renamed or removed', async () => {
      const tries = [
        'touch anne/new',
        'rm -f anne/INBOX/1.eml',
        'mv anne/INBOX anne/x',
        'echo x >> anne/INBOX/1.eml',
      ];
      for (const script of tries) {
        const { code, stderr } = await run('bash', ['-c', script], { cwd: mount.path });
        expect(code, script).to.not.equal(0);
        expect(stderr, script).to.match(/Read-only file system|Permission denied/);
      }
      expect(sorted(await hashes(mount.path))).to.deep.equal(sorted(wanted));
    });
  });
}
