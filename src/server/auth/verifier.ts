/**
 * Who checks a password: the methods of sasl_pwcheck_method, one after another until one says yes. `auxprop` is our
 * password file (Cyrus' own sasldb is a Berkeley database), `saslauthd` the daemon. Without the option: the file
 * where it exists, else saslauthd.
 */
import { BackupError } from '../../errors.ts';
import { PasswordFile } from '../../config/passwordFile.ts';
import { verifyBySaslauthd, type SaslauthdOptions } from './saslauthd.ts';
import type { VerifyPassword } from './sasl.ts';

export interface VerifierOptions {
  /** sasl_pwcheck_method; empty where it is not set. */
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

/** Throws BackupError 'config' for a method that there is not. The file is looked for at each login. */
export function createVerifier(options: VerifierOptions): VerifyPassword {
  const configured = options.pwcheckMethods.map(methodOf);
  const file = new PasswordFile(options.passwdFile);
  const verifyBy: Record<Method, VerifyPassword> = {
    auxprop: (user, password) => file.verify(user, password),
    saslauthd: (user, password) => verifyBySaslauthd(user, password, options.saslauthd),
  };
  return async (user, password) => {
    const byDefault: Method = file.exists() ? 'auxprop' : 'saslauthd';
    for (const method of configured.length > 0 ? configured : [byDefault]) {
      if (await verifyBy[method](user, password)) return true;
    }
    return false;
  };
}
