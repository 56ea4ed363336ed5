/**
 * Converts annotations of a mailbox or a record to a form that every Cyrus server accepts. Cyrus
 * 3.0 sends them without MODSEQ, and a message's thread ID without an owner (USERID NIL). Later
 * servers refuse both (imap/sync_support.c, decode_annotations).
 */
import { KeyValues, optionalString } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';

export function takenAnnotations(annotations: Dlist): Dlist {
  if (!Array.isArray(annotations)) return annotations;
  return annotations.map((annotation) => (annotation instanceof KeyValues ? taken(annotation) : annotation));
}

function taken(annotation: KeyValues): KeyValues {
  const entries = annotation.entries.map(([key, value]): [string, Dlist] => [
    key,
    key === 'USERID' ? (value ?? '') : value,
  ]);
  return new KeyValues(annotation.get('MODSEQ') == null ? [...entries, ['MODSEQ', '0']] : entries);
}

/** Annotations that Cyrus itself keeps about a message: threads, save date and creation modseq. */
const INTERNAL = /^\/vendor\/cmu\/cyrus-imapd\/(?:thrid|basethrid|savedate|createdmodseq)$/;

/**
 * Returns the entry names of a record's annotations (printed form) that people or their programs
 * have set.
 */
export function setAnnotations(annotations: string | null): string[] {
  if (annotations === null || annotations === '()') return [];
  const list = parseDlist(annotations);
  if (!Array.isArray(list)) return [];
  return list.flatMap((annotation) => {
    const entry = annotation instanceof KeyValues ? optionalString(annotation, 'ENTRY') : undefined;
    return entry === undefined || INTERNAL.test(entry) ? [] : [entry];
  });
}
