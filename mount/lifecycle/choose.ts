/**
 * Chooses the fastest transport that works on this system. If none works, explains why for each.
 */
import { accessSync, constants } from 'node:fs';
import { endianness } from 'node:os';
import { BackupError, messageOf } from '../../src/errors.ts';
import { TRANSPORT_NAMES } from '../options.ts';
import type { TransportName } from '../options.ts';
import { canAnswer } from '../fuse-native/attributeAnswers.ts';
import { loadFuseNative } from '../fuse-native/binding.ts';
import { startFuseNativeMount } from '../fuse-native/fuseNativeMount.ts';
import { startKernelMount } from '../fuse/server/kernelMount.ts';
import type { StartTransport } from './transport.ts';

interface Transport {
  readonly start: StartTransport;
  /** Returns why the transport cannot work on this system; undefined if it can. */
  readonly hindrance: () => string | undefined;
}

const TRANSPORTS: Record<TransportName, Transport> = {
  kernel: { start: startKernelMount, hindrance: kernelHindrance },
  'fuse-native': { start: startFuseNativeMount, hindrance: fuseNativeHindrance },
};

/** Throws a BackupError that gives the reason for each transport considered. */
export function chooseTransport(wanted: TransportName | undefined): {
  name: TransportName;
  start: StartTransport;
} {
  const reasons: string[] = [];
  for (const name of wanted === undefined ? TRANSPORT_NAMES : [wanted]) {
    const { start, hindrance } = TRANSPORTS[name];
    const reason = hindrance();
    if (reason === undefined) return { name, start };
    reasons.push(`${name}: ${reason}`);
  }
  throw new BackupError('config', `no way to mount works here (${reasons.join('; ')})`);
}

function kernelHindrance(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (endianness() !== 'LE') return 'needs a little-endian machine';
  if (process.getuid?.() !== 0) return 'needs root';
  return deviceHindrance();
}

function fuseNativeHindrance(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!canAnswer) return 'needs an x64 or arm64 machine';
  const reason = deviceHindrance();
  if (reason !== undefined) return reason;
  try {
    loadFuseNative();
    return undefined;
  } catch (error) {
    return `does not load; is libfuse2 installed? (${messageOf(error).split('\n')[0]})`;
  }
}

function deviceHindrance(): string | undefined {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return '/dev/fuse is missing, or may not be opened by this user';
  }
}
