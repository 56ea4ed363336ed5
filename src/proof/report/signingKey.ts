/**
 * The store's own ed25519 key, which signs reports and certificates. It is made on first use, in
 * the proof folder: `key.pem` (mode 0600) and `key.pub.pem`. A report is worth as much as the copy
 * of the public key that an auditor keeps elsewhere.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { BackupError } from '../../errors.ts';
import { AppendedFile } from '../../fs/small/appendedFile.ts';
import { makeFolders } from '../../fs/folders.ts';
import { replaceFile } from '../../fs/replaceFile.ts';
import { readRegular } from '../../fs/small/wholeFiles.ts';

const PRIVATE_NAME = 'key.pem';
export const PUBLIC_NAME = 'key.pub.pem';

export class SigningKey {
  readonly publicPem: string;
  /** `SHA256:` and the base64 digest of the public key in DER form. */
  readonly fingerprint: string;
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
    const publicKey = createPublicKey(key);
    this.publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.fingerprint = fingerprintOf(publicKey);
  }

  /** Opens the key of a proof folder, or makes one. Throws 'damaged' if the file holds no key. */
  static open(folder: string): SigningKey {
    const path = join(folder, PRIVATE_NAME);
    makeFolders(folder);
    const pem = readIfThere(path) ?? makeKey(path);
    const key = new SigningKey(privateKeyIn(pem, path));
    const publicPath = join(folder, PUBLIC_NAME);
    if (readIfThere(publicPath) !== key.publicPem) replaceFile(publicPath, Buffer.from(key.publicPem));
    return key;
  }

  /** Returns the signature in base64. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString('base64');
  }
}

/** A public key that signatures are checked with. */
export interface PublicKey {
  readonly key: KeyObject;
  readonly fingerprint: string;
}

/** Reads a public key in PEM form. Throws 'damaged'. */
export function readPublicKey(path: string): PublicKey {
  const pem = readRegular(path).toString();
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519' && !pem.includes('PRIVATE'))
      return { key, fingerprint: fingerprintOf(key) };
  } catch {
    // Not a key at all.
  }
  throw new BackupError('damaged', `${path}: no ed25519 public key in PEM form`, { subject: path });
}

export function isSignedBy({ key }: PublicKey, text: string, signature: string): boolean {
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'));
}

function fingerprintOf(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' });
  return `SHA256:${createHash('sha256').update(der).digest('base64').replace(/=+$/, '')}`;
}

function makeKey(path: string): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  try {
    const file = AppendedFile.create(path);
    file.append(pem);
    file.sync();
    file.close();
    return pem;
  } catch (error) {
    // Another process has just made it.
    const made = readIfThere(path);
    if (made === undefined) throw error;
    return made;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readRegular(path).toString();
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

function privateKeyIn(pem: string, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Not a key at all.
  }
  const text = `${path}: no ed25519 private key: move the file away, and a new key is made`;
  throw new BackupError('damaged', text, { subject: path });
}
