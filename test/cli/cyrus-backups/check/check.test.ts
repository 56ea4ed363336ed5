/** What check finds in a configuration, and how it reports. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { chmodSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCheckCommand } from '../../../../src/cli/cyrus-backups/check/command.ts';
import { Capture } from '../../../backup/sampleBackup.ts';
import type { SampleSite } from '../../../backup/sampleBackup.ts';
import { CheckedSite, everythingBelow } from './checkedSite.ts';

describe('cyrus-backups check', () => {
  let world: CheckedSite;
  let site: SampleSite;

  beforeEach(async () => {
    world = await CheckedSite.create();
    ({ site } = world);
  });
  afterEach(() => world.remove());

  it('finds nothing where all is well, and says what it looked at', async () => {
    expect(await world.wrong()).to.deep.equal([]);
    const { findings } = await world.check();
    const subjects = new Set(findings.map(({ what }) => what));
    expect([...subjects]).to.include.members([
      'configuration',
      'configdirectory',
      'partition one',
      'catalogue',
      'clock',
      'port',
    ]);
  });

  it('exits with 0, 1 or 2, by the worst finding', async () => {
    const { findings, code, level } = await world.check();
    expect(code).to.equal(findings.every((each) => each.level === 'ok') ? 0 : 1);
    world.conf('backup_frobnicate: 1');
    expect(await world.check()).to.include({ code: 1, level: 'warning' });
    world.conf('backup_retention: soon');
    expect(await world.check()).to.include({ code: 2, level: 'error' });
    expect(['ok', 'warning']).to.include(level);
  });

  it('prints a line and a cure for each finding, and with -q only what is wrong', async () => {
    world.conf('backup_retension: 30d');
    const io = new Capture();
    await runCheckCommand(['-q', ...world.arguments], io);
    expect(io.out).to.include(
      'imapd.conf, line 7: backup_retension is no option of cyrus-backups, and is ignored\n',
    );
    expect(io.out).to.include('to do: did you mean backup_retention?\n');
    expect(io.out).to.not.match(/^ok /m);
    expect(io.err).to.equal('');
  });

  it('refuses a wrong command line with 64', async () => {
    const io = new Capture();
    expect(await runCheckCommand(['--listen', 'nowhere'], io)).to.equal(64);
    expect(io.err).to.include('--listen nowhere: host:port is expected');
  });

  it('changes nothing, whatever it finds', async () => {
    writeFileSync(site.pathOf('anne'), 'no gzip');
    const before = everythingBelow(site.folder);
    await world.check();
    world.conf('backup_retention: soon');
    const after = everythingBelow(site.folder);
    expect(after.filter((entry) => !entry.includes('imapd.conf'))).to.deep.equal(
      before.filter((entry) => !entry.includes('imapd.conf')),
    );
  });

  describe('the configuration', () => {
    it('that is missing', async () => {
      unlinkSync(site.config);
      await world.expectOnly('error', /no such file/, /cyrus-backups setup/);
    });

    it('with a wrong value: file, line and option', async () => {
      world.conf('backup_retention: soon');
      await world.expectOnly('error', /imapd.conf, line 7/, /backup_retention/);
    });

    it('that is a FIFO, or includes one, without waiting for it', async () => {
      execFileSync('mkfifo', [join(site.folder, 'fifo')]);
      world.conf(`@include: ${site.folder}/fifo`);
      await world.expectOnly('error', /fifo"/, /not a file, but a FIFO/);
    });

    it('with options of Cyrus, its services and channels, which are none of our business', async () => {
      world.conf(
        'imap_timeout: 3',
        'backup_sync_host: x',
        'sasl_log_level: 1',
        'partition-default: /srv',
        'conversations: 1',
      );
      expect(await world.wrong()).to.deep.equal([]);
    });

    for (const [typed, meant] of [
      ['backup_retension: 3d', 'backup_retention'],
      ['backuppartion-main: /srv', 'backuppartition-main'],
      ['tls_server_cret: /x', 'tls_server_cert'],
      ['admin: anne', 'admins'],
    ] as const) {
      it(`with ${typed.split(':')[0]}: suggests ${meant}`, async () => {
        world.conf(typed);
        await world.expectOnly('warning', new RegExp(`did you mean ${meant}`));
      });
    }

    it('with older names, and older names that the newer one overrules', async () => {
      world.conf('backup_retention_days: 3');
      await world.expectOnly('warning', /backup_retention_days is an older name/, /backup_retention"/);
      world.conf('backup_retention: 3d');
      await world.expectOnly('warning', /has no effect, because backup_retention is set/);
    });

    it('with options that Cyrus needs and we do not read', async () => {
      world.conf('sasl_sasldb_path: /etc/sasldb2');
      await world.expectOnly('warning', /no effect/, /cyrus-backups passwd/);
    });

    it('with a secret that everybody may read', async () => {
      world.conf('restore_password: secret');
      expect(await world.wrong()).to.deep.equal([]);
      chmodSync(site.config, 0o644);
      await world.expectOnly('error', /everybody may read it \(mode 0644\)/, /restore_password/);
    });

    it('that everybody may change', async () => {
      chmodSync(site.config, 0o666);
      await world.expectOnly('error', /everybody may change it/);
    });

    it('that leaves no way to log in', async () => {
      world.conf('sasl_mech_list: PLAIN');
      await world.expectOnly('error', /no way to log in/);
    });
  });
});
