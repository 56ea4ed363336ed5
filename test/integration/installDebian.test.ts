import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../build/install-debian.sh', import.meta.url));

describe('build/install-debian.sh', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'debian-'));
    mkdirSync(join(folder, 'bin'));
    copyFileSync(SCRIPT, join(folder, 'install-debian.sh'));
    writeFileSync(
      join(folder, 'debian-packages.txt'),
      '# comment\ncyrus-imapd\ndovecot-imapd\nnew-a | new-b\n',
    );
    fake('id', 'echo 0');
    fake('dpkg-query', 'case "$*" in *cyrus-imapd*) echo "install ok installed" ;; *) exit 1 ;; esac');
    fake('apt-cache', 'case "$*" in *new-a*) exit 1 ;; esac');
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function fake(name: string, script: string): void {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }

  /** An apt-get whose plan has these lines, and that notes what it is asked for in earnest. */
  function fakeApt(...plan: string[]): void {
    const lines = plan.map((line) => `echo '${line}'`).join('; ');
    fake('apt-get', `case "$*" in *-s*) ${lines} ;; *install*) echo "$*" >> '${folder}/done' ;; esac`);
  }

  function run(): { status: number | null; stderr: string; done: string } {
    const env = { PATH: `${folder}/bin:${process.env['PATH']}`, POLICY_RC_D: join(folder, 'policy') };
    const { status, stderr } = spawnSync('sh', [join(folder, 'install-debian.sh')], {
      env,
      encoding: 'utf8',
    });
    const done = existsSync(join(folder, 'done')) ? readFileSync(join(folder, 'done'), 'utf8') : '';
    return { status, stderr, done };
  }

  it('installs what is missing, where nothing is removed for it', () => {
    fakeApt('Inst dovecot-imapd (1:2.3 Debian)', 'Inst new-b (1 Debian)', 'Conf new-b (1 Debian)');
    const { status, stderr, done } = run();
    expect(status, stderr).to.equal(0);
    expect(done).to.match(/install .*--no-remove .*dovecot-imapd new-b$/m);
    expect(existsSync(join(folder, 'policy'))).to.equal(false);
  });

  it('installs nothing where a package that is there would go: it once removed an IMAP server', () => {
    fakeApt(
      'Remv cyrus-imapd [3.6.1]',
      'Remv cyrus-replication [3.6.1]',
      'Inst dovecot-imapd (1:2.3 Debian)',
    );
    const { status, stderr, done } = run();
    expect(status).to.equal(1);
    expect(done).to.equal('');
    expect(stderr).to.match(
      /would remove packages that are there:\n {2}cyrus-imapd\n {2}cyrus-replication\n/,
    );
    expect(stderr).to.match(/mark the one that conflicts with them as 'unpacked'/);
  });
});
