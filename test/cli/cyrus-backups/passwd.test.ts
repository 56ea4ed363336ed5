import { expect } from 'chai';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { runPasswd, type PasswdIo } from '../../../src/cli/cyrus-backups/passwd.ts';
import { PasswordFile } from '../../../src/config/passwordFile.ts';

describe('cyrus-backups passwd', () => {
  let scratch: string;
  let config: string;
  let file: string;
  let said: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'passwd-'));
    config = join(scratch, 'imapd.conf');
    file = join(scratch, 'backup.passwd');
    writeFileSync(config, `configdirectory: ${scratch}\nadmins: anne\n`);
    said = '';
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  const sink = { write: (text: string): unknown => (said += text) };
  const piped = (text: string): PasswdIo => ({
    stdin: Readable.from([Buffer.from(text)]),
    stdout: sink,
    stderr: sink,
  });

  function terminal(...typed: string[]): PasswdIo & { modes: boolean[] } {
    const modes: boolean[] = [];
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (isRaw: boolean) => modes.push(isRaw),
    });
    for (const text of typed) stdin.write(text);
    return { stdin, stdout: sink, stderr: sink, modes };
  }

  it('reads one line from a pipe', async () => {
    expect(await runPasswd(['-C', config, 'anne'], piped('two words\nmore\n'))).to.equal(0);
    expect(await new PasswordFile(file).verify('anne', 'two words')).to.equal(true);
    expect(said).to.equal('');
  });

  it('asks twice on a terminal without showing it, and minds the erase key', async () => {
    const io = terminal('sekx', '\x7fret\r', 'sekret\r');
    expect(await runPasswd(['-C', config, 'anne'], io)).to.equal(0);
    expect(await new PasswordFile(file).verify('anne', 'sekret')).to.equal(true);
    expect(said).to.equal('New password: \nAgain: \n');
    expect(io.modes).to.deep.equal([true, false, true, false]);
    expect(await runPasswd(['-C', config, 'anne'], terminal('one\rother\r'))).to.equal(64);
    expect(said).to.include('differ');
    expect(await runPasswd(['-C', config, 'anne'], terminal('on\x03'))).to.equal(64);
    expect(await new PasswordFile(file).verify('anne', 'sekret')).to.equal(true);
  });

  it('deletes a user, once', async () => {
    await runPasswd(['-C', config, 'anne'], piped('pw\n'));
    expect(await runPasswd(['-C', config, '-d', 'anne'], piped(''))).to.equal(0);
    expect(new PasswordFile(file).lookup('anne')).to.equal(null);
    expect(await runPasswd(['-C', config, '-d', 'anne'], piped(''))).to.equal(66);
  });

  it('says what is wrong and changes nothing', async () => {
    expect(await runPasswd(['-C', config], piped('x\n'))).to.equal(64);
    expect(await runPasswd(['--bogus', 'anne'], piped('x\n'))).to.equal(64);
    expect(await runPasswd(['-C', config, 'anne', 'pw'], piped('x\n'))).to.equal(64);
    expect(said).to.include("Try 'cyrus-backups passwd --help'");
    expect(await runPasswd(['-C', config, 'anne'], piped(''))).to.equal(64);
    expect(await runPasswd(['-C', config, 'anne'], piped('\n'))).to.equal(64);
    expect(await runPasswd(['-C', join(scratch, 'none'), 'anne'], piped('x\n'))).to.equal(78);
    expect(existsSync(file)).to.equal(false);
  });
});
