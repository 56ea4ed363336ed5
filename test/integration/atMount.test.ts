/**
 * `.at` is the truth: what a real master says of a user at moments of a random workload, and what the mount shows at each of those
 * moments when all is over. MOMENTS=50 for more of them than a test should take time for.
 */
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { run } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { onMaster } from '../support/records.ts';
import type { Records } from '../support/records.ts';
import { Workload } from '../support/workload.ts';

const MOMENTS = Number(process.env['MOMENTS'] ?? 15);
const STEPS_EACH = 12;

/** All mailboxes below a folder of the mount, as records.ts has them: read by the kernel, file by file. */
const WALK = `
import hashlib, json, os, sys
found = {}
def xattr(path, name):
    try: return os.getxattr(path, 'user.cyrus.' + name).decode()
    except OSError: return ''
for folder, _, files in os.walk(sys.argv[1]):
    name = xattr(folder, 'mboxname')
    if name == '': continue
    records = found[name] = {}
    for file in files:
        path = os.path.join(folder, file)
        guid = hashlib.sha1(open(path, 'rb').read()).hexdigest()
        records[file.removesuffix('.eml')] = { 'guid': guid, 'internalDate': int(os.stat(path).st_mtime),
          'modseq': xattr(path, 'modseq'), 'flags': sorted(xattr(path, 'flags').split()) }
print(json.dumps(found))
`;

interface Moment {
  /** Unix seconds. */
  readonly time: number;
  readonly truth: Map<string, Records>;
}

describe('the past in the mount', function () {
  this.timeout(60_000 + MOMENTS * 6000);

  it('is what the master said at each of many moments, before a compaction and after it', async function () {
    needs(this, ...cyrusRequirements, '/dev/fuse');
    const [master, backup] = await Promise.all([
      CyrusMaster.start(),
      BackupServer.start('backup_retention: 7d\n'),
    ]);
    const workload = new Workload(master, 23, ['anne']);
    let mount: MountDaemon | undefined;
    try {
      await master.createUser('anne');
      const moments: Moment[] = [];
      while (moments.length < MOMENTS) {
        for (let step = 0; step < STEPS_EACH; step += 1) await workload.step();
        const { code, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
        expect(code, stderr).to.equal(0);
        const time = Math.floor(Date.now() / 1000);
        moments.push({ time, truth: await onMaster(master, 'anne') });
        // A moment is a second, and shown as it was at its end.
        while (Math.floor(Date.now() / 1000) === time) await sleep(20);
      }
      workload.close();
      mount = await MountDaemon.start(backup.conf);
      const { path } = mount;
      const check = async (when: string): Promise<void> => {
        for (const { time, truth } of moments) {
          const { code, stdout, stderr } = await run('python3', ['-c', WALK, `${path}/anne/.at/@${time}`]);
          expect(code, stderr).to.equal(0);
          const found = new Map(Object.entries(JSON.parse(stdout) as Record<string, Records>));
          expect([...found.keys()], `${when}, @${time}`).to.have.members([...truth.keys()]);
          for (const [name, records] of truth)
            expect(found.get(name), `${when}, @${time}`).to.deep.equal(records);
        }
      };
      await check('before');
      const compacted = await runOurs('ctl_backups', [
        '-C',
        backup.conf,
        '-F',
        '--force-drop',
        'compact',
        'anne',
      ]);
      expect(compacted.stdout).to.equal('compact anne: ok\n');
      await check('after');
      expect(mount.log.split('\n')).to.have.length(2);
    } finally {
      workload.close();
      await mount?.stop();
      await Promise.all([master.stop(), backup.stop()]);
    }
  });
});
