/**
 * Reads the TLS settings of imapd.conf, and the files that they name, into Node's options. The
 * error for an unusable file names the option and the file, never the file's contents.
 */
import { constants } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { BackupError, systemReason } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';

/** The `tls_` options of imapd.conf. docs/guide/operations.md describes each. */
export interface TlsSettings {
  readonly certificateFiles: readonly string[];
  /** The files with the private keys. Empty if the keys are in the certificates' files. */
  readonly keyFiles: readonly string[];
  readonly clientCaFile: string | null;
  /** A folder with the file names that `openssl rehash` creates. */
  readonly clientCaDirectory: string | null;
  readonly clientCertificates: 'off' | 'optional' | 'require';
  readonly crlFile: string | null;
  readonly dhParametersFile: string | null;
  /** The allowed versions, tls1_0 to tls1_3. Others are ignored. */
  readonly versions: readonly string[];
  readonly ciphers: string;
  /** null means the default of OpenSSL. */
  readonly curve: string | null;
  readonly prefersServerCiphers: boolean;
}

/** Throws BackupError 'config'. */
export function tlsOptions(settings: TlsSettings): TlsOptions {
  const { certificateFiles, keyFiles, crlFile, dhParametersFile } = settings;
  const cert = certificateFiles.map((path) => readPem('tls_server_cert', path));
  const key = keyFiles.length > 0 ? keyFiles.map((path) => readPem('tls_server_key', path)) : cert;
  const keyPaths = keyFiles.length > 0 ? keyFiles : certificateFiles;
  for (const [index, text] of key.entries()) requireKey(text, keyPaths[index] ?? '');
  const ca = clientAuthorities(settings);
  const options: TlsOptions = {
    ...protocolOptions(settings),
    cert,
    key,
    // Node would silently ignore a file with other contents.
    dhparam:
      dhParametersFile === null ? 'auto' : readPem('tls_server_dhparam', dhParametersFile, 'DH PARAMETERS'),
    ...(crlFile === null ? {} : { crl: readPem('tls_crl_file', crlFile) }),
    ...(ca.length === 0 ? {} : { ca }),
    requestCert: ca.length > 0,
    // The client's certificate is checked after the handshake, with a line in the log.
    rejectUnauthorized: false,
  };
  check(
    options,
    `${certificateFiles.join(', ')}${keyFiles.length > 0 ? ` with ${keyFiles.join(', ')}` : ''}`,
  );
  return options;
}

const VERSIONS = [
  { name: 'tls1_0', version: 'TLSv1', exclude: constants.SSL_OP_NO_TLSv1 },
  { name: 'tls1_1', version: 'TLSv1.1', exclude: constants.SSL_OP_NO_TLSv1_1 },
  { name: 'tls1_2', version: 'TLSv1.2', exclude: constants.SSL_OP_NO_TLSv1_2 },
  { name: 'tls1_3', version: 'TLSv1.3', exclude: constants.SSL_OP_NO_TLSv1_3 },
] as const;

const TLS13_SUITES = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';

function protocolOptions(settings: TlsSettings): SecureContextOptions {
  const allowed = VERSIONS.filter(({ name }) => settings.versions.includes(name));
  const [lowest] = allowed;
  const highest = allowed.at(-1);
  if (lowest === undefined || highest === undefined) {
    throw new BackupError('config', `tls_versions: ${settings.versions.join(' ')} names no version of TLS`);
  }
  const holes = VERSIONS.filter((version) => !allowed.includes(version));
  // As in OpenSSL itself, the list applies to TLS 1.2 and earlier. Node would apply it to all
  // versions, which turns TLS 1.3 off.
  const listed = settings.ciphers.replace(/[\s,]+/g, ':');
  const ciphers =
    /(^|:)TLS_/.test(listed) || highest.name !== 'tls1_3' ? listed : `${listed}:${TLS13_SUITES}`;
  return {
    minVersion: lowest.version,
    maxVersion: highest.version,
    // No tickets: each handshake is a full one, which checks the client's certificate.
    secureOptions: holes.reduce(
      (options, { exclude }) => options | exclude,
      constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    ),
    ciphers,
    ecdhCurve: settings.curve ?? 'auto',
    honorCipherOrder: settings.prefersServerCiphers,
  };
}

/**
 * Returns the authorities for clients' certificates: only those configured, never those that the
 * system trusts.
 */
function clientAuthorities(settings: TlsSettings): string[] {
  const { clientCaFile: file, clientCaDirectory: directory, clientCertificates } = settings;
  if (clientCertificates === 'off') return [];
  const all = [
    ...(file === null ? [] : [readPem('tls_client_ca_file', file)]),
    ...(directory === null ? [] : hashedFiles(directory)),
  ];
  if (all.length === 0 && clientCertificates === 'require') {
    const text =
      'tls_client_certs: require needs tls_client_ca_file, or a tls_client_ca_dir with hashed names';
    throw new BackupError('config', text);
  }
  return all;
}

function hashedFiles(directory: string): string[] {
  const option = 'tls_client_ca_dir';
  try {
    const names = disk.readdir(directory).filter((name) => /^[0-9a-f]{8}\.\d+$/.test(name));
    return names.map((name) => readPem(option, join(directory, name)));
  } catch (error) {
    throw unusable(`${option} ${directory}`, error);
  }
}

/** Requires a private key that can be read without a password. */
function requireKey(text: string, path: string): void {
  if (!text.includes('PRIVATE KEY-----')) {
    const cure = 'set tls_server_key to the file with the private key of the certificate';
    throw new BackupError('config', `no private key in ${path}: ${cure}`, { subject: path });
  }
  if (!/ENCRYPTED/.test(text)) return;
  const cure = `write it without one: openssl pkey -in ${path} -out NEW`;
  throw new BackupError('config', `the private key in ${path} has a password: ${cure}`, { subject: path });
}

function readPem(option: string, path: string, label = '-----'): string {
  try {
    const text = disk.readFile(path).toString('latin1');
    if (text.includes('-----BEGIN ') && text.includes(label)) return text;
  } catch (error) {
    throw unusable(`${option} ${path}`, error);
  }
  const wanted = label === '-----' ? 'a PEM file' : `a PEM file with ${label}`;
  throw new BackupError('config', `${option}: ${path} is not ${wanted}: name another file`, {
    subject: path,
  });
}

/**
 * Finds the bad part of the settings. Node reports only which function of OpenSSL failed, so this
 * function tries each part separately.
 */
function check(options: TlsOptions, certificates: string): void {
  const { cert, key, ca, crl, dhparam, ...protocol } = options;
  const parts: [string, SecureContextOptions][] = [
    ['tls_versions, tls_ciphers or tls_eccurve', protocol],
    [`tls_server_cert and tls_server_key ${certificates}`, { cert, key }],
    ['tls_client_ca_file or tls_client_ca_dir', { ca }],
    ['tls_crl_file', { crl }],
    ['tls_server_dhparam', { dhparam }],
  ];
  for (const [what, part] of parts) {
    try {
      createSecureContext(part);
    } catch (error) {
      throw unusable(what, error);
    }
  }
}

function unusable(what: string, error: unknown): BackupError {
  if (error instanceof BackupError) return error;
  const { code } = error as { code?: unknown };
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
    const text = `${what}: the private key does not belong to the certificate: name the two that belong together`;
    return new BackupError('config', text, { cause: error });
  }
  const reason = systemReason(error);
  const isOpenSsl = typeof code === 'string' && code.startsWith('ERR_');
  return new BackupError(
    'config',
    `${what}: ${isOpenSsl ? `cannot be used (${reason})` : reason}: correct it`,
    {
      cause: error,
    },
  );
}
