/** GUIDs of messages: the SHA-1 of a message's bytes, as 40 lower-case hex digits. */

/** Whether the text is a GUID in the form in which it is stored and compared. */
export function isGuid(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** The GUID of no message, which old masters send for records whose message they have lost. */
export const nullGuid = '0'.repeat(40);
