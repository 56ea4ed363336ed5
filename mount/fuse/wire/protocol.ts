/** Constants of the FUSE kernel protocol, version 7. Source: linux include/uapi/linux/fuse.h. */

export const MAJOR = 7;
/**
 * The lowest supported minor version (that of Linux 5.4), and the highest version whose structures
 * are implemented.
 */
export const MIN_MINOR = 31;
export const MAX_MINOR = 38;

export const OPCODE = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  READLINK: 5,
  OPEN: 14,
  READ: 15,
  STATFS: 17,
  RELEASE: 18,
  GETXATTR: 22,
  LISTXATTR: 23,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  ACCESS: 34,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  READDIRPLUS: 44,
  LSEEK: 46,
} as const;

/** Codes of the messages sent to the kernel without a request (enum fuse_notify_code). */
export const NOTIFY = { INVAL_INODE: 2, INVAL_ENTRY: 3, STORE: 4 } as const;

/** INIT flags (FUSE_ASYNC_READ and so on). */
export const INIT_FLAG = {
  ASYNC_READ: 1 << 0,
  EXPORT_SUPPORT: 1 << 4,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  NO_OPEN_SUPPORT: 1 << 17,
  PARALLEL_DIROPS: 1 << 18,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  NO_OPENDIR_SUPPORT: 1 << 24,
} as const;

/** The size of struct fuse_in_header. */
export const IN_HEADER_BYTES = 40;
/** The size of struct fuse_out_header. */
export const OUT_HEADER_BYTES = 16;

/** The most pages in one request. It is the kernel's default limit (fs.fuse.max_pages_limit). */
export const MAX_PAGES = 256;
export const MAX_READ_BYTES = MAX_PAGES * 4096;

/** The largest write. The mount is read-only, but the kernel requires at least a page. */
export const MAX_WRITE_BYTES = 4096;
/**
 * The size of the buffer for requests. It must be larger than each of these:
 *
 * - FUSE_MIN_READ_BUFFER
 * - a write of MAX_WRITE_BYTES with its headers
 * - the longest useful BATCH_FORGET
 */
export const REQUEST_BYTES = 64 * 1024;
