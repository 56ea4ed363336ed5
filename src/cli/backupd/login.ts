/**
 * Derives from imapd.conf how clients may log in, and checks that there is a way at all.
 */
import { requirePasswdFile } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError } from '../../errors.ts';
import { NO_TLS } from '../../server/auth/exchange.ts';
import { offeredMechanisms } from '../../server/auth/sasl.ts';
import { createPasswords } from '../../server/auth/verifier.ts';
import { isTlsFromStart } from '../../server/bind.ts';
import type { ListenAddress } from '../../server/bind.ts';
import type { ServerOptions } from '../../server/options.ts';
import { tlsSettings } from './tlsSettings.ts';

export type LoginMethods = Pick<ServerOptions, 'passwords' | 'mechanisms'>;

/** Throws BackupError 'config'. */
export function loginMethods(config: Config): LoginMethods {
  const rules = {
    mechList: config.sasl_mech_list,
    allowPlaintext: config.allowplaintext,
    isTlsRequired: config.tls_required,
    minimumLayer: config.sasl_minimum_layer,
  };
  const passwords = createPasswords({
    pwcheckMethods: config.sasl_pwcheck_method,
    passwdFile: requirePasswdFile(config),
    saslauthd: { socketPath: config.sasl_saslauthd_path, service: 'csync' },
  });
  return { passwords, mechanisms: (security) => offeredMechanisms(rules, passwords, security) };
}

/**
 * Throws BackupError 'config' if nobody could ever log in, or if a TLS port has no certificate.
 */
export function requireUsable(
  config: Config,
  { mechanisms }: Pick<ServerOptions, 'mechanisms'>,
  addresses: readonly ListenAddress[],
): void {
  const hasTls = tlsSettings(config) !== null;
  const fail = (what: string): BackupError => new BackupError('config', `${config.file}: ${what}`);
  if (!hasTls && addresses.some(isTlsFromStart)) throw fail('TLS from the first byte needs tls_server_cert');
  const atBest = hasTls ? { layerBits: 256, clientUser: 'anybody' } : NO_TLS;
  if (mechanisms(atBest).length > 0) return;
  if (hasTls) throw fail('sasl_mech_list and sasl_minimum_layer leave no way to log in');
  throw fail(
    'no way to log in can be offered: set tls_server_cert, make a password for SCRAM, or allowplaintext: yes',
  );
}
