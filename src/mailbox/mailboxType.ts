/**
 * Mailboxes that hold no mail: calendars, address books, files of WebDAV, notifications, scripts, JMAP's queues. Cyrus marks
 * them by type (cyrus-imapd imap/mboxlist.c, mboxlist_mbtype_to_string), and by names such as `#calendars`.
 */

/** Collection, calendar, address book, JMAP notifications, sieve, JMAP submissions, push subscriptions. */
const TYPES_WITHOUT_MAIL = /[bcajvsp]/;

/** `boxes`: the name's levels below the user. `type`: MBOXTYPE, NIL for mail. */
export function holdsMail(boxes: readonly string[], type: string | undefined): boolean {
  const [first = ''] = boxes;
  if (first.startsWith('#')) return false;
  return type === undefined || type === '' || !TYPES_WITHOUT_MAIL.test(type);
}
