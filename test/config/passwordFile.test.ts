import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '../../src/errors.ts';
import { PasswordFile, removePassword, setPassword } from '../../src/config/passwordFile.ts';

/** RFC 7677, section 3: user "user", password "pencil"; keys recomputed from its salt and count. */
const RFC_SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const RFC_STORED_KEY = 'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=';
const RFC_SERVER_KEY = 'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=';

const PASSWORD_FILE = new URL('../../src/config/passwordFile.js', import.meta.url).href;

describe('the password file', () => {
  let scratch: string;
  let path: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'passwd-'));
    path = join(scratch, 'backup.passwd');
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  it('tells right passwords from wrong ones, and holds none', async () => {
    await setPassword(path, 'anne@example.com', 'sécret');
    await setPassword(path, 'repl', 'replpw');
    const file = new PasswordFile(path);
    expect(await file.verify('anne@example.com', 'sécret')).to.equal(true);
    expect(await file.verify('anne@example.com', 'replpw')).to.equal(false);
    expect(await file.verify('repl', 'replpw')).to.equal(true);
    expect(await file.verify('nobody', 'replpw')).to.equal(false);
    expect(await file.verify('repl', '')).to.equal(false);
    expect(readFileSync(path, 'utf8')).to.not.include('replpw');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it('holds the keys of SCRAM-SHA-256 as the RFC computes them', async () => {
    writeFileSync(path, `user:SCRAM-SHA-256$4096:${RFC_SALT}$${RFC_STORED_KEY}:${RFC_SERVER_KEY}\n`, {
      mode: 0o600,
    });
    expect(await new PasswordFile(path).verify('user', 'pencil')).to.equal(true);
  });

  it('keeps both kinds of SCRAM, with no more iterations than sync_client takes', async () => {
    await setPassword(path, 'anne', 'one');
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines.map((line) => /^anne:(SCRAM-SHA-\d+)\$65536:/.exec(line)?.[1])).to.deep.equal([
      'SCRAM-SHA-256',
      'SCRAM-SHA-1',
    ]);
    for (const line of lines) {
      writeFileSync(path, `${line}\n`, { mode: 0o600 });
      expect(await new PasswordFile(path).verify('anne', 'one'), line).to.equal(true);
      expect(await new PasswordFile(path).verify('anne', 'two'), line).to.equal(false);
    }
    writeFileSync(path, `${lines[0]}\n${lines[0]}\n`, { mode: 0o600 });
    expect(() => new PasswordFile(path).lookup('anne')).to.throw(
      BackupError,
      'line 2: anne was there before',
    );
  });

  it('is read again when it changes, and none is nobody', async () => {
    const file = new PasswordFile(path);
    expect(await file.verify('anne', 'one')).to.equal(false);
    await setPassword(path, 'anne', 'one');
    expect(await file.verify('anne', 'one')).to.equal(true);
    await setPassword(path, 'anne', 'two');
    expect(await file.verify('anne', 'one')).to.equal(false);
    removePassword(path, 'anne');
    expect(await file.verify('anne', 'two')).to.equal(false);
    expect(() => removePassword(path, 'anne')).to.throw(BackupError, 'anne is not in');
    expect(existsSync(`${path}.new`)).to.equal(false);
  });

  it('takes as long for an unknown user as for a known one', async () => {
    await setPassword(path, 'anne', 'one');
    const file = new PasswordFile(path);
    const timeOf = async (user: string): Promise<number> => {
      const start = performance.now();
      for (let i = 0; i < 3; i++) await file.verify(user, 'wrong');
      return performance.now() - start;
    };
    await timeOf('anne');
    expect((await timeOf('nobody')) / (await timeOf('anne'))).to.be.within(0.2, 5);
  });

  it('is refused when others may read it, or the group may write it', async () => {
    await setPassword(path, 'anne', 'one');
    for (const mode of [0o644, 0o604, 0o660, 0o602]) {
      chmodSync(path, mode);
      expect(() => new PasswordFile(path).lookup('anne'), mode.toString(8)).to.throw(BackupError, path);
    }
    chmodSync(path, 0o640);
    await setPassword(path, 'bethany', 'x');
    expect(statSync(path).mode & 0o777).to.equal(0o640);
    expect(new PasswordFile(path).lookup('anne')).to.not.equal(null);
  });

  it('names the line that is not an entry', () => {
    const bad = [
      'anne:plain',
      'anne:SCRAM-SHA-256$0:AA==$AA==:AA==',
      `:SCRAM-SHA-256$1:AA==$${RFC_STORED_KEY}:AA==`,
    ];
    for (const line of bad) {
      writeFileSync(path, `# comment\n\n${line}\n`, { mode: 0o600 });
      expect(() => new PasswordFile(path).lookup('anne'), line).to.throw(BackupError, `${path}, line 3`);
    }
  });

  it('takes no name that would break its lines, and no empty password', async () => {
    for (const user of ['a:b', 'a\nb', '', '#a']) {
      expect(await setPassword(path, user, 'x').catch((error: unknown) => error)).to.be.instanceOf(
        BackupError,
      );
    }
    expect(await setPassword(path, 'a', '').catch((error: unknown) => error)).to.be.instanceOf(BackupError);
    expect(existsSync(path)).to.equal(false);
  });

  it('is changed after a passwd was killed: what it left behind once refused every later one', async () => {
    await setPassword(path, 'anne', 'one');
    writeFileSync(`${path}.new`, 'half of a fi');
    await setPassword(path, 'bethany', 'two');
    const file = new PasswordFile(path);
    expect(await file.verify('anne', 'one')).to.equal(true);
    expect(await file.verify('bethany', 'two')).to.equal(true);
    expect(existsSync(`${path}.new`)).to.equal(false);
  });

  it('loses no change where several processes make theirs at a time', async () => {
    const users = Array.from({ length: 6 }, (_, at) => `user${at}`);
    const program = `
      import { setPassword } from '${PASSWORD_FILE}';
      await setPassword(process.argv[1], process.argv[2], 'secret');`;
    const codes = await Promise.all(
      users.map(async (user) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, path, user]);
        const [code] = (await once(child, 'exit')) as [number];
        return code;
      }),
    );
    expect(codes).to.deep.equal(users.map(() => 0));
    const file = new PasswordFile(path);
    for (const user of users) expect(await file.verify(user, 'secret'), user).to.equal(true);
  });

  it('is never written through a link', async () => {
    const victim = join(scratch, 'victim');
    writeFileSync(victim, 'of somebody else', { mode: 0o600 });
    symlinkSync(victim, `${path}.new`);
    await setPassword(path, 'anne', 'one');
    rmSync(path);
    symlinkSync(victim, path);
    expect(await setPassword(path, 'anne', 'one').catch((error: unknown) => error)).to.have.property(
      'message',
      `${path} is a symbolic link, which is not followed`,
    );
    expect(readFileSync(victim, 'utf8')).to.equal('of somebody else');
  });
});
