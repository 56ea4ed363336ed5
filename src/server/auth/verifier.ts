/**
 * Checks passwords with the methods of sasl_pwcheck_method, one after another until one accepts.
 * `auxprop` is this server's own password file (Cyrus' sasldb is a Berkeley database). `saslauthd`
 * is the daemon. By default the file is used if it exists, and saslauthd otherwise.
 *
 * SCRAM needs the file's credentials, because saslauthd only checks passwords. SCRAM is offered
 * only if the file is the only method. Otherwise users known only to saslauthd would choose SCRAM
 * and fail.
 */
import { BackupError } from '../../errors.ts';
import { PasswordFile } from '../../config/passwordFile.ts';
import { Deriver } from './deriver.ts';
import { verifyBySaslauthd, type SaslauthdOptions } from './saslauthd.ts';
import type { Passwords, VerifyPassword } from './exchange.ts';

export interface VerifierOptions {
  /** The methods of sasl_pwcheck_method. Empty if the option is not set. */
  pwcheckMethods: readonly string[];
  passwdFile: string;
  saslauthd: SaslauthdOptions;
}

type Method = 'auxprop' | 'saslauthd';

function methodOf(name: string): Method {
  if (name === 'auxprop' || name === 'saslauthd') return name;
  const text = `sasl_pwcheck_method: ${name} is not supported, only auxprop and saslauthd`;
  throw new BackupError('config', text, { subject: 'sasl_pwcheck_method' });
}

/** One deriver for the whole process: a reload does not replace it. */
const deriver = new Deriver();

/**
 * Throws BackupError 'config' for an unknown method. Each login checks anew whether the file
 * exists.
 */
export function createPasswords(options: VerifierOptions): Passwords {
  const configured = options.pwcheckMethods.map(methodOf);
  const file = new PasswordFile(options.passwdFile);
  const verifyBy: Record<Method, VerifyPassword> = {
    auxprop: (user, password, host = '') => file.verify(user, password, deriver.deriveFor(host)),
    saslauthd: (user, password) => verifyBySaslauthd(user, password, options.saslauthd),
  };
  const methods = (): readonly Method[] => {
    if (configured.length > 0) return configured;
    return file.exists() ? ['auxprop'] : ['saslauthd'];
  };
  return {
    async verify(user, password, host) {
      for (const method of methods()) if (await verifyBy[method](user, password, host)) return true;
      return false;
    },
    scram: () => (methods().every((method) => method === 'auxprop') && file.exists() ? file : null),
  };
}
