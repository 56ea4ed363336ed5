/**
 * The Debian package and docs/guide/install.md, in an empty bookworm with systemd and a real Cyrus:
 * the page's command blocks are run as they stand there. Reports the minutes and the commands.
 */
import { expect } from 'chai';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DebianRoot } from '../support/debianRoot.ts';
import { commandCount, sectionsOf } from '../support/guideCommands.ts';
import { run } from '../support/machine.ts';
import { needs } from '../support/needs.ts';
import { buildPackage, olderPackage } from '../support/debianPackage.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const sections = sectionsOf(new URL('../../../docs/guide/install.md', import.meta.url));

function blocksOf(heading: string): readonly string[] {
  const blocks = sections.find((section) => section.heading === heading)?.blocks ?? [];
  expect(blocks, `command blocks under "${heading}"`).not.to.deep.equal([]);
  return blocks;
}

/** What a site has before: a user with three messages, and an administrator with a password. */
const SITE = `
sed -i -E '/^\\s*(pop3|nntp|http|sieve)\\s/d; s/listen="imap"/listen="127.0.0.1:imap"/' /etc/cyrus.conf
printf 'admins: cyrus\\nautocreate_post: yes\\n' >> /etc/imapd.conf
echo adminpw | saslpasswd2 -p -c cyrus
chgrp sasl /etc/sasldb2 && usermod -aG sasl cyrus
systemctl restart cyrus-imapd
for try in $(seq 100); do [ -S /run/cyrus/socket/lmtp ] && break; sleep 0.1; done
for n in 1 2 3; do
  printf 'From: bob@example.com\\r\\nTo: anne@example.com\\r\\nSubject: report %s\\r\\nDate: Fri, 20 Nov 2026 12:00:00 +0000\\r\\nMessage-ID: <%s@example.com>\\r\\n\\r\\nText %s.\\r\\n' $n $n $n | cyrus deliver anne
done
echo adminpw > admin-password
`;

/** Counts the messages on the Cyrus server, which are anne's. */
const MESSAGES = 'find /var/spool/cyrus/mail -name "[0-9]*." | wc -l';

describe('the Debian package', function () {
  this.timeout(900_000);
  // Each test goes on from the one before.
  this.bail(true);
  let folder: string;
  let deb: string;
  let root: DebianRoot;

  before(async function () {
    needs(
      this,
      'root',
      '/dev/fuse',
      'the package debootstrap',
      'the package debhelper',
      'the package lintian',
    );
    folder = mkdtempSync(join(tmpdir(), 'deb-'));
    [deb, root] = await Promise.all([
      buildPackage(folder),
      DebianRoot.make('bookworm', [
        'systemd',
        'systemd-sysv',
        'cyrus-imapd',
        'cyrus-replication',
        'sasl2-bin',
        'make',
        '+adduser',
        '+fuse3',
        '+libfuse2',
      ]),
    ]);
    copyFileSync(deb, join(root.path, 'cyrus-backups_0.1.0_amd64.deb'));
    copyFileSync(await olderPackage(deb), join(root.path, 'older.deb'));
    await root.boot();
    await root.ok(SITE);
  });

  after(async () => {
    await root?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('has nothing that lintian calls an error or warns of', async () => {
    const { stdout } = await run('lintian', ['--allow-root', deb], { timeoutMs: 300_000 });
    expect(stdout.split('\n').filter((line) => /^[EW]:/.test(line))).to.deep.equal([]);
  });

  it('leads to a first backup, a mount and a restored message by the commands of the guide', async () => {
    const started = performance.now();
    await root.ok(`cd / && ${blocksOf('From a Debian package').join('').trim()} 2>&1`);
    const [setup = '', replicate = '', look = '', restore = ''] = blocksOf('First backup');
    await root.ok(setup);
    await root.ok(replicate);
    expect(await root.ok(look)).to.contain('Text 1.');
    // Between the replication and the restore somebody removes a message.
    await root.ok('find /var/spool/cyrus/mail -name 1. -delete && cyrus reconstruct user.anne');
    expect(await root.ok(MESSAGES)).to.equal('2\n');
    await root.ok(restore);
    expect(await root.ok(MESSAGES)).to.equal('3\n');
    const minutes = (performance.now() - started) / 60_000;
    const count = commandCount([...blocksOf('From a Debian package'), ...blocksOf('First backup')]);
    process.stderr.write(`      ${count} commands, ${minutes.toFixed(1)} minutes\n`);
    expect(count).to.be.at.most(10);
  });

  it('runs its services in their sandbox', async () => {
    const active = await root.ok(
      'systemctl is-active backupd cyrus-backups-mount@backups cyrus-backups-compact.timer cyrus-backups-verify.timer',
    );
    expect(active).to.equal('active\n'.repeat(4));
    // Compaction may end with another code than 0 where there is nothing to compact.
    await root.ok('systemctl start cyrus-backups-verify; systemctl start cyrus-backups-compact || true');
    const log = await root.ok('journalctl --no-pager -u cyrus-backups-verify -u cyrus-backups-compact');
    expect(log).to.match(/verify anne: ok/);
    expect(log).to.match(/compact anne/);
  });

  it('starts a backupd again that no longer answers', async () => {
    await root.ok(`mkdir -p /run/systemd/system/backupd.service.d
printf '[Service]\\nWatchdogSec=2s\\nRestartSec=100ms\\n' > /run/systemd/system/backupd.service.d/test.conf
systemctl daemon-reload && systemctl restart backupd
kill -STOP $(systemctl show -p MainPID --value backupd)
for try in $(seq 150); do [ $(systemctl show -p NRestarts --value backupd) = 0 ] || break; sleep 0.2; done
systemctl show -p NRestarts backupd | grep -v =0
for try in $(seq 50); do systemctl is-active -q backupd && break; sleep 0.2; done
systemctl is-active backupd
rm -r /run/systemd/system/backupd.service.d && systemctl daemon-reload && systemctl restart backupd`);
  });

  it('starts backupd with the first connection to its socket', async () => {
    await root.ok(`systemctl stop backupd && systemctl start backupd.socket
cyrus sync_client -n backup -A && systemctl is-active backupd
systemctl stop backupd.socket backupd && systemctl start backupd`);
  });

  it('is upgraded with backupd running, and keeps backups, configuration and services', async () => {
    await root.ok('systemctl stop cyrus-backups-mount@backups && dpkg -i /older.deb 2>&1');
    const pid = await root.ok('systemctl show -p MainPID --value backupd');
    const conf = await root.ok('cat /etc/cyrus-backups/imapd.conf');
    await root.ok('dpkg -i /cyrus-backups_*.deb 2>&1');
    expect(await root.ok('systemctl is-active backupd')).to.equal('active\n');
    expect(await root.ok('systemctl show -p MainPID --value backupd'), 'restarted').not.to.equal(pid);
    expect(await root.ok('cat /etc/cyrus-backups/imapd.conf')).to.equal(conf);
    expect(await root.ok('ctl_backups verify anne')).to.contain('ok');
  });

  it('places its files beside those of cyrus-common, and its commands are found', async () => {
    expect(await root.ok('dpkg -S /usr/lib/cyrus/bin/ctl_backups')).to.match(/^cyrus-common:/);
    expect(await root.ok('readlink -f $(command -v ctl_backups)')).to.equal(
      '/usr/lib/cyrus-backups/dist/bin/ctl_backups\n',
    );
    expect(await root.ok('dpkg --verify cyrus-backups')).to.equal('');
  });

  it('runs without systemd by the commands of the guide', async () => {
    await root.ok('systemctl stop backupd');
    const [start = '', end = ''] = blocksOf('Without systemd');
    await root.ok(start);
    expect(await root.ok('cat /backups/anne/INBOX/2.eml')).to.contain('Text 2.');
    await root.ok(
      'for try in $(seq 100); do cyrus sync_client -n backup -A && exit; sleep 0.2; done; exit 1',
    );
    await root.ok(end);
  });

  it('is purged without a backup lost, and says where they are', async () => {
    const files = 'find /var/spool/cyrus-backups /etc/cyrus-backups -type f | sort';
    const before = await root.ok(files);
    const said = await root.ok(`${blocksOf('Upgrade and removal').join('').trim()} 2>&1`);
    expect(said).to.match(/the backups are kept: .*\/var\/spool\/cyrus-backups/);
    expect(await root.ok(files)).to.equal(before);
    const left = await root.ok('find / -xdev -name "*cyrus-backups*" -o -xdev -name "*ctl_backups*" | sort');
    expect(
      left
        .split('\n')
        .filter(
          (path) =>
            !/^\/(var\/(lib|spool|cache|log)|etc|run|cyrus-backups_|usr\/(lib\/cyrus|share\/man)|tmp)/.test(
              path,
            ),
        ),
    ).to.deep.equal(['']);
    expect(
      await root.ok('ls /usr/lib/cyrus-backups /usr/bin/backupd 2>&1 | grep -c "No such file"'),
    ).to.equal('2\n');
  });

  it('leaves nothing behind once the backups were deleted by hand', async () => {
    await root.ok(
      'rm -r /var/spool/cyrus-backups /var/lib/cyrus-backups /etc/cyrus-backups && deluser --quiet cyrus-backups',
    );
    await root.ok('dpkg -i /cyrus-backups_*.deb 2>&1 && dpkg --purge cyrus-backups 2>&1');
    const left = await root.ok(`getent passwd cyrus-backups || true
for path in /etc/cyrus-backups /var/lib/cyrus-backups /var/spool/cyrus-backups /etc/default/cyrus-backups; do
  [ ! -e $path ] || echo $path
done`);
    expect(left).to.equal('');
  });

  it('has an equal from source, by the commands of the guide', async () => {
    // The checkout as `make` leaves it, with the Node of this machine; npm's downloads are left out.
    const checkout = join(root.path, 'root/cyrus-backups');
    const names = readdirSync(ROOT).filter((name) => !name.startsWith('.') && name !== 'coverage');
    mkdirSync(checkout);
    const { code, stderr } = await run('cp', ['-a', ...names, checkout], { cwd: ROOT });
    expect(code, stderr).to.equal(0);
    cpSync(process.execPath, join(root.path, 'usr/local/bin/node'));
    await root.ok(
      `touch ~/cyrus-backups/node_modules/.package-lock.json; cd ~/cyrus-backups; ${blocksOf('From source').join('')}`,
    );
    const [setup = '', replicate = '', look = ''] = blocksOf('First backup');
    await root.ok(setup);
    await root.ok(
      replicate
        .split('\n')
        .filter((line) => !line.startsWith('printf'))
        .join('\n'),
    );
    // The message that was restored above has another UID now.
    expect(await root.ok(look.replace('1.eml', '2.eml'))).to.contain('Text 2.');
    await root.ok(
      'systemctl disable --now backupd cyrus-backups-mount@backups cyrus-backups-compact.timer cyrus-backups-verify.timer',
    );
    await root.ok(
      'cd ~/cyrus-backups && make uninstall && ! find /usr/local /sbin/ -name "*backup*" | grep .',
    );
    expect(await root.ok('find /var/spool/cyrus-backups -name "anne*" | wc -l')).not.to.equal('0\n');
  });
});
