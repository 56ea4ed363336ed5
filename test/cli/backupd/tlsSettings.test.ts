/** The `tls_` options of imapd.conf: Cyrus' names old and new, its defaults, its ways to say no. */
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tlsSettings } from '../../../src/cli/backupd/tlsSettings.ts';
import { loadConfig } from '../../../src/config/imapdConf.ts';
import type { TlsSettings } from '../../../src/server/tls/files.ts';

describe('the settings of TLS', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tls-settings-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function settingsOf(...lines: string[]): TlsSettings | null {
    const path = join(folder, 'imapd.conf');
    writeFileSync(path, `configdirectory: ${folder}\n${lines.map((line) => `${line}\n`).join('')}`);
    return tlsSettings(loadConfig(path, { service: 'backupd' }));
  }

  it('are none without a certificate, or where it or the key is disabled', () => {
    expect(settingsOf()).to.equal(null);
    expect(settingsOf('tls_server_key: /k')).to.equal(null);
    expect(settingsOf('tls_server_cert: disabled', 'tls_server_key: /k')).to.equal(null);
    expect(settingsOf('tls_server_cert: /c', 'tls_server_key: Disabled')).to.equal(null);
    expect(settingsOf('tls_server_cert: /c', 'backupd_tls_server_cert: disabled')).to.equal(null);
  });

  it('are Cyrus’ defaults', () => {
    expect(settingsOf('tls_server_cert: /c')).to.deep.equal({
      certificateFiles: ['/c'],
      keyFiles: [],
      clientCaFile: null,
      clientCaDirectory: null,
      clientCertificates: 'optional',
      crlFile: null,
      dhParametersFile: null,
      versions: ['tls1_0', 'tls1_1', 'tls1_2', 'tls1_3'],
      ciphers: 'DEFAULT',
      curve: null,
      prefersServerCiphers: false,
    });
  });

  it('go by their older names too, and a service’s own wins', () => {
    const older = ['tls_cert_file: /a,/b', 'tls_key_file: /k,/l', 'tls_ca_file: /ca', 'tls_ca_path: /cas'];
    const settings = settingsOf(...older, 'tls_cipher_list: HIGH', 'backupd_tls_versions: tls1_3');
    expect(settings).to.deep.include({ certificateFiles: ['/a', '/b'], keyFiles: ['/k', '/l'] });
    expect(settings).to.deep.include({ clientCaFile: '/ca', clientCaDirectory: '/cas' });
    expect(settings).to.deep.include({ ciphers: 'HIGH', versions: ['tls1_3'] });
  });

  it('require a certificate by either option', () => {
    for (const line of ['tls_require_cert: yes', 'tls_client_certs: require']) {
      expect(settingsOf('tls_server_cert: /c', line)?.clientCertificates, line).to.equal('require');
    }
    expect(settingsOf('tls_server_cert: /c', 'tls_client_certs: off')?.clientCertificates).to.equal('off');
  });
});
