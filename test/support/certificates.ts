/**
 * A test's own certificate authority. It runs openssl(1) in a folder of the test; nothing is kept.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Authority implements Certificate {
  readonly cert: string;
  readonly key: string;
  readonly #folder: string;
  readonly #name: string;

  /** Writes FOLDER/NAME.pem and FOLDER/NAME.key. */
  constructor(folder: string, name = 'ca') {
    this.#folder = folder;
    this.#name = name;
    ({ cert: this.cert, key: this.key } = this.#make(name, `/CN=${name}`, []));
  }

  /**
   * Issues a certificate. The subject has the form `/CN=repluser`. A server's certificate is valid
   * for localhost and 127.0.0.1.
   */
  issue(name: string, subject: string): Certificate {
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const signer = ['-CA', this.cert, '-CAkey', this.key, '-addext', 'basicConstraints=critical,CA:FALSE'];
    return this.#make(name, subject, [...signer, ...names]);
  }

  /** Makes a revocation list of these certificates, and returns its path. */
  revoke(...certificates: readonly Certificate[]): string {
    const conf = join(this.#folder, `${this.#name}.cnf`);
    const index = join(this.#folder, `${this.#name}.index`);
    writeFileSync(index, '');
    writeFileSync(
      conf,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${index}\ndefault_md=sha256\ndefault_crl_days=2\npolicy=any\n[any]\n`,
    );
    const ca = ['ca', '-config', conf, '-cert', this.cert, '-keyfile', this.key];
    for (const { cert } of certificates) openssl(...ca, '-revoke', cert);
    const crl = join(this.#folder, `${this.#name}.crl`);
    openssl(...ca, '-gencrl', '-out', crl);
    return crl;
  }

  #make(name: string, subject: string, more: readonly string[]): Certificate {
    const cert = join(this.#folder, `${name}.pem`);
    const key = join(this.#folder, `${name}.key`);
    const files = ['-keyout', key, '-out', cert];
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', subject, ...files, ...more);
    return { cert, key };
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
