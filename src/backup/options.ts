/** As the originals write, and zlib's default. */
export const COMPRESSION_LEVEL = 6;

/** What a backup needs to know of the configuration. */
export interface BackupOptions {
  /** Where staged messages that do not fit in memory go (backup_staging_path). */
  readonly stagingDirectory: string;
  /** 1 to 9; the originals write with zlib's default, 6. */
  readonly compressionLevel: number;
  /** How long an open waits for another holder of the backup, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** Lets others have their turn of the thread, between two steps of long work. */
export type Turn = () => Promise<void>;

/** Something that an administrator would want to read: a repair, a rebuilt index, damage. */
export type Notice = (message: string) => void;

export function indexPath(dataPath: string): string {
  return `${dataPath}.index`;
}

/** How thoroughly verify looks: see verify.ts. */
export const VERIFY_LEVELS = ['quick', 'checksums', 'full'] as const;
export type VerifyLevel = (typeof VERIFY_LEVELS)[number];
