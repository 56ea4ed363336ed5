/**
 * How long the kernel may trust its cached answers, in milliseconds. This is the only place for
 * these values.
 *
 * They apply to transports that invalidate changes (changes.ts), where they only limit the effect
 * of a missed change. fuse-native cannot invalidate, and has its own value in
 * fuse-native/fuseNativeMount.ts.
 */

/** For folders' attributes, and for the fact that a name leads to its folder. */
export const FOLDER_VALID_MS = 60_000;

/**
 * A message changes only in its flags, and with them its ctime. Both this and its expunging are
 * invalidated.
 */
export const MESSAGE_VALID_MS = 600_000;

/**
 * For what changes without being invalidated: everything except the present living mail under the
 * listed names.
 */
export const UNNOTICED_VALID_MS = 1000;

/**
 * Absent names are never cached. Programs ask for few of them, and otherwise every new message
 * would have to be invalidated by name.
 */
export const NEGATIVE_VALID_MS = 0;

/**
 * How long the tree may use a backup's files after others have replaced them, or its path from the
 * catalogue.
 */
export const RECHECK_MS = 1000;
