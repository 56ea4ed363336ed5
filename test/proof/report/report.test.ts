/** Signed reports: what was changed, cut or removed is noticed. */
import { expect } from 'chai';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '../../../src/errors.ts';
import { ReportWriter, reportPaths } from '../../../src/proof/report/report.ts';
import { PUBLIC_NAME, SigningKey, readPublicKey } from '../../../src/proof/report/signingKey.ts';
import { readReport, verifyChain, verifyReport } from '../../../src/proof/report/verifyReport.ts';
import { makeFolder } from '../../support/machine.ts';

describe('signed reports', () => {
  let folder: string;
  let key: SigningKey;

  beforeEach(() => {
    folder = makeFolder('reports');
    key = SigningKey.open(folder);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function write(text: string): string {
    const options = { kind: 'prove', program: 'test', now: 1_795_000_000, head: { server: 'x' } } as const;
    const writer = ReportWriter.begin(folder, key, options);
    writer.write({ user: text });
    writer.finish({ users: 1 });
    return writer.path;
  }

  const publicKey = (): ReturnType<typeof readPublicKey> => readPublicKey(join(folder, PUBLIC_NAME));

  it('the key is made once, with mode 0600, and opened again', () => {
    expect(statSync(join(folder, 'key.pem')).mode & 0o777).to.equal(0o600);
    expect(SigningKey.open(folder).fingerprint).to.equal(key.fingerprint);
    expect(publicKey().fingerprint).to.equal(key.fingerprint);
  });

  it('a private key is not taken for a public one, nor garbage for a key', () => {
    expect(() => readPublicKey(join(folder, 'key.pem'))).to.throw(BackupError, 'no ed25519 public key');
    writeFileSync(join(folder, 'key.pem'), 'garbage');
    expect(() => SigningKey.open(folder)).to.throw(BackupError, 'no ed25519 private key');
  });

  it('a report that any byte of was changed, or that was cut anywhere, is refused', () => {
    const path = write('anne');
    const bytes = readFileSync(path);
    verifyReport(readReport(path), publicKey());
    const check = (changed: Buffer): void => {
      writeFileSync(path, changed);
      expect(() => verifyReport(readReport(path), publicKey())).to.throw(BackupError);
    };
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      // A base64 text ends in bits that mean nothing: two texts may be the same signature.
      const isSame = Buffer.from(textOf(changed), 'base64').equals(Buffer.from(textOf(bytes), 'base64'));
      if (!isSame || at < bytes.length - 100) check(changed);
      check(bytes.subarray(0, at));
    }
  });

  const textOf = (bytes: Buffer): string => /"signature":"([^"]*)"/.exec(bytes.toString())?.[1] ?? '';

  it('a report that was signed with another key is refused', () => {
    const path = write('anne');
    const other = makeFolder('other-key');
    SigningKey.open(other);
    expect(() => verifyReport(readReport(path), readPublicKey(join(other, PUBLIC_NAME)))).to.throw(
      BackupError,
      'signed with the key',
    );
    rmSync(other, { recursive: true });
  });

  it('reports of one second stay in order; one that was removed between two others is missed', () => {
    const paths = ['one', 'two', 'three', 'four'].map(write);
    expect(reportPaths(folder)).to.deep.equal(paths);
    expect(verifyChain(folder, publicKey())).to.deep.equal({ checked: 4, faults: [] });
    rmSync(paths[0] ?? '');
    expect(verifyChain(folder, publicKey()).faults, 'an old report may be deleted').to.deep.equal([]);
    rmSync(paths[2] ?? '');
    expect(verifyChain(folder, publicKey()).faults).to.have.lengthOf(1);
  });

  it('a report that was not finished has no name of its own', () => {
    const options = { kind: 'prove', program: 'test', now: 1_795_000_000, head: {} } as const;
    const writer = ReportWriter.begin(folder, key, options);
    writer.write({ user: 'anne' });
    writer.abandon();
    expect(reportPaths(folder)).to.deep.equal([]);
    expect(readdirSync(join(folder, 'reports'))).to.have.lengthOf(1);
  });
});
