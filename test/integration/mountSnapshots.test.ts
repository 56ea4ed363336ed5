/** A mount with -o snapshot beside compactions: what tar reads is what was there when it began, and no user drops out. */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runOurs } from '../support/backupdDaemon.ts';
import { START } from '../support/backups.ts';
import { run, waitUntil } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`a snapshot over ${transport} and a compaction`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon | undefined;
    let holder: ChildProcess | undefined;

    before(function () {
      needs(this, 'root', '/dev/fuse');
    });
    beforeEach(async () => {
      store = await annesStore();
    });
    afterEach(async () => {
      holder?.kill('SIGKILL');
      await mount?.stop();
      mount = undefined;
      await store.remove();
    });

    const release = async (): Promise<void> => store.site.close(await store.backup('anne'));
    const compact = async (): Promise<void> => {
      const forced = ['-F', '--force-clock', '--force-drop'];
      const { stdout } = await runOurs('ctl_backups', ['-C', store.conf, ...forced, 'compact', 'anne']);
      expect(stdout).to.equal('compact anne: ok\n');
    };
    const begin = async (): Promise<string> => {
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`, 'snapshot']);
      return join(mount.path, 'anne');
    };

    /** A shell that has the user's folder open, and does the script when it is told to. */
    const holding = async (folder: string, script: string): Promise<() => Promise<string>> => {
      const shell = spawn('sh', ['-c', `exec 3<.; echo held; read line; ${script}`], { cwd: folder });
      holder = shell;
      let said = '';
      for (const stream of [shell.stdout, shell.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      }
      await waitUntil(() => said.includes('held'), { what: () => 'the folder is not open' });
      return async () => {
        // What the kernel was told before may be believed for a second.
        await sleep(1100);
        shell.stdin.end('go\n');
        await new Promise((resolve) => shell.on('close', resolve));
        return said.replace('held\n', '');
      };
    };

    it('a user whose last change is older than the retention is read whole', async () => {
      await release();
      await compact();
      const folder = await begin();
      const { code, stdout, stderr } = await run('sh', [
        '-c',
        `cd ${folder} && tar -cf - . | tar -tf - | sort`,
      ]);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.contain('./INBOX/2.eml\n./INBOX/3.eml\n').and.contain('./2024/9.eml');
    });

    it('one that comes while a tar is at work changes nothing that it reads', async () => {
      const folder = await begin();
      const go = await holding(folder, 'cat INBOX/2.eml | wc -c; ls INBOX 2024; ls');
      await store.put('anne', 2000, 'user.anne.New', [[1, 10]]);
      await store.flag('anne', 2001, 'user.anne', [[2, 2, '\\Expunged']]);
      await store.say('anne', 2002, 'UNMAILBOX', 'user.anne.2024');
      await release();
      await compact();
      expect(await go()).to.match(
        /^ *\d{3}\n2024:\n7\.eml\n9\.eml\nv1\.2 plans\n\nINBOX:\n2\.eml\n3\.eml\n2024\nINBOX\ndeleted\n$/,
      );
      await waitUntil(async () => (await run('ls', [folder])).stdout === '2024\nINBOX\nNew\ndeleted\n', {
        what: () => 'the present is not seen',
      });
      expect((await run('ls', [join(folder, 'INBOX')])).stdout).to.equal('3.eml\n');
    });

    it('where the last line lies in the future, what comes meanwhile is not seen either', async () => {
      const ahead = Math.floor(Date.now() / 1000) + 86_400 - START;
      await store.put('anne', ahead, 'user.anne.Ahead', [[1, 10]]);
      const folder = await begin();
      const go = await holding(folder, 'ls INBOX; ls');
      await store.flag('anne', 3000, 'user.anne', [[2, 2, '\\Expunged']]);
      expect(await go()).to.equal('2.eml\n3.eml\n2024\nAhead\nINBOX\ndeleted\n');
      expect((await run('ls', [join(folder, '.at/now')])).stderr).to.contain('Input/output error');
      expect((await run('ls', [join(folder, '.at', `@${START + 350}`)])).stdout).to.equal(
        '2024\nINBOX\ndeleted\n',
      );
    });
  });
}
