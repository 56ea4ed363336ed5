/** The options of programs that log in to a server, and what their values mean. */
import type { OptionSpec, Values } from './program.ts';

const LOGIN = 'Logging in';

export const loginOptions = {
  user: {
    type: 'text',
    long: 'user',
    argument: 'NAME',
    group: LOGIN,
    help: 'log in as NAME (default: `restore_authname` of the configuration)',
    more: 'This is an administrator of the server. Without it, `restore_authname`, `restore_password` and `restore_realm` are used; if they are not set, `sync_authname`, `sync_password` and `sync_realm`.',
  },
  passwordFile: {
    type: 'text',
    long: 'password-file',
    argument: 'FILE',
    completion: 'file',
    group: LOGIN,
    help: 'the password is the first line of FILE, of standard input if FILE is -',
    more: 'Without it, and without a password in the configuration, the password is asked for on a terminal.',
  },
  tlsCa: {
    type: 'text',
    long: 'tls-ca',
    argument: 'FILE',
    completion: 'file',
    group: LOGIN,
    help: 'the certificates that vouch for the server',
    more: "The file holds the certificates of authorities, in PEM. Without it, `tls_server_ca_file` is used, or the system's authorities.",
  },
  tlsNoVerify: { type: 'flag', long: 'tls-no-verify', group: LOGIN, help: 'accept any certificate' },
  noTls: {
    type: 'flag',
    long: 'no-tls',
    group: LOGIN,
    help: 'do not use STARTTLS',
    more: 'The password is sent in the clear if the server knows no better way (SCRAM). Without this option, that is done on loopback only.',
  },
} as const satisfies Record<string, OptionSpec>;

/** How long a server may be silent. A hung server never answers. */
export const timeoutOption = {
  type: 'number',
  long: 'timeout',
  argument: 'SECONDS',
  least: 1,
  most: 999_999,
  help: 'how long the server may be silent when it owes an answer',
} as const satisfies OptionSpec;

export interface Login {
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly tlsCa: string | undefined;
  readonly verifyTls: boolean;
  readonly useTls: boolean;
}

export function loginOf(values: Values<typeof loginOptions>): Login {
  const { user, passwordFile, tlsCa, tlsNoVerify, noTls } = values;
  return { user, passwordFile, tlsCa, verifyTls: !tlsNoVerify, useTls: !noTls };
}
