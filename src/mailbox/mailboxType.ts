/**
 * Recognizes mailboxes that hold no mail: calendars, address books, WebDAV files, notifications,
 * scripts, JMAP's queues. Cyrus marks them by type (cyrus-imapd imap/mboxlist.c,
 * mboxlist_mbtype_to_string), and by names such as `#calendars`.
 */

/**
 * MBOXTYPE letters without mail: collection, calendar, address book, JMAP notifications, sieve,
 * JMAP submissions, push subscriptions.
 */
const TYPES_WITHOUT_MAIL = /[bcajvsp]/;

/**
 * Reports whether a mailbox holds mail. `boxes` are the name's levels below the user. `type` is the
 * mailbox's MBOXTYPE, which is NIL for mail.
 */
export function holdsMail(boxes: readonly string[], type: string | undefined): boolean {
  const [first = ''] = boxes;
  if (first.startsWith('#')) return false;
  return type === undefined || type === '' || !TYPES_WITHOUT_MAIL.test(type);
}
