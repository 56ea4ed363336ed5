/**
 * Limits how many connections a host may have, and how many failed logins.
 *
 * A host is an IPv4 address or an IPv6 /64, which is what one customer of a network is given. Peers
 * that tunnel in from the machine itself (stunnel, ssh, a container's proxy) look like loopback.
 * Limits on logged-in peers would let one bad peer shut out all others there. Loopback is therefore
 * exempt by default, and unix sockets are always exempt.
 *
 * No host is exempt from the limit on connections that have not logged in: a new connection
 * replaces the oldest of them (listener.ts). Memory is one entry for each host that is connected or
 * recently failed, with at most MOST_HOSTS of the latter.
 */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { BackupError } from '../../errors.ts';

export interface HostLimitOptions {
  /** Connections at a time. 0 means no limit. */
  readonly connections: number;
  /** Failed logins within the window. 0 means no limit. */
  readonly failedLogins: number;
  readonly failedLoginWindowMs: number;
  /** Addresses and networks (`192.0.2.0/24`) without limits. */
  readonly unlimited: readonly string[];
}

/**
 * The most hosts with failed logins to remember, since a botnet has many addresses. The hosts whose
 * first failure is oldest are forgotten first.
 */
const MOST_HOSTS = 10_000;

interface Failures {
  count: number;
  /** The end of the window in which failures are counted, in ms of `now`. */
  readonly untilMs: number;
}

/**
 * Returns a list against which addresses can be matched. Throws BackupError 'config' for an invalid
 * network.
 */
export function unlimitedHosts(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits, ...more] = network.split('/');
    const width = isIPv4(address) ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    if (isIP(address) === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits ?? '0') || prefix > width) {
      throw new BackupError('config', `backup_unlimited_hosts: ${network} is not an address or network`, {
        subject: 'backup_unlimited_hosts',
      });
    }
    list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return list;
}

/**
 * Returns an IPv4 address unchanged, also if a socket shows it as `::ffff:a.b.c.d`. Returns only
 * the first 64 bits of an IPv6 address, written out.
 */
export function hostOf(address: string): string {
  const plain = address.replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 tail takes the place of two groups, but never within the first four.
  const width = after.at(-1)?.includes('.') === true ? 7 : 8;
  const zeros = tail === undefined ? 0 : width - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** All unix sockets count as one host. */
const LOCAL_HOST = 'local';

/** Returns the host's name for a connection's address. Undefined means a unix socket. */
export function hostNameOf(address: string | undefined): string {
  return address === undefined ? LOCAL_HOST : hostOf(address);
}

export class HostLimits {
  readonly #now: () => number;
  #options: HostLimitOptions;
  #unlimited: BlockList;
  readonly #connections = new Map<string, number>();
  /** Failed logins by host, in the order of each host's first failure. */
  readonly #failures = new Map<string, Failures>();

  /** Throws BackupError 'config'. `now` in ms. */
  constructor(options: HostLimitOptions, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#options = options;
    this.#unlimited = unlimitedHosts(options.unlimited);
  }

  /**
   * Sets new limits and keeps the counts. Throws BackupError 'config', and then changes nothing.
   */
  reconfigure(options: HostLimitOptions): void {
    this.#unlimited = unlimitedHosts(options.unlimited);
    this.#options = options;
  }

  /** How many connections without a login a host may have open. 0 means no limit. */
  get mostStrangers(): number {
    return this.#options.connections;
  }

  /** Reports whether the host already has its maximum number of connections. */
  isFull(address: string | undefined): boolean {
    const { connections } = this.#options;
    if (address === undefined || connections === 0 || !this.#isLimited(address)) return false;
    return (this.#connections.get(hostOf(address)) ?? 0) >= connections;
  }

  /**
   * Counts a connection and returns null, or returns the reason to refuse it. An undefined address
   * means a unix socket.
   */
  connect(address: string | undefined): string | null {
    if (address === undefined) return null;
    const host = hostOf(address);
    const { connections, failedLogins } = this.#options;
    const open = this.#connections.get(host) ?? 0;
    if (this.#isLimited(address)) {
      if (connections > 0 && open >= connections) return `${open} connections of ${host} are open`;
      if (failedLogins > 0 && this.#failuresOf(host) >= failedLogins)
        return `too many failed logins of ${host}`;
    }
    this.#connections.set(host, open + 1);
    return null;
  }

  /** Call when a connection that connect() accepted has ended. */
  disconnect(address: string | undefined): void {
    if (address === undefined) return;
    const host = hostOf(address);
    const open = this.#connections.get(host) ?? 0;
    if (open > 1) this.#connections.set(host, open - 1);
    else this.#connections.delete(host);
  }

  loginFailed(address: string | undefined): void {
    if (address === undefined || !this.#isLimited(address)) return;
    const host = hostOf(address);
    const known = this.#failuresOf(host) > 0 ? this.#failures.get(host) : undefined;
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    for (const [oldest] of this.#failures) {
      if (this.#failures.size < MOST_HOSTS) break;
      this.#failures.delete(oldest);
    }
    this.#failures.set(host, { count: 1, untilMs: this.#now() + this.#options.failedLoginWindowMs });
  }

  /** Reports whether the host of an open connection now has too many failed logins. */
  isLockedOut(address: string | undefined): boolean {
    const { failedLogins } = this.#options;
    if (address === undefined || failedLogins === 0 || !this.#isLimited(address)) return false;
    return this.#failuresOf(hostOf(address)) >= failedLogins;
  }

  #failuresOf(host: string): number {
    const failures = this.#failures.get(host);
    if (failures === undefined) return 0;
    if (this.#now() < failures.untilMs) return failures.count;
    this.#failures.delete(host);
    return 0;
  }

  #isLimited(address: string): boolean {
    const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
    return !this.#unlimited.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  }
}
