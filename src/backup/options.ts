/** The level that the original backupd uses, which is also zlib's default. */
export const COMPRESSION_LEVEL = 6;

/** The part of the configuration that a backup needs. */
export interface BackupOptions {
  /** Where staged messages go that do not fit in memory (backup_staging_path). */
  readonly stagingDirectory: string;
  /** 1 to 9. The original backupd uses zlib's default, 6. */
  readonly compressionLevel: number;
  /** How long an open waits while another process holds the backup, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** Yields the thread between two steps of long work. */
export type Turn = () => Promise<void>;

/**
 * Reports something that an administrator would want to read: a repair, a rebuilt index, damage.
 */
export type Notice = (message: string) => void;

export function indexPath(dataPath: string): string {
  return `${dataPath}.index`;
}

/** How thoroughly verify checks: see verify/verify.ts. */
export const VERIFY_LEVELS = ['quick', 'checksums', 'full'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];
