/** The files that the `tls_` options name: what cannot be used is named, and nothing that is in it is told. */
import { expect } from 'chai';
import { symlinkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { BackupError } from '../../../src/errors.ts';
import { tlsOptions } from '../../../src/server/tls/files.ts';
import type { TlsSettings } from '../../../src/server/tls/files.ts';
import { Certified } from '../tlsServer.ts';

describe('the files of TLS', () => {
  let certified: Certified;
  let noPem: string;
  before(() => {
    certified = new Certified();
    noPem = join(certified.folder, 'no.pem');
    writeFileSync(noPem, 'hushhush');
  });
  after(() => certified.remove());

  it('one file may hold certificate and key, and two certificates may be of two kinds of key', () => {
    const { own, folder } = certified;
    const both = join(folder, 'both.pem');
    writeFileSync(both, readFileSync(own.cert, 'utf8') + readFileSync(own.key, 'utf8'));
    expect(tlsOptions(certified.settings({ certificateFiles: [both], keyFiles: [] }))).to.have.property(
      'key',
    );
    const rsa = { cert: join(folder, 'rsa.pem'), key: join(folder, 'rsa.key') };
    const files = ['-nodes', '-subj', '/CN=localhost', '-keyout', rsa.key, '-out', rsa.cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...files], { stdio: 'pipe' });
    const two = { certificateFiles: [rsa.cert, own.cert], keyFiles: [rsa.key, own.key] };
    expect(tlsOptions(certified.settings(two)).cert).to.have.length(2);
  });

  it('a directory of authorities is looked up by hashed names, as OpenSSL does', () => {
    const directory = join(certified.folder, 'cas');
    mkdirSync(directory);
    const settings = certified.settings({ clientCaDirectory: directory, clientCertificates: 'require' });
    symlinkSync(certified.ca.cert, join(directory, 'plain-name.pem'));
    expect(() => tlsOptions(settings)).to.throw(BackupError, 'tls_client_certs: require needs');
    symlinkSync(certified.ca.cert, join(directory, '0a1b2c3d.0'));
    expect(tlsOptions(settings)).to.deep.include({
      requestCert: true,
      ca: [readFileSync(certified.ca.cert, 'latin1')],
    });
  });

  it('clients are asked for nothing where nobody could vouch for it, or where it is turned off', () => {
    expect(tlsOptions(certified.settings()).requestCert).to.equal(false);
    const off = { clientCaFile: certified.ca.cert, clientCertificates: 'off' } as const;
    expect(tlsOptions(certified.settings(off)).requestCert).to.equal(false);
  });

  const bad: [what: string, changes: () => Partial<TlsSettings>, named: string][] = [
    [
      'a missing certificate',
      () => ({ certificateFiles: ['/nowhere/cert.pem'] }),
      'tls_server_cert /nowhere/cert.pem: no such file',
    ],
    ['a key that is none', () => ({ keyFiles: [noPem] }), 'tls_server_key: '],
    ['the key of another', () => ({ keyFiles: [certified.ca.key] }), 'tls_server_cert and tls_server_key '],
    ['authorities that are none', () => ({ clientCaFile: noPem }), 'tls_client_ca_file: '],
    ['a directory that is none', () => ({ clientCaDirectory: noPem }), 'tls_client_ca_dir '],
    ['a revocation list that is none', () => ({ crlFile: certified.own.cert }), 'tls_crl_file'],
    ['parameters that are none', () => ({ dhParametersFile: certified.own.cert }), 'tls_server_dhparam'],
    ['ciphers that nobody knows', () => ({ ciphers: 'NONESUCH', versions: ['tls1_2'] }), 'tls_ciphers'],
    ['a curve that nobody knows', () => ({ curve: 'nonesuch' }), 'tls_eccurve'],
    ['versions that nobody knows', () => ({ versions: ['ssl3'] }), 'tls_versions: ssl3'],
  ];
  for (const [what, changes, named] of bad) {
    it(`${what}: an error that names the option`, () => {
      expect(() => tlsOptions(certified.settings(changes())))
        .to.throw(BackupError, named)
        .with.property('kind', 'config');
      expect(() => tlsOptions(certified.settings(changes()))).to.not.throw('hushhush');
    });
  }
});
