/** A store that is well, broken in one way at a time: what check finds, and what it says to do. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../../../src/cli/cyrus-backups/check/finding.ts';
import { runCheckCommand } from '../../../../src/cli/cyrus-backups/check/command.ts';
import { Capture, START_TIME } from '../../../backup/sampleBackup.ts';
import type { SampleSite } from '../../../backup/sampleBackup.ts';
import { Authority } from '../../../support/certificates.ts';
import { needs } from '../../../support/needs.ts';
import { CheckedSite, startGreeter } from './checkedSite.ts';

const DAY_MS = 86_400_000;

describe('cyrus-backups check, of a store', () => {
  let world: CheckedSite;
  let site: SampleSite;

  beforeEach(async () => {
    world = await CheckedSite.create();
    ({ site } = world);
  });
  afterEach(() => world.remove());

  describe('folders', () => {
    it('that are missing', async () => {
      renameSync(join(site.folder, 'data'), join(site.folder, 'unmounted'));
      const found = await world.wrong();
      expect(found.map(({ what }) => what)).to.include.members(['partition one', 'catalogue']);
      expect(JSON.stringify(found))
        .to.match(/it is not there/)
        .and.match(/the data file is not there/);
    });

    it('that other accounts may enter', async () => {
      chmodSync(join(site.folder, 'data'), 0o755);
      await world.expectOnly('warning', /partition one/, /mode 0755/, /chmod 0700/);
    });

    it('that are files', async () => {
      world.conf(`backuppartition-two: ${site.config}`);
      const found = await world.wrong();
      expect(JSON.stringify(found)).to.match(/partition two.*not a folder, but a file/);
    });

    it('with less free space than the reserve', async () => {
      writeFileSync(
        site.config,
        readFileSync(site.config, 'utf8').replace('reserve: 1K', 'reserve: 900000G'),
      );
      const { findings } = await world.check();
      const full = findings.filter(({ message }) => /no new mail is taken/.test(message));
      expect(full.map(({ what, level }) => [what, level])).to.deep.equal([['partition one', 'error']]);
    });

    it('of another account than the store’s', async function () {
      needs(this, 'root');
      chownSync(join(site.folder, 'conf'), 4711, 4711);
      for (const name of readdirSync(join(site.folder, 'conf')))
        chownSync(join(site.folder, 'conf', name), 4711, 4711);
      chmodSync(site.folder, 0o755);
      chmodSync(site.config, 0o644);
      const found = await world.wrong();
      expect(JSON.stringify(found)).to.match(
        /partition one.*belongs to uid 0, and 4711 may not write to it.*chown 4711/,
      );
    });
  });

  describe('passwords', () => {
    const file = (): string => join(site.folder, 'conf/backup.passwd');

    it('that were never set', async () => {
      unlinkSync(file());
      const found = await world.wrong();
      expect(JSON.stringify(found)).to.match(/no password has been set.*cyrus-backups passwd -C .* repluser/);
    });

    it('that are missing for an administrator', async () => {
      writeFileSync(site.config, readFileSync(site.config, 'utf8').replace('repluser', 'repluser other'));
      await world.expectOnly('warning', /no password for other/);
    });

    it('that others may read', async () => {
      chmodSync(file(), 0o644);
      await world.expectOnly('error', /open to others/, /chmod 0600/);
    });

    it('behind a link, which is not followed', async () => {
      renameSync(file(), `${file()}.real`);
      symlinkSync(`${file()}.real`, file());
      await world.expectOnly('error', /symbolic link/);
    });
  });

  describe('TLS', () => {
    let authority: Authority;
    beforeEach(() => {
      authority = new Authority(site.folder);
      world.useRealClock();
    });

    /** The store is of years ago by the real clock. */
    async function tlsFindings(): Promise<Finding[]> {
      return (await world.wrong()).filter(({ what }) => what === 'tls');
    }

    it('with a certificate that ends soon, or has ended', async () => {
      const { cert, key } = authority.issue('server', '/CN=localhost');
      chmodSync(key, 0o600);
      world.conf(`tls_server_cert: ${cert}`, `tls_server_key: ${key}`);
      expect(JSON.stringify(await tlsFindings())).to.match(/warning.*CN=localhost ends in 1 days/);
      world.setClock(Date.now() + 30 * DAY_MS);
      expect(JSON.stringify(await tlsFindings())).to.match(/error.*CN=localhost ended on 20/);
    });

    it('with a key that everybody may read, or of another certificate', async () => {
      const { cert, key } = authority.issue('server', '/CN=localhost');
      chmodSync(key, 0o644);
      world.conf(`tls_server_cert: ${cert}`, `tls_server_key: ${key}`);
      expect(JSON.stringify(await tlsFindings())).to.match(/error.*everybody may read the private key/);
      writeFileSync(key, readFileSync(authority.key));
      expect(JSON.stringify(await tlsFindings())).to.match(
        /the private key does not belong to the certificate/,
      );
    });

    it('with files that are missing, or FIFOs', async () => {
      execFileSync('mkfifo', [join(site.folder, 'fifo')]);
      world.conf(`tls_server_cert: ${site.folder}/none`, `tls_server_key: ${site.folder}/fifo`);
      const text = JSON.stringify(await tlsFindings());
      expect(text)
        .to.match(/none.*it is not there/)
        .and.match(/fifo.*not a file, but a FIFO/);
    });

    it('that is required, but has no certificate', async () => {
      world.conf('tls_required: yes');
      expect(JSON.stringify(await tlsFindings())).to.match(/nobody can log in/);
    });
  });

  describe('the store', () => {
    const database = (): string => join(site.folder, 'conf/backups.db');

    it('without a backups.db: not yet begun, unless there are data files', async () => {
      unlinkSync(database());
      await world.expectOnly(
        'error',
        /no entry of backups.db names this data file/,
        /anne_.*bob@/,
        /reconstruct/,
      );
      rmSync(join(site.folder, 'data'), { recursive: true });
      mkdirSync(join(site.folder, 'data'), { mode: 0o700 });
      expect(await world.wrong()).to.deep.equal([]);
    });

    it('with a damaged backups.db', async () => {
      const bytes = readFileSync(database());
      bytes.fill(0, 100, 400);
      writeFileSync(database(), bytes);
      await world.expectOnly('error', /backups.db/, /ctl_backups reconstruct/);
    });

    it('with an entry without its file', async () => {
      unlinkSync(site.pathOf('anne'));
      await world.expectOnly('error', /"anne"/, /the data file is not there/, /When a data file is gone/);
    });

    it('with a file without an entry', async () => {
      linkSync(site.pathOf('anne'), site.pathOf('anne').replace(/......$/, 'COPY01'));
      await world.expectOnly('error', /anne_COPY01/, /no entry/);
    });

    it('with a data file that is none, a link or a FIFO', async () => {
      const path = site.pathOf('anne');
      writeFileSync(path, 'no gzip');
      await world.expectOnly('error', /"anne"/, /does not begin as one/);
      unlinkSync(path);
      symlinkSync(site.pathOf('bob@example.com'), path);
      await world.expectOnly('error', /"anne"/, /cannot be read/);
      unlinkSync(path);
      execFileSync('mkfifo', [path]);
      await world.expectOnly('error', /"anne"/, /cannot be read/);
    });

    it('with data files that others may read', async () => {
      chmodSync(site.pathOf('anne'), 0o644);
      await world.expectOnly('warning', /"anne"/, /other accounts may read/);
    });

    it('whose newest line is in the future, or days ago', async () => {
      world.setClock((START_TIME - 100 * 86_400) * 1000);
      await world.expectOnly('error', /in the future/, /set the clock.*retime/);
      world.setClock((START_TIME + 5 * 86_400) * 1000);
      await world.expectOnly('warning', /nothing has been backed up for \d days/);
    });
  });

  describe('the port', () => {
    async function replacedBy(greeting: string | null): Promise<void> {
      world.backupd.close();
      world.backupd = await startGreeter(greeting);
    }

    it('at which nothing listens', async () => {
      const { arguments: own } = world;
      await new Promise((resolve) => world.backupd.close(resolve));
      const io = new Capture();
      await runCheckCommand([...own, '-q'], io);
      expect(io.out).to.match(/port: 127.0.0.1:\d+: backupd does not answer: nothing listens there/);
      await replacedBy(null);
    });

    it('at which another program listens', async () => {
      await replacedBy('* OK imap.example Cyrus IMAP 3.6 server ready\r\n');
      await world.expectOnly('error', /another program listens there/);
    });

    it('at which something listens and is silent, without waiting for ever', async function () {
      this.timeout(20_000);
      await replacedBy(null);
      await world.expectOnly('warning', /no greeting in 5 s/);
    });
  });
});
