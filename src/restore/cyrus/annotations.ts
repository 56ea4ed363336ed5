/**
 * Annotations, of a mailbox or of a record, as every Cyrus server takes them. Cyrus 3.0 sends them without MODSEQ, and a
 * message's thread as nobody's (USERID NIL); later servers refuse both (imap/sync_support.c, decode_annotations).
 */
import { KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';

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
