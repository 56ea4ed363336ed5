import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { BackupError, openStore } from '../src/index.ts';
import { MESSAGES, SampleSite, START_TIME, guidOf } from './backup/sampleBackup.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

describe('the public API', () => {
  let sample: SampleSite;

  before(async () => {
    sample = await SampleSite.create(['anne']);
  });

  after(() => sample.remove());

  it('lists users and mailboxes, and streams every message as it was sent', async () => {
    const store = openStore({ config: sample.config });
    expect([...store.users()]).to.deep.equal(['anne']);
    const backup = store.backup('anne');
    const [inbox, ...others] = backup.mailboxes();
    expect(inbox?.path).to.deep.equal(['INBOX']);
    expect(others.length).to.be.greaterThan(0);
    const seen = new Set<string>();
    for (const mailbox of backup.mailboxes()) {
      for (const record of backup.records(mailbox)) {
        const bytes = await buffer(backup.message(record.guid));
        expect(guidOf(bytes)).to.equal(record.guid);
        expect(bytes.length).to.equal(record.sizeBytes);
        expect(record.isStored).to.equal(true);
        seen.add(record.guid);
      }
    }
    expect([...seen].toSorted()).to.deep.equal(MESSAGES.map(guidOf).toSorted());
    backup.close();
    store.close();
  });

  it('shows a backup as it was at a time', () => {
    const store = openStore({ config: sample.config });
    const first = store.backup('anne', { at: new Date(START_TIME * 1000) });
    expect(first.mailboxes().map(({ path }) => path.join('/'))).to.deep.equal(['INBOX']);
    first.close();
    const tooEarly = { at: new Date((START_TIME - 1) * 1000) };
    expect(() => store.backup('anne', tooEarly)).to.throw(BackupError, 'the backup of anne begins');
    store.close();
  });

  it('names what it does not find', async () => {
    const store = openStore({ config: sample.config });
    expect(() => store.backup('nobody')).to.throw(BackupError, 'nobody has no backup');
    const backup = store.backup('anne');
    expect(() => [...backup.records({ uniqueid: 'none' })]).to.throw(BackupError, 'no mailbox none');
    const failure = await buffer(backup.message('0'.repeat(40))).catch((error: unknown) => error);
    expect((failure as BackupError).kind).to.equal('not-found');
    backup.close();
    store.close();
  });

  it('fails a stream whose bytes are not those of the GUID', async () => {
    const damaged = await SampleSite.create(['anne']);
    try {
      const bytes = readFileSync(damaged.pathOf('anne'));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x10;
      writeFileSync(damaged.pathOf('anne'), bytes);
      const store = openStore({ config: damaged.config });
      const backup = store.backup('anne');
      const outcomes = await Promise.all(
        MESSAGES.map(async (message) => {
          const read = await buffer(backup.message(guidOf(message))).catch((error: unknown) => error);
          return read instanceof BackupError ? read.kind : message.equals(read as Buffer);
        }),
      );
      expect(outcomes).to.not.include(false);
      expect(outcomes).to.include('damaged');
      backup.close();
      store.close();
    } finally {
      damaged.remove();
    }
  });

  it('the example of docs/reference/api.md runs against the package as it is published', () => {
    const folder = mkdtempSync(join(tmpdir(), 'api-'));
    try {
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(ROOT, join(folder, 'node_modules/cyrus-backups'));
      const [, code] =
        /```js\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'docs/reference/api.md'), 'utf8')) ?? [];
      writeFileSync(join(folder, 'example.mjs'), (code ?? '').replace('/etc/imapd.conf', sample.config));
      const printed = execFileSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8' });
      const messages = readdirSync(folder).filter((name) => name.endsWith('.eml'));
      expect(messages.length).to.be.greaterThan(0);
      expect(printed.trim().split('\n').length).to.equal(messages.length);
      const guids = messages.map((name) => guidOf(readFileSync(join(folder, name))));
      expect(new Set(guids)).to.deep.equal(new Set(MESSAGES.map(guidOf)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('its types stand without the development dependencies', () => {
    const folder = mkdtempSync(join(tmpdir(), 'api-'));
    try {
      mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
      symlinkSync(ROOT, join(folder, 'node_modules/cyrus-backups'));
      for (const name of ['@types/node', 'undici-types'])
        symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
      const lines = [
        "import { openStore, BackupError, type MailRecord } from 'cyrus-backups';",
        "const store = openStore({ config: 'x' });",
        "const at: MailRecord | undefined = store.backup('anne').records({ uniqueid: 'u' }).next().value;",
        "if (at?.uid === 1) throw new BackupError('not-found', 'none');",
        '// @ts-expect-error a userid is text',
        'store.backup(1);',
      ];
      writeFileSync(join(folder, 'user.ts'), lines.join('\n'));
      const options = [
        '--noEmit',
        '--strict',
        '--module',
        'nodenext',
        '--types',
        'node',
        '--preserveSymlinks',
        'user.ts',
      ];
      const tsc = join(ROOT, 'node_modules/.bin/tsc');
      expect(spawnSync(tsc, options, { cwd: folder, encoding: 'utf8' }).stdout).to.equal('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('the published package holds the API with its types, and every file that it needs', () => {
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(listed) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).to.include.members(['dist/src/index.js', 'dist/src/index.d.ts', 'LICENSE', 'README.md']);
    expect(paths.filter((path) => path.startsWith('dist/test') || path.startsWith('src/'))).to.deep.equal([]);
  });
});
