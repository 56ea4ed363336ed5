/**
 * For how long the kernel may believe what it was told, in milliseconds: the one place for it.
 *
 * These hold for a transport that tells the kernel of changes (changes.ts), where they only bound the harm of a change
 * that went unnoticed. One that cannot has its own: fuse-native/fuseNativeMount.ts.
 */

/** Attributes of folders, and that they are where they are. */
export const FOLDER_VALID_MS = 60_000;

/** A message never changes, and its name is taken back when it is expunged. */
export const MESSAGE_VALID_MS = 600_000;

/** That a name is not there is never believed: programs ask for few such names, and new mail would have to be told by name. */
export const NEGATIVE_VALID_MS = 0;

/** For how long the tree goes on with the files of a backup that others have replaced, and with its place in the catalogue. */
export const LOOK_AGAIN_MS = 1000;
