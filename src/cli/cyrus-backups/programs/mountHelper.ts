/** The command line of `mount.cyrus-backups`, which mount(8) decides, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';

export const mountHelperProgram = defineProgram({
  name: 'mount.cyrus-backups',
  summary: 'mount backups for mount(8) and fstab',
  details: 'IMAPD.CONF is the configuration; none, cyrus-backups and fuse stand for the usual path.',
  operands: [
    { name: 'IMAPD.CONF', completion: 'file' },
    { name: 'MOUNTPOINT', completion: 'folder' },
  ],
  options: {
    mountOptions: {
      type: 'list',
      short: 'o',
      argument: 'OPTION[,OPTION...]',
      help: 'mount options; see cyrus-backups-mount(8)',
    },
    isFake: { type: 'flag', short: 'f', help: 'do everything but mount' },
    type: { type: 'text', short: 't', argument: 'TYPE', help: 'ignored: the type of the file system' },
    namespace: { type: 'text', short: 'N', argument: 'NAMESPACE', help: 'ignored: the mount namespace' },
    sloppy: { type: 'flag', short: 's', help: 'ignored' },
    noMtab: { type: 'flag', short: 'n', help: 'ignored' },
    verbose: { type: 'flag', short: 'v', help: 'ignored' },
    readWrite: { type: 'flag', short: 'w', help: 'ignored: the mount is read-only' },
    readOnly: { type: 'flag', short: 'r', help: 'ignored: the mount is read-only' },
  },
});
