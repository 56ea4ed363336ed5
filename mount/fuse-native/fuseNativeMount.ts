/**
 * The transport for users other than root. It uses the package fuse-native and libfuse2, whose
 * setuid helper does the mounting. Requests are served in the main thread, so this thread must
 * never access the mount synchronously. Child processes inherit the FUSE descriptor, so none may
 * run for long.
 */
import { readdir, readlink } from 'node:fs/promises';
import { BackupError, messageOf } from '../../src/errors.ts';
import { BlockCache } from '../content/blockCache.ts';
import { Filesystem } from '../vfs/filesystem.ts';
import { loadTree } from '../vfs/loadTree.ts';
import { findMount, isOurs } from '../lifecycle/mountTable.ts';
import { unmount } from '../lifecycle/unmount.ts';
import { SUBTYPE } from '../lifecycle/transport.ts';
import type { RunningMount, TransportOptions } from '../lifecycle/transport.ts';
import { AttributeAnswers } from './attributeAnswers.ts';
import { loadFuseNative, loadNativeBinding, releaseEventLoop } from './binding.ts';
import type { Fuse } from './binding.ts';
import { refusalOf } from './fusermount.ts';
import { OpenNodes, attributeHandlersOf, operationsOf, xattrOperationsOf } from './operations.ts';
import { Paths } from './paths.ts';

/**
 * How long the kernel may cache names and attributes. libfuse2 has only one such time for all
 * nodes. A new message may take this long to appear.
 */
const VALID_MS = 1000;
/** How often the mount table is checked, because the binding does not report the end of a mount. */
const WATCH_INTERVAL_MS = 500;

export async function startFuseNativeMount(options: TransportOptions): Promise<RunningMount> {
  const { mountpoint, log } = options;
  const tree = await loadTree(options.tree, log);
  const filesystem = new Filesystem(tree, new BlockCache(options.cacheBytes));
  const paths = new Paths(filesystem, VALID_MS);
  const FuseNative = loadFuseNative();
  const opened = new OpenNodes();
  const binding = loadNativeBinding();
  const fuse = new FuseNative(mountpoint, operationsOf(filesystem, paths, opened, log), { timeout: false });
  const answers = new AttributeAnswers(binding);
  const handlers = attributeHandlersOf(filesystem, paths, opened, answers, log);
  fuse._handlers[binding.op_getattr] = handlers.getattr;
  fuse._handlers[binding.op_fgetattr] = handlers.fgetattr;
  fuse._handlers[binding.op_readdir] = handlers.readdir;
  const { getxattr, listxattr } = xattrOperationsOf(filesystem, paths, log);
  fuse._op_getxattr = getxattr;
  fuse._op_listxattr = listxattr;
  fuse._fuseOptions = () => `-o${mountOptions(options).join(',')}`;
  await mounted(fuse).catch(async (error: unknown) => {
    filesystem.close();
    const refusal = await refusalOf(mountpoint, mountOptions(options));
    const why = refusal === '' ? messageOf(error) : refusal;
    throw new BackupError('io', `cannot mount on ${mountpoint}: ${why}`, { subject: mountpoint });
  });
  const ended = endOf(mountpoint).finally(() => {
    releaseEventLoop(fuse);
    filesystem.close();
  });
  return { ended, unmount: () => unmount(mountpoint) };
}

/**
 * Returns the mount options for libfuse. fuse-native cannot pass on the options in the second line
 * by itself.
 */
function mountOptions({ allowOther, nonempty, source }: TransportOptions): string[] {
  const seconds = VALID_MS / 1000;
  // In the option list, a comma would end the source's name.
  const name = source.includes(',') ? SUBTYPE : source;
  const list = [`subtype=${SUBTYPE}`, `fsname=${name}`, 'default_permissions', 'auto_cache'];
  list.push('ro', 'nosuid', 'nodev', 'use_ino', 'readdir_ino', `negative_timeout=${seconds}`);
  list.push(`entry_timeout=${seconds}`, `attr_timeout=${seconds}`, `ac_attr_timeout=${seconds}`);
  if (allowOther) list.push('allow_other');
  if (nonempty) list.push('nonempty');
  return list;
}

function mounted(fuse: Fuse): Promise<void> {
  return new Promise((resolve, reject) => {
    fuse.mount((error) => (error === null ? resolve() : reject(error)));
  });
}

/**
 * Resolves when the mount is no longer in the mount table and libfuse has closed the FUSE
 * descriptor. libfuse does so when the last client has closed its files.
 */
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
