import { expect } from 'chai';

import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteDatabase as Sqlite } from '../../src/index/store/sqlite.ts';
import { StatusReader } from '../../src/status/statusReader.ts';
import { StatusWriter } from '../../src/status/statusWriter.ts';
import { WHOLE_STORE, newest } from '../../src/status/types.ts';
import type { NewResult, UserResults } from '../../src/status/types.ts';

describe('the status store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'status-'));
  const backupsDb = join(folder, 'backups.db');
  const path = join(folder, 'status.db');
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const sync = { userid: 'anne', kind: 'sync', isOk: true, at: 10 } as const;

  beforeEach(() => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true, recursive: true });
    warnings.length = 0;
  });

  after(() => rmSync(folder, { recursive: true }));

  function written(work: (writer: StatusWriter) => void): void {
    const writer = StatusWriter.open(backupsDb, { warn });
    work(writer);
    writer.close();
  }

  function record(...results: readonly NewResult[]): void {
    written((writer) => results.forEach((result) => writer.recordResult(result)));
  }

  function read<T>(work: (reader: StatusReader) => T): T {
    const reader = StatusReader.open(backupsDb, warn);
    try {
      return work(reader);
    } finally {
      reader.close();
    }
  }

  const user = (userid: string): UserResults => read((reader) => reader.readUser(userid));

  it('keeps of each kind the newest success and the newest failure', () => {
    record(
      { ...sync, figures: { mailboxes: 6 }, master: '192.0.2.1' },
      { ...sync, isOk: false, at: 12, reason: 'locked' },
    );
    record({ ...sync, kind: 'verify', at: 11 });
    const { ok, failed } = user('anne');
    expect(ok.sync).to.include({ at: 10, isOk: true, master: '192.0.2.1' });
    expect(ok.sync?.figures).to.deep.equal({ mailboxes: 6 });
    expect(failed.sync).to.include({ at: 12, since: 12, reason: 'locked' });
    expect(ok.verify?.at).to.equal(11);
    expect(failed.verify).to.equal(undefined);
  });

  it('keeps the number of missing messages until a result names another', () => {
    record({ ...sync, figures: { missing: 3 } });
    record({ ...sync, at: 11, figures: { new: 1 } });
    expect(user('anne').ok.sync?.figures).to.deep.equal({ new: 1, missing: 3 });
    record({ ...sync, at: 12, figures: { missing: 0 } });
    expect(user('anne').ok.sync?.figures).to.deep.equal({ missing: 0 });
  });

  it('an older result never replaces a newer one', () => {
    record(sync);
    record({ ...sync, at: 5 });
    expect(user('anne').ok.sync?.at).to.equal(10);
  });

  it('knows since when a user fails: since the first failure after the last success', () => {
    record({ ...sync, isOk: false, at: 3 }, sync);
    record({ ...sync, isOk: false, at: 12 });
    record({ ...sync, isOk: false, at: 14 });
    const results = user('anne');
    expect(results.failed.sync).to.include({ at: 14, since: 12 });
    expect(newest(results, 'sync')?.isOk).to.equal(false);
    record({ ...sync, at: 20 });
    record({ ...sync, isOk: false, at: 21 });
    expect(user('anne').failed.sync).to.include({ at: 21, since: 21 });
  });

  it('lists users in pages of whole users, without the results of the whole store', () => {
    record(
      ...['bob', 'anne', 'céline'].flatMap((userid) => [
        { ...sync, userid },
        { ...sync, userid, isOk: false },
        { ...sync, userid, kind: 'compact' as const },
      ]),
      { ...sync, userid: WHOLE_STORE, kind: 'scrub' },
    );
    const [first, second] = read((reader) => [reader.readUsers(WHOLE_STORE, 2), reader.readUsers('bob', 2)]);
    expect(first?.map(({ userid }) => userid)).to.deep.equal(['anne', 'bob']);
    expect(first?.every(({ ok, failed }) => ok.sync && ok.compact && failed.sync)).to.equal(true);
    expect(second?.map(({ userid }) => userid)).to.deep.equal(['céline']);
    expect(user(WHOLE_STORE).ok.scrub?.at).to.equal(10);
  });

  it('follows a rename and a removal, in the order in which they were recorded', () => {
    written((writer) => {
      writer.recordResult(sync);
      writer.recordRename('anne', 'anna');
      writer.recordResult({ ...sync, userid: 'bob' });
      writer.recordRemoval('bob');
      writer.recordResult({ ...sync, userid: 'carl' });
      writer.recordRemoval('carl');
      writer.recordResult({ ...sync, userid: 'carl', at: 11 });
    });
    expect(user('anne').ok).to.deep.equal({});
    expect(user('anna').ok.sync?.at).to.equal(10);
    expect(user('bob').ok).to.deep.equal({});
    expect(user('carl').ok.sync?.at).to.equal(11);
  });

  it('adds up counters of several writers, and keeps gauges and masters', () => {
    const [one, two] = [StatusWriter.open(backupsDb, { warn }), StatusWriter.open(backupsDb, { warn })];
    one.recordCount('refusals', 'locked');
    one.recordCount('refusals', 'locked');
    two.recordCount('refusals', 'locked', 3);
    one.recordGauge('free', '/a', 5, 1);
    one.recordMaster({ host: '192.0.2.1', seenAt: Date.now() / 1000, rollingAt: 7 });
    two.recordMaster({ host: '192.0.2.1', seenAt: 1, lagSeconds: 2 });
    one.close();
    two.close();
    const [counters, gauges, masters] = read((reader) => [
      reader.readCounters(),
      reader.readGauges(),
      reader.readMasters(),
    ]);
    expect(counters).to.deep.equal([{ name: 'refusals', label: 'locked', value: 5 }]);
    expect(gauges).to.deep.equal([{ name: 'free', label: '/a', value: 5, at: 1 }]);
    expect(masters).to.have.length(1);
    expect(masters?.[0]).to.include({ host: '192.0.2.1', rollingAt: 7, lagSeconds: 2 });
    expect(masters?.[0]?.seenAt).to.be.greaterThan(1);
  });

  it('is readable by its owner alone', () => {
    record(sync);
    expect(statSync(path).mode % 0o1000).to.equal(0o600);
  });

  it('absence is no fault: nothing is known, nothing is made by a reader, nothing is said', () => {
    expect(user('anne')).to.deep.equal({ userid: 'anne', ok: {}, failed: {} });
    expect(existsSync(path)).to.equal(false);
    expect(warnings).to.deep.equal([]);
  });

  const damaged: [string, () => void][] = [
    ['garbage', () => writeFileSync(path, 'garbage '.repeat(1000))],
    ['empty', () => writeFileSync(path, '')],
    ['a link', () => symlinkSync('/nonexistent', path)],
    ['a folder', () => mkdirSync(path)],
    ['of an older version', () => void new Sqlite(path).exec('CREATE TABLE result (a)').close()],
    [
      'of the same version with a trigger',
      () => {
        record(sync);
        new Sqlite(path)
          .exec('CREATE TRIGGER t AFTER INSERT ON result BEGIN DELETE FROM result; END')
          .close();
      },
    ],
  ];
  for (const [what, damage] of damaged) {
    it(`that is ${what} is said once by a reader, and made anew by a writer`, () => {
      damage();
      expect(user('anne').ok).to.deep.equal({});
      expect(warnings).to.have.length(1);
      record(sync);
      expect(user('anne').ok.sync?.at).to.equal(10);
      expect(warnings).to.have.length(2);
    });
  }

  it('damage under an open writer costs what was written, not what is recorded later', () => {
    const writer = StatusWriter.open(backupsDb, { warn });
    writer.recordResult({ ...sync, userid: 'bob' });
    writer.flush();
    writeFileSync(`${path}.other`, 'garbage '.repeat(1000));
    rmSync(path);
    record({ ...sync, userid: 'carl' });
    writer.recordResult(sync);
    expect(writer.flush()).to.equal(true);
    writer.close();
    expect(user('anne').ok.sync?.at).to.equal(10);
    expect(user('carl').ok.sync?.at).to.equal(10);
  });

  it('of a newer version stays as it is, and is not used', () => {
    const db = new Sqlite(path);
    db.pragma('user_version = 99');
    db.close();
    record(sync);
    expect(user('anne').ok).to.deep.equal({});
    expect(warnings[0]).to.contain('newer version');
    expect(Number(new Sqlite(path).pragma('user_version', { simple: true }))).to.equal(99);
  });

  it('that is locked by another writer keeps what was recorded for the next flush', () => {
    record({ ...sync, userid: 'bob' });
    const other = new Sqlite(path);
    other.exec('BEGIN IMMEDIATE');
    const writer = StatusWriter.open(backupsDb, { warn, busyTimeoutMs: 0 });
    writer.recordResult(sync);
    expect(writer.flush()).to.equal(false);
    other.exec('COMMIT');
    other.close();
    expect(writer.flush()).to.equal(true);
    writer.close();
    expect(user('anne').ok.sync?.at).to.equal(10);
    expect(warnings).to.deep.equal([]);
  });

  it('in a folder that is missing is said once, with how much is lost', () => {
    const writer = StatusWriter.open(join(folder, 'nowhere/backups.db'), { warn });
    writer.recordResult(sync);
    expect(writer.flush()).to.equal(false);
    writer.close();
    expect(warnings).to.have.length(2);
    expect(warnings.join('\n')).to.contain('nowhere/status.db').and.contain('1 results');
  });

  it('bounds what waits in memory, and what it keeps of a reason', () => {
    const writer = StatusWriter.open(join(folder, 'nowhere/backups.db'), { warn });
    for (let at = 0; at < 20_010; at += 1) writer.recordResult({ ...sync, userid: `u${at}` });
    expect(warnings.filter((text) => text.includes('too many results'))).to.have.length(1);
    writer.close();
    record({ ...sync, isOk: false, reason: 'x'.repeat(100_000) });
    expect(user('anne').failed.sync?.reason).to.have.length(500);
  });

  it('flushes by itself, in several transactions', async () => {
    const writer = StatusWriter.open(backupsDb, { warn, busyTimeoutMs: 0 });
    writer.flushEvery(5);
    for (let at = 0; at < 600; at += 1)
      writer.recordResult({ ...sync, userid: `u${String(at).padStart(3, '0')}` });
    const deadline = Date.now() + 10_000;
    while (user('u599').ok.sync === undefined && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(user('u599').ok.sync?.at).to.equal(10);
    writer.close();
  });

  it('ignores figures and kinds that it does not know', () => {
    record({ ...sync, figures: { new: 1 } });
    const db = new Sqlite(path);
    db.exec(`UPDATE result SET figures = '{"new":"x","bytes":2}'`);
    db.exec(`INSERT INTO result SELECT userid, 'future', ok, at, since, reason, '[', master FROM result`);
    db.close();
    expect(user('anne').ok.sync?.figures).to.deep.equal({ bytes: 2 });
  });
});
