/** The units of build/systemd, as an installation fills them in, checked by systemd's own tool. */
import { expect } from 'chai';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/machine.ts';
import { needs } from '../support/needs.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The exposure that `systemd-analyze security` may find, times ten, from 0 (tight) to 100 (none).
 * The mount must be seen outside its service, which excludes everything that needs a mount
 * namespace.
 */
const MOST_EXPOSED: Record<string, number> = {
  'backupd.service': 15,
  'cyrus-backups-mount@.service': 46,
};
const MOST_EXPOSED_JOB = 10;

describe('the units', function () {
  this.timeout(60_000);
  let destdir: string;
  let folder: string;

  before(async function () {
    needs(this, 'the package systemd');
    destdir = mkdtempSync(join(tmpdir(), 'units-'));
    // The programs must be there to be verified, so they are placed where they are looked for.
    const prefix = join(destdir, 'usr');
    const { code, stderr } = await run(process.execPath, [
      join(ROOT, 'build/install/install.mjs'),
      '--prefix',
      prefix,
      '--sbindir',
      join(destdir, 'sbin'),
    ]);
    expect(code, stderr).to.equal(0);
    folder = join(prefix, 'lib/systemd/system');
  });

  after(() => {
    if (destdir !== undefined) rmSync(destdir, { recursive: true, force: true });
  });

  const unitNames = (): string[] => readdirSync(folder);

  it('are there for backupd, the mount, and for compact and verify by the clock', () => {
    expect(unitNames()).to.include.members([
      'backupd.service',
      'backupd.socket',
      'cyrus-backups-mount@.service',
      'cyrus-backups-compact.service',
      'cyrus-backups-compact.timer',
      'cyrus-backups-verify.service',
      'cyrus-backups-verify.timer',
    ]);
  });

  it('give no cause for complaint to systemd-analyze verify', async () => {
    const { code, stdout, stderr } = await run('systemd-analyze', [
      'verify',
      '--man=no',
      '--recursive-errors=no',
      ...unitNames().map((name) => join(folder, name)),
    ]);
    // It also names what is wrong with units of the machine.
    const ours = `${stdout}${stderr}`.split('\n').filter((line) => /backup/.test(line));
    expect(ours).to.deep.equal([]);
    expect(code).to.equal(0);
  });

  it('are as tightly confined as they were', async () => {
    for (const name of unitNames().filter((unit) => unit.endsWith('.service'))) {
      const most = MOST_EXPOSED[name] ?? MOST_EXPOSED_JOB;
      const { code, stdout } = await run('systemd-analyze', [
        'security',
        '--offline=true',
        '--no-pager',
        `--threshold=${most}`,
        join(folder, name),
      ]);
      expect(code, `${name}: ${stdout.trimEnd().split('\n').at(-1)}`).to.equal(0);
    }
  });
});
