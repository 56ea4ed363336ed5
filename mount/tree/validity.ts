/**
 * Defines how long the kernel may use its cached answers, in milliseconds. All such values are
 * defined here.
 *
 * They apply to transports that can invalidate (changes.ts). For these, the values only limit how
 * long a missed change stays unseen. fuse-native cannot invalidate. Its value is in
 * fuse-native/fuseNativeMount.ts.
 */

/** For a folder's attributes, and for the fact that a name leads to that folder. */
export const FOLDER_VALID_MS = 60_000;

/**
 * For messages. Only the flags of a message can change, and its ctime with them. Such a change is
 * invalidated, and so is the expunging of a message.
 */
export const MESSAGE_VALID_MS = 600_000;

/**
 * For everything that can change without being invalidated. Only the present living mail in the
 * tree of the default view is invalidated.
 */
export const UNNOTICED_VALID_MS = 1000;

/**
 * For names that do not exist. They are never cached. Programs look up few of them, and caching
 * them would require an invalidation for the name of every new message.
 */
export const NEGATIVE_VALID_MS = 0;

/**
 * How long the tree may use the files of a backup after they were replaced, and a path from the
 * catalogue after it has changed.
 */
export const RECHECK_MS = 1000;
