/**
 * Runs the command `AUTHENTICATE mechanism [initial response]`: exchanges base64 lines with the
 * client until there is an answer.
 */
import { BackupError } from '../../errors.ts';
import { preAuthLimits } from '../../protocol/limits.ts';
import { responses } from '../../protocol/responses.ts';
import type { ConnectionSecurity, VerifyPassword } from './exchange.ts';
import { startMechanism } from './sasl.ts';
import type { Channel } from '../connection/channel.ts';
import { hostOf } from '../limits/hostLimits.ts';
import type { ServerOptions } from '../options.ts';

export interface AuthenticationResult {
  /** The user if the exchange succeeded and the user is an admin. Null otherwise. */
  readonly user: string | null;
  /** The tagged answer to send. */
  readonly answer: string;
  /** Whether to log a failed login and delay the answer. */
  readonly isFailure: boolean;
  readonly reason: string;
  /** The name that the peer gave, if it got that far. Only for the log. */
  readonly claimedUser?: string | undefined;
}

type Options = Pick<ServerOptions, 'mechanisms' | 'passwords' | 'admins'>;

export async function authenticate(
  channel: Channel,
  options: Options,
  mechanism: string,
  initial: string | undefined,
): Promise<AuthenticationResult> {
  if (!options.mechanisms(channel.security).includes(mechanism.toUpperCase())) {
    return {
      user: null,
      answer: responses.noMechanism,
      isFailure: true,
      reason: 'not an offered mechanism',
    };
  }
  try {
    const host = channel.address === undefined ? undefined : hostOf(channel.address);
    const { passwords } = options;
    const verify: VerifyPassword = (user, password) => passwords.verify(user, password, host);
    const exchange = startMechanism(mechanism, { ...passwords, verify }, channel.security);
    // "=" stands for an empty initial response (RFC 4959).
    let data = initial === undefined ? null : Buffer.from(initial === '=' ? '' : initial, 'base64');
    for (;;) {
      const step = await exchange.step(data);
      if (step.done) return authorize(options, step.user, channel.security);
      await channel.write(`+ ${step.challenge.toString('base64')}\r\n`);
      await channel.flush();
      const line = (await channel.source.line(preAuthLimits.lineBytes)).toString('latin1').trim();
      if (line === '*') {
        return { user: null, answer: responses.authenticationCanceled, isFailure: false, reason: 'canceled' };
      }
      data = Buffer.from(line, 'base64');
    }
  } catch (error) {
    if (!(error instanceof BackupError) || error.kind !== 'auth') throw error;
    const { message: reason, subject: claimedUser } = error;
    return { user: null, answer: responses.authenticationFailed, isFailure: true, reason, claimedUser };
  }
}

/** Accepts only admins: replication can overwrite the backup of any user. */
function authorize(
  { admins }: Options,
  user: string,
  { layerBits }: ConnectionSecurity,
): AuthenticationResult {
  if (admins.includes(user)) {
    const answer = layerBits > 0 ? responses.authenticatedByTls : responses.authenticated;
    return { user, answer, isFailure: false, reason: '' };
  }
  const reason = 'the password is right, but the name is not one of admins';
  return { user: null, answer: responses.permissionDenied, isFailure: true, reason, claimedUser: user };
}
