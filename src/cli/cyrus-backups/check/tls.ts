/**
 * Checks the TLS files: that backupd's account can read them, that key and certificate belong
 * together, who may read the key, and when the certificates end.
 */
import { X509Certificate } from 'node:crypto';
import type { Config } from '../../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../../errors.ts';
import { tlsOptions } from '../../../server/tls/files.ts';
import { tlsSettings } from '../../backupd/tlsSettings.ts';
import { isReadableByOthers, kindText, modeText, readSmallFile, statOf } from '../../../fs/inspect/look.ts';
import { failure, ok, warning } from './finding.ts';
import type { Finding } from './finding.ts';

const WHAT = 'tls';
const DAY_MS = 86_400_000;
/** ACME clients renew certificates 30 days before their end. */
const SOON_DAYS = 21;
const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

export function checkTls(config: Config): Finding[] {
  const settings = tlsSettings(config);
  if (settings === null) return withoutTls(config);
  const { certificateFiles, keyFiles } = settings;
  const named = [...certificateFiles, ...keyFiles, settings.clientCaFile, settings.crlFile];
  const unusable = named.filter((path) => path !== null).flatMap(notAFile);
  if (unusable.length > 0) return unusable;
  try {
    tlsOptions(settings);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const message = inWords(messageOf(error));
    const cure = 'name files that backupd’s account can read, with a key that belongs to the certificate';
    return [failure(WHAT, { where: config.file, message, cure })];
  }
  const keys = keyFiles.length > 0 ? keyFiles : certificateFiles;
  return [...keys.flatMap(openKey), ...certificateFiles.flatMap((path) => dates(path, Date.now()))];
}

/** OpenSSL's words for a key that belongs to another certificate say nothing to most readers. */
function inWords(message: string): string {
  return /key values mismatch/i.test(message)
    ? message.replace(/error:.*$|: .*$/, ': the private key does not belong to the certificate')
    : message;
}

function withoutTls(config: Config): Finding[] {
  if (!config.tls_required) {
    if (!config.allowplaintext) return [];
    const message =
      'without tls_server_cert, passwords and mail cross the network unprotected (allowplaintext: yes)';
    const cure = 'set tls_server_cert and tls_server_key, or listen on loopback only';
    return [warning(WHAT, { where: config.file, message, cure })];
  }
  const message = 'tls_required is set, but no tls_server_cert: nobody can log in';
  return [failure(WHAT, { where: config.file, message, cure: 'set tls_server_cert and tls_server_key' })];
}

/** Reading a FIFO would not end. */
function notAFile(path: string): Finding[] {
  const stats = statOf(path);
  if (stats?.isFile() === true) return [];
  const message =
    stats === undefined
      ? 'it is not there, or this account may not look'
      : `not a file, but ${kindText(stats)}`;
  return [failure(WHAT, { where: path, message, cure: 'correct the option that names it' })];
}

function openKey(path: string): Finding[] {
  const stats = statOf(path);
  if (stats === undefined || !isReadableByOthers(stats)) return [];
  const message = `everybody may read the private key (mode ${modeText(stats)})`;
  return [failure(WHAT, { where: path, message, cure: `chmod 0640 ${path}` })];
}

/** Checks all certificates in a file: the server's own and its chain. */
function dates(path: string, nowMs: number): Finding[] {
  const texts = readSmallFile(path).match(PEM) ?? [];
  return texts.flatMap((pem) => {
    const certificate = new X509Certificate(pem);
    const name = certificate.subject.replaceAll('\n', ', ');
    const [fromMs, toMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    const cure = 'renew it, then reload backupd (SIGHUP)';
    const days = Math.floor((toMs - nowMs) / DAY_MS);
    const until = new Date(toMs).toISOString().slice(0, 10);
    if (toMs <= nowMs) return [failure(WHAT, { where: path, message: `${name} ended on ${until}`, cure })];
    if (fromMs > nowMs) {
      const message = `${name} is valid only from ${new Date(fromMs).toISOString().slice(0, 10)} on`;
      return [failure(WHAT, { where: path, message, cure: 'wait, or look at the clock (timedatectl)' })];
    }
    if (days < SOON_DAYS) {
      return [warning(WHAT, { where: path, message: `${name} ends in ${days} days, on ${until}`, cure })];
    }
    return [ok(WHAT, path, `${name} is valid until ${until}`)];
  });
}
