/**
 * EXTERNAL (RFC 4422, appendix A): TLS has already identified the client. The client may state its
 * own name, but no other.
 */
import { authenticationFailed, messageText } from './exchange.ts';
import type { SaslExchange } from './exchange.ts';

export function startExternal(clientUser: string): SaslExchange {
  return {
    async step(data) {
      if (data === null) return { done: false, challenge: Buffer.alloc(0) };
      const authzid = messageText(data);
      if (authzid !== '' && authzid !== clientUser) {
        throw authenticationFailed('asks to act for another user', clientUser);
      }
      return { done: true, user: clientUser };
    },
  };
}
