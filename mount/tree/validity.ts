/**
 * For how long the kernel may believe what it was told, in milliseconds: the one place for it.
 *
 * These hold for a transport that tells the kernel of changes (changes.ts), where they only bound the harm of a change
 * that went unnoticed. One that cannot has its own: fuse-native/fuseNativeMount.ts.
 */

/** Attributes of folders, and that they are where they are. */
export const FOLDER_VALID_MS = 60_000;

/** Of a message only flags change, and with them ctime; that is told, as it is that it was expunged. */
export const MESSAGE_VALID_MS = 600_000;

/** What changes without the kernel being told: all but the living mail of the present under the names that are listed. */
export const UNNOTICED_VALID_MS = 1000;

/** That a name is not there is never believed: programs ask for few such names, and new mail would have to be told by name. */
export const NEGATIVE_VALID_MS = 0;

/** For how long the tree goes on with the files of a backup that others have replaced, and with its place in the catalogue. */
export const LOOK_AGAIN_MS = 1000;
