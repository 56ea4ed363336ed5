/**
 * The fold of ANNOTATION and UNANNOTATION, which say one annotation of a mailbox apart from its MAILBOX line (sync_client does
 * so where nothing else of the mailbox has changed). It becomes part of the mailbox's state, among the ANNOTATIONS that
 * MAILBOX lines carry, so that there is one place to ask. Those of the server have an empty mailbox name, and are items.
 */
import type { FoldContext } from './fold.ts';
import { keepMailbox, nonexistent } from './foldMailbox.ts';
import { putItem } from './foldItem.ts';
import { mailboxByName } from './queries.ts';
import { parseState, printState } from './state.ts';
import type { FoldLine, LiveMailbox } from './types.ts';
import { KeyValues, getString, optionalList, optionalString, toKeyValues } from '../protocol/dlist.ts';
import type { Dlist } from '../protocol/dlist.ts';
import { printDlist } from '../protocol/print.ts';

/** What tells annotations of one mailbox apart, in the order in which masters list them. */
type AnnotationName = readonly [entry: string, userid: string];

/** Returns whether it changed anything. */
export function foldAnnotation(context: FoldContext, line: FoldLine): boolean {
  const kv = toKeyValues(line.value, line.name);
  const mboxname = getString(kv, 'MBOXNAME');
  const name: AnnotationName = [getString(kv, 'ENTRY'), getString(kv, 'USERID')];
  // An empty value is an annotation removed.
  const value = line.name === 'UNANNOTATION' ? '' : getString(kv, 'VALUE');
  if (mboxname === '') {
    return putItem(
      context,
      'annotation',
      name.join('\0'),
      value === '' ? null : printDlist(line.value, 'log'),
    );
  }
  const mailbox = mailboxByName(context.index, mboxname);
  if (mailbox === undefined) throw nonexistent(mboxname);
  return putState(
    context,
    mailbox,
    annotated(mailbox.state, name, value, optionalString(kv, 'MODSEQ') ?? '0'),
  );
}

function putState(context: FoldContext, mailbox: LiveMailbox, state: string): boolean {
  const { index, now } = context;
  if (state === mailbox.state) return false;
  keepMailbox(context, mailbox);
  index.run('UPDATE mailbox SET state = ?, since = ?, changed = ? WHERE id = ?', state, now, now, mailbox.id);
  return true;
}

/** The state with an annotation set, or with an empty value taken out. */
function annotated(state: string, name: AnnotationName, value: string, modseq: string): string {
  const entries = parseState(state).entries.filter(([key]) => key !== 'ANNOTATIONS');
  const others = annotationsOf(state).filter((annotation) => compareNames(nameOf(annotation), name) !== 0);
  const [entry, userid] = name;
  const own = new KeyValues([
    ['ENTRY', entry],
    ['USERID', userid],
    ['MODSEQ', modseq],
    ['VALUE', value],
  ]);
  const all = value === '' ? others : [...others, own];
  if (all.length === 0) return printState(entries);
  const sorted: Dlist = all.toSorted((a, b) => compareNames(nameOf(a), nameOf(b)));
  return printState([...entries, ['ANNOTATIONS', sorted]]);
}

/** Of a mailbox as a master sends it. Throws 'bad-parameters' where its annotations could not be told apart later. */
export function requireAnnotations(mailbox: KeyValues): void {
  for (const item of optionalList(mailbox, 'ANNOTATIONS') ?? []) nameOf(toKeyValues(item, 'ANNOTATIONS'));
}

/** A mailbox's own annotations, %(ENTRY USERID MODSEQ VALUE), from its state. */
export function annotationsOf(state: string): KeyValues[] {
  const list = parseState(state).get('ANNOTATIONS');
  return Array.isArray(list) ? list.filter((item) => item instanceof KeyValues) : [];
}

function nameOf(annotation: KeyValues): AnnotationName {
  return [getString(annotation, 'ENTRY'), optionalString(annotation, 'USERID') ?? ''];
}

function compareNames([entry, userid]: AnnotationName, [otherEntry, otherUserid]: AnnotationName): number {
  return compare(entry, otherEntry) || compare(userid, otherUserid);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
