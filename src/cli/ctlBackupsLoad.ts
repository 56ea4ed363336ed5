/** The commands that work on many backups, each loaded with its own modules when it is wanted: here, and in ctlBackupsWorker.ts. */
import type { WorkCommand } from './ctlBackupsArguments.ts';
import type { BackupCommand } from './ctlBackupsCommand.ts';

export const loadCommand: Record<WorkCommand, () => Promise<BackupCommand>> = {
  compact: async () => (await import('./ctlBackupsCompact.ts')).compactOne,
  verify: async () => (await import('./ctlBackupsVerify.ts')).verifyOne,
  retime: async () => (await import('./ctlBackupsRetime.ts')).retimeOne,
  reindex: async () => (await import('./ctlBackupsReindex.ts')).reindexOne,
};
