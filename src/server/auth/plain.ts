/**
 * The mechanisms that reveal the password to the server: PLAIN (RFC 4616), and LOGIN, which asks
 * for the name and then for the password.
 */
import { authenticationFailed, messageText } from './exchange.ts';
import type { SaslExchange, SaslStep, VerifyPassword } from './exchange.ts';

const EMPTY_CHALLENGE: SaslStep = { done: false, challenge: Buffer.alloc(0) };

export function startPlain(verify: VerifyPassword): SaslExchange {
  return {
    step: (data) => (data === null ? Promise.resolve(EMPTY_CHALLENGE) : checkPlain(data, verify)),
  };
}

/**
 * The message is `[authzid] NUL authcid NUL passwd`. Nobody may act for another user: the authzid
 * must be empty or equal to the authcid.
 */
async function checkPlain(data: Buffer, verify: VerifyPassword): Promise<SaslStep> {
  const parts = messageText(data).split('\0');
  const [authzid, authcid, password] = parts;
  if (parts.length !== 3 || !authcid || !password) throw authenticationFailed();
  const isRight = await verify(authcid, password);
  if (!isRight) throw authenticationFailed('wrong name or password', authcid);
  if (authzid !== '' && authzid !== authcid) {
    throw authenticationFailed('asks to act for another user', authcid);
  }
  return { done: true, user: authcid };
}

/** LOGIN with libsasl's prompts, because some clients check them. */
export function startLogin(verify: VerifyPassword): SaslExchange {
  let user: string | null = null;
  const ask = (what: string): SaslStep => ({ done: false, challenge: Buffer.from(what) });
  return {
    async step(data) {
      if (data === null) return ask('Username:');
      const text = messageText(data);
      if (text === '' || text.includes('\0')) throw authenticationFailed();
      if (user === null) {
        user = text;
        return ask('Password:');
      }
      if (!(await verify(user, text))) throw authenticationFailed('wrong name or password', user);
      return { done: true, user };
    },
  };
}
