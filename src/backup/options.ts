/** The compression level of the original backupd, which is also zlib's default. */
export const COMPRESSION_LEVEL = 6;

/** The part of the configuration that concerns one backup. */
export interface BackupOptions {
  /** The folder for staged messages that do not fit in memory (backup_staging_path). */
  readonly stagingDirectory: string;
  /** From 1 to 9. The original backupd uses zlib's default, 6. */
  readonly compressionLevel: number;
  /** How long opening a backup waits for another process to release its lock, in milliseconds. */
  readonly lockTimeoutMs: number;
  /**
   * Checkpoints an index in another thread (index/checkpoint), for a process in which other work
   * must not wait for the disk. If absent, SQLite makes checkpoints in commits.
   */
  readonly checkpoint?: (indexPath: string) => Promise<void>;
}

/** Lets other work run between two steps of long work. */
export type Turn = () => Promise<void>;

/** Reports an event that matters to an administrator: a repair, a rebuilt index, or damage. */
export type Notice = (message: string) => void;

export function indexPath(dataPath: string): string {
  return `${dataPath}.index`;
}

/** How thoroughly verify checks: see verify/verify.ts. */
export const VERIFY_LEVELS = ['quick', 'checksums', 'full'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];
