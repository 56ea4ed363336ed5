/**
 * Loads the commands that work on many backups, each with its own modules and only when needed: in
 * the main process and in worker.ts.
 */
import type { WorkCommand } from './arguments.ts';
import type { BackupCommand } from '../command.ts';

export const loadCommand: Record<WorkCommand, () => Promise<BackupCommand>> = {
  compact: async () => (await import('../compact.ts')).compactOne,
  verify: async () => (await import('../verify.ts')).verifyOne,
  retime: async () => (await import('../retime.ts')).retimeOne,
  reindex: async () => (await import('../reindex.ts')).reindexOne,
};
