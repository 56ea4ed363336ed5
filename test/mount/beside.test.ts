/** Programs of the system that come across a mount without being asked to: what docs/guide/mount.md says of them. */
import { expect } from 'chai';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from '../support/machine.ts';
import type { Outcome } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const MESSAGES = 7;

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`programs beside a mount over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon;
    let out: string;

    before(async function () {
      needs(this, 'root', '/dev/fuse', 'the package plocate');
      store = await annesStore();
      out = makeFolder('beside');
      mount = await start();
    });
    after(async () => {
      await mount?.stop();
      await store?.remove();
      if (out !== undefined) rmSync(out, { recursive: true, force: true });
    });

    const start = (): Promise<MountDaemon> => MountDaemon.start(store.conf, [`transport=${transport}`]);
    const sh = async (command: string): Promise<Outcome> => {
      const outcome = await run('sh', ['-c', command]);
      expect([outcome.code, outcome.stderr], command).to.deep.equal([0, '']);
      return outcome;
    };

    it('tar -g after a remount takes nothing anew with --no-check-device, and all without', async () => {
      const tar = async ({ path }: MountDaemon, options: string): Promise<number> => {
        const command = `tar -C ${path} ${options} -cf ${out}/mail.tar . && tar -tf ${out}/mail.tar | grep -c 'eml$' || true`;
        return Number((await sh(command)).stdout);
      };
      const options = [`--no-check-device -g ${out}/unchecked`, `--check-device -g ${out}/checked`] as const;
      for (const each of options) expect(await tar(mount, each)).to.equal(MESSAGES);
      // While the first is there, the second surely is another device.
      const second = await start();
      try {
        expect(await tar(second, options[0])).to.equal(0);
        expect(await tar(second, options[1])).to.equal(MESSAGES);
      } finally {
        await second.stop();
      }
    });

    it('updatedb leaves it out by PRUNEFS, or by PRUNEPATHS', async () => {
      const located = async (options: string): Promise<string> => {
        await sh(`updatedb -U ${join(mount.path, '..')} -o ${out}/db -l no ${options}`);
        return (await run('locate', ['-d', `${out}/db`, '-c', '.eml'])).stdout.trim();
      };
      const pruned = (systems: string, paths: string): Promise<string> =>
        located(`--prunefs '${systems}' --prunepaths '${paths}' --prune-bind-mounts no`);
      expect(await pruned('', '')).to.equal(String(MESSAGES));
      expect(await pruned('fuse.cyrus-backups', '')).to.equal('0');
      expect(await pruned('', mount.path)).to.equal('0');
    });

    it('df shows what the store takes, and nothing free', async () => {
      const { stdout } = await sh(
        `df -B1 --output=fstype,size,used,avail,pcent,target ${mount.path} | tail -1`,
      );
      const [type, size, used, free, share, target] = stdout.trim().split(/\s+/);
      expect([type, free, share, target]).to.deep.equal(['fuse.cyrus-backups', '0', '100%', mount.path]);
      expect(Number(size)).to.equal(Number(used)).and.be.above(0);
      expect((await sh(`df -x fuse.cyrus-backups --output=target`)).stdout).to.not.contain(mount.path);
    });
  });
}
