/**
 * Converts the `tls_` options of imapd.conf for servers to the server's settings.
 */
import type { Config } from '../../config/imapdConf.ts';
import type { TlsSettings } from '../../server/tls/files.ts';

/**
 * null means no TLS. `disabled` means no file, as in Cyrus (cyrus-imapd imap/tls.c, tls_enabled).
 */
export function tlsSettings(config: Config): TlsSettings | null {
  const { tls_server_cert: certificateFiles, tls_server_key: keyFiles } = config;
  if (certificateFiles.length === 0) return null;
  if ([...certificateFiles, ...keyFiles].some((file) => file.toLowerCase() === 'disabled')) return null;
  return {
    certificateFiles,
    keyFiles,
    clientCaFile: config.tls_client_ca_file,
    clientCaDirectory: config.tls_client_ca_dir,
    clientCertificates: config.tls_require_cert ? 'require' : config.tls_client_certs,
    crlFile: config.tls_crl_file,
    dhParametersFile: config.tls_server_dhparam,
    versions: config.tls_versions,
    ciphers: config.tls_ciphers,
    curve: config.tls_eccurve,
    prefersServerCiphers: config.tls_prefer_server_ciphers,
  };
}
