/**
 * SCRAM-SHA-256 and SCRAM-SHA-1 (RFC 5802, RFC 7677), server side. The client proves that it knows
 * the password, and the server proves that it has the user's credential. The password itself is
 * never sent.
 *
 *   client-first   gs2-header "n=" name ",r=" nonce
 *                  gs2-header = "n" or "y" "," ["a=" authzid] ","
 *   server-first   "r=" nonce and ours ",s=" salt ",i=" iterations
 *   client-final   "c=" gs2-header in base64 ",r=" both nonces ",p=" proof
 *   server-final   "v=" signature, as one more challenge, which the client answers with nothing
 *
 * An unknown user takes the same path, with a credential that nothing matches. The failure is the
 * same for all.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { scramHash, scramHmac } from '../../config/scramCredential.ts';
import type { ScramCredential, ScramMechanism } from '../../config/scramCredential.ts';
import { authenticationFailed, messageText } from './exchange.ts';
import type { SaslExchange, SaslStep, ScramCredentials } from './exchange.ts';

const NONCE_BYTES = 18;

interface ClientFirst {
  readonly gs2Header: string;
  readonly authzid: string;
  /** client-first-message-bare, which is part of the signed text. */
  readonly bare: string;
  readonly user: string;
  readonly nonce: string;
}

/** The state after the first messages. */
interface Started extends ClientFirst {
  readonly credential: ScramCredential;
  readonly isKnown: boolean;
  readonly bothNonces: string;
  readonly serverFirst: string;
}

/** Starts an exchange. Only tests pass a nonce. */
export function startScram(
  mechanism: ScramMechanism,
  credentials: ScramCredentials,
  serverNonce = randomBytes(NONCE_BYTES).toString('base64'),
): SaslExchange {
  let started: Started | null = null;
  let user: string | null = null;

  const challenge = (text: string): SaslStep => ({ done: false, challenge: Buffer.from(text) });

  return {
    async step(data) {
      if (data === null) return challenge('');
      const text = messageText(data);
      if (user !== null) {
        if (text !== '') throw authenticationFailed();
        return { done: true, user };
      }
      if (started === null) {
        started = begin(mechanism, credentials, parseFirst(text), serverNonce);
        return challenge(started.serverFirst);
      }
      const signature = checkFinal(mechanism, started, text);
      user = started.user;
      return challenge(`v=${signature.toString('base64')}`);
    },
  };
}

const FIRST = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s;

/**
 * Parses the client's first message. A message that requests channel binding ("p=") or a mandatory
 * extension ("m=") does not match, and is refused.
 */
function parseFirst(text: string): ClientFirst {
  const match = FIRST.exec(text);
  if (match === null) throw authenticationFailed();
  const [, gs2Header = '', authzid = '', bare = '', name = '', nonce = ''] = match;
  return { gs2Header, authzid: decodeName(authzid), bare, user: decodeName(name), nonce };
}

/** Decodes a saslname: =2C is a comma, =3D is an equals sign. */
function decodeName(text: string): string {
  if (/=(?!2C|3D)/.test(text) || text.includes('\0')) throw authenticationFailed();
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function begin(
  mechanism: ScramMechanism,
  credentials: ScramCredentials,
  first: ClientFirst,
  serverNonce: string,
): Started {
  const known = credentials.lookup(first.user, mechanism);
  const credential = known ?? credentials.decoy(first.user, mechanism);
  const bothNonces = first.nonce + serverNonce;
  const serverFirst = `r=${bothNonces},s=${credential.salt.toString('base64')},i=${credential.iterations}`;
  return { ...first, credential, isKnown: known !== null, bothNonces, serverFirst };
}

const FINAL = /^(c=([A-Za-z0-9+/=]*),r=([^,]*)(?:,[^p].*)?),p=([A-Za-z0-9+/=]+)$/s;

/** Checks the client's proof and returns the server's signature. */
function checkFinal(mechanism: ScramMechanism, started: Started, text: string): Buffer {
  const match = FINAL.exec(text);
  if (match === null) throw authenticationFailed();
  const [, withoutProof = '', binding = '', nonce = '', proofText = ''] = match;
  const { credential, bare, serverFirst, gs2Header, bothNonces, authzid, user, isKnown } = started;
  const signed = `${bare},${serverFirst},${withoutProof}`;
  const signature = scramHmac(mechanism, credential.storedKey, signed);
  const proof = Buffer.from(proofText, 'base64');
  const clientKey = Buffer.from(signature.map((byte, at) => byte ^ (proof[at] ?? 0)));
  const isProven = timingSafeEqual(scramHash(mechanism, clientKey), credential.storedKey);
  const isInStep =
    nonce === bothNonces &&
    binding === Buffer.from(gs2Header).toString('base64') &&
    proof.length === signature.length &&
    proof.toString('base64') === proofText;
  // As with PLAIN, nobody may act for another user.
  const isSelf = authzid === '' || authzid === user;
  if (!isSelf) throw authenticationFailed('asks to act for another user', user);
  if (!isProven || !isInStep || !isKnown) throw authenticationFailed('wrong name or password', user);
  return scramHmac(mechanism, credential.serverKey, signed);
}
