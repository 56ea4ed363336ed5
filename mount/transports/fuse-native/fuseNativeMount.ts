/**
 * The transport for who is not root: the package fuse-native over libfuse2, whose setuid helper mounts. It
 * lives in the main thread, so this thread must never wait for the mount, and its descriptor is inherited
 * by children, so none may live long.
 */
import { readdir, readlink } from 'node:fs/promises';
import { BackupError, messageOf } from '../../../src/errors.ts';
import { BlockCache } from '../../content/blockCache.ts';
import { Filesystem } from '../../filesystem.ts';
import { loadTree } from '../../loadTree.ts';
import { findMount, isOurs } from '../../mountTable.ts';
import { unmount } from '../../unmount.ts';
import { SUBTYPE } from '../transport.ts';
import type { RunningMount, TransportOptions } from '../transport.ts';
import { loadFuseNative, releaseEventLoop } from './binding.ts';
import type { Operations } from './binding.ts';
import type { Fuse } from './binding.ts';
import { operationsOf, xattrOperationsOf } from './operations.ts';
import { Paths } from './paths.ts';

/** libfuse2 knows one time-out for all nodes; this is what a new message may need to be seen. */
const VALID_MS = 1000;
/** The binding does not tell when its loop has ended. */
const WATCH_INTERVAL_MS = 500;

export async function startFuseNativeMount(options: TransportOptions): Promise<RunningMount> {
  const { mountpoint, log } = options;
  const tree = await loadTree(options.tree, log);
  const filesystem = new Filesystem(tree, new BlockCache(options.cacheBytes));
  const paths = new Paths(filesystem, VALID_MS);
  const FuseNative = loadFuseNative();
  const operations = operationsOf(filesystem, paths, log);
  const fuse = new FuseNative(mountpoint, operations, { timeout: false });
  const { getxattr, listxattr } = xattrOperationsOf(filesystem, paths, log);
  // The package's own asks `getattr`, which goes by the path.
  fuse._op_fgetattr = (signal, path, handle) => {
    const ops: Pick<Operations, 'getattr'> = {
      getattr: (_, done) => operations.fgetattr(path, handle, done),
    };
    fuse._op_getattr.call({ ops }, signal, path);
  };
  fuse._op_getxattr = getxattr;
  fuse._op_listxattr = listxattr;
  fuse._fuseOptions = () => `-o${mountOptions(options).join(',')}`;
  await mounted(fuse, mountpoint).catch((error: unknown) => {
    filesystem.close();
    throw error;
  });
  const ended = endOf(mountpoint).finally(() => {
    releaseEventLoop(fuse);
    filesystem.close();
  });
  return { ended, unmount: () => unmount(mountpoint) };
}

/** The package's own list of options lacks those in the second line. */
function mountOptions({ allowOther, nonempty, source }: TransportOptions): string[] {
  const seconds = VALID_MS / 1000;
  // A comma would end the option.
  const name = source.includes(',') ? SUBTYPE : source;
  const list = [`subtype=${SUBTYPE}`, `fsname=${name}`, 'default_permissions', 'auto_cache'];
  list.push('ro', 'nosuid', 'nodev', 'use_ino', 'readdir_ino', `negative_timeout=${seconds}`);
  list.push(`entry_timeout=${seconds}`, `attr_timeout=${seconds}`, `ac_attr_timeout=${seconds}`);
  if (allowOther) list.push('allow_other');
  if (nonempty) list.push('nonempty');
  return list;
}

function mounted(fuse: Fuse, mountpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fuse.mount((error) => {
      if (error === null) return resolve();
      const message = `cannot mount on ${mountpoint}: ${messageOf(error)}`;
      reject(new BackupError('io', message, { subject: mountpoint }));
    });
  });
}

/** The mount has left the table, and libfuse has closed its descriptor after the last client. */
async function endOf(mountpoint: string): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL_MS));
  while (isOurs(await findMount(mountpoint)) || (await holdsDevice()));
}

async function holdsDevice(): Promise<boolean> {
  const folder = '/proc/self/fd';
  const descriptors = await readdir(folder);
  const targets = await Promise.all(descriptors.map((fd) => readlink(`${folder}/${fd}`).catch(() => '')));
  return targets.includes('/dev/fuse');
}
