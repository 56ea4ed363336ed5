/** `cyrus-backups search` and `search-index`, as they are run. */
import { expect } from 'chai';
import { appendFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { runCyrusBackups } from '../../../src/cli/cyrus-backups/main.ts';
import { searchIndexPath } from '../../../src/search/store/searchIndex.ts';
import { START } from '../../support/backups.ts';
import { annesStore } from '../../support/mailStore.ts';
import type { MailStore } from '../../support/mailStore.ts';

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('cyrus-backups search', () => {
  let store: MailStore;
  beforeEach(async () => (store = await annesStore()));
  afterEach(() => store.remove());

  async function cyrusBackups(command: string, ...args: string[]): Promise<Result> {
    let [out, err] = ['', ''];
    const io = {
      stdin: process.stdin,
      stdout: { write: (text: string | Uint8Array) => (out += Buffer.from(text).toString()) },
      stderr: { write: (text: string | Uint8Array) => (err += Buffer.from(text).toString()) },
    };
    const code = await runCyrusBackups([command, '-C', store.conf, ...args], io);
    return { code, out, err };
  }
  const search = (...args: string[]): Promise<Result> => cyrusBackups('search', ...args);
  const fieldsOf = ({ out }: Result): string[][] =>
    out
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));

  it('prints user, mailbox, UID, date, sender, subject and path, the newest first', async () => {
    const result = await search('-u', 'anne', 'number -subject:7');
    expect(result.code).to.equal(0);
    expect(
      fieldsOf(result).map(([user, mailbox, uid, , from, subject, path]) => [
        user,
        mailbox,
        uid,
        from,
        subject,
        path,
      ]),
    )
      .to.deep.include(['anne', '2024', '9', 'Carl <carl@example.com>', 'number 4', 'anne/2024/9.eml'])
      .and.to.deep.include([
        'anne',
        'INBOX',
        '1 deleted',
        'Carl <carl@example.com>',
        'number 1',
        'anne/.deleted/INBOX/1.eml',
      ]);
    const dates = fieldsOf(result).map(([, , , date]) => date ?? '');
    expect(dates).to.deep.equal(dates.toSorted((a, b) => b.localeCompare(a)));
    expect(result.err).to.match(/messages were read because no search index has them/);
  });

  it('counts, prints JSON a line, and takes the newest only', async () => {
    expect((await search('-A', '--count', 'number')).out).to.equal('10\n');
    const { out } = await search('-A', '--json', '--limit', '2', 'number');
    const hits = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(hits).to.have.length(2);
    expect(hits[0]).to.deep.include({
      user: 'anne',
      mailbox: '2024',
      uid: 9,
      subject: 'number 4',
      deleted: false,
    });
    expect(hits[0])
      .to.have.property('guid')
      .that.matches(/^[0-9a-f]{40}$/);
  });

  it('finds what was there at a time', async () => {
    const paths = fieldsOf(await search('-u', 'anne', `number is:living in:INBOX at:@${START + 150}`)).map(
      (fields) => fields.at(-1),
    );
    const at = new Date((START + 150) * 1000).toISOString().replace('.000Z', 'Z');
    expect(paths).to.have.members([1, 2, 3].map((uid) => `anne/.at/${at}/INBOX/${uid}.eml`));
  });

  it('a mistake in the query is a usage error that says where', async () => {
    const { code, err } = await search('-u', 'anne', 'frm:x');
    expect(code).to.equal(64);
    expect(err).to.match(/^cyrus-backups search: query: frm: is no field .* at column 1 of: frm:x\n$/);
  });

  it('says whose mail is to be named, and which user is not there', async () => {
    expect(await search('x')).to.deep.include({ code: 64 });
    const { code, err } = await search('-u', 'nobody', '-u', 'bob', 'number');
    expect(code).to.equal(75);
    expect(err).to.include('nobody');
  });

  it('a backup that cannot be read is named, and the others are searched', async () => {
    const { path } = await store.backup('bob');
    renameSync(path, `${path}.away`);
    const { out, code, err } = await search('-A', '--count', 'number');
    expect([out, code]).to.deep.equal(['9\n', 75]);
    expect(err).to.match(/^cyrus-backups search: bob: /m);
    renameSync(`${path}.away`, path);
  });

  it('--files needs a mount, or to be told where', async () => {
    const { code, err } = await search('-u', 'anne', '--files', '--mountpoint', '/backups/', 'in:2024');
    expect(code).to.equal(0);
    expect(err).to.not.include('usage');
    expect(
      (await search('-u', 'anne', '--files', '--mountpoint', '/backups/', 'in:2024 -from:nobody')).out
        .split('\0')
        .toSorted(),
    ).to.deep.equal(['', '/backups/anne/2024/7.eml', '/backups/anne/2024/9.eml']);
  });

  it('hostile subjects and names print no control character', async () => {
    await store.put('eve', 0, 'user.eve', [[1, 1]]);
    expect((await search('-u', 'eve', 'number')).out).to.not.match(/[\x00-\x08\x0b-\x1f\x7f]/);
  });

  it('search-index builds what the configuration says, and removes what it does not want', async () => {
    const { path } = await store.backup('anne');
    expect((await cyrusBackups('search-index', '-A')).code).to.equal(0);
    expect(existsSync(searchIndexPath(path))).to.equal(false);
    const before = readFileSync(store.conf);
    appendFileSync(store.conf, 'backup_search_index: yes\nbackup_search_index_for: bob=no\n');
    const { code, out } = await cyrusBackups('search-index', '-A', '-v');
    expect(code).to.equal(0);
    expect(out).to.match(/^anne: 8 messages added/m);
    expect(statSync(searchIndexPath(path)).mode & 0o777).to.equal(0o600);
    expect(existsSync(searchIndexPath((await store.backup('bob')).path))).to.equal(false);
    expect((await search('-u', 'anne', 'number')).err).to.equal('');
    expect((await cyrusBackups('search-index', 'anne', '-v')).out).to.match(/^anne: 0 messages added/);
    writeFileSync(store.conf, before);
    await cyrusBackups('search-index', '-A');
    expect(existsSync(searchIndexPath(path))).to.equal(false);
  });

  it('an exception that makes no sense is a configuration error', async () => {
    appendFileSync(store.conf, 'backup_search_index_for: bob=maybe\n');
    const { code, err } = await cyrusBackups('search-index', 'anne');
    expect(code).to.equal(75);
    expect(err).to.include('backup_search_index_for: bob=maybe is not USER=VALUE');
  });
});
