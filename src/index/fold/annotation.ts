/**
 * Folds ANNOTATION and UNANNOTATION, which carry one annotation of a mailbox outside its MAILBOX
 * line. sync_client sends these lines if nothing else in the mailbox has changed.
 *
 * The annotation becomes part of the mailbox's state, in the same ANNOTATIONS list that MAILBOX
 * lines carry. So queries read annotations from one place only. Server annotations have an empty
 * mailbox name and are stored as items.
 */
import type { FoldContext } from './fold.ts';
import { keepMailbox, nonexistent } from './mailbox.ts';
import { putItem } from './item.ts';
import { mailboxByName } from '../queries/mailboxes.ts';
import { parseState, printState } from './state.ts';
import type { FoldLine, LiveMailbox } from '../types.ts';
import { KeyValues, getString, optionalList, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { printDlist } from '../../protocol/print.ts';

/**
 * Identifies an annotation within a mailbox. Masters list annotations in the order of these fields.
 */
type AnnotationName = readonly [entry: string, userid: string];

/** Folds the line; returns whether it changed anything. */
export function* foldAnnotation(context: FoldContext, line: FoldLine): Generator<void, boolean, void> {
  const kv = toKeyValues(line.value, line.name);
  const mboxname = getString(kv, 'MBOXNAME');
  const name: AnnotationName = [getString(kv, 'ENTRY'), getString(kv, 'USERID')];
  // An empty value removes the annotation.
  const value = line.name === 'UNANNOTATION' ? '' : getString(kv, 'VALUE');
  if (mboxname === '') {
    const printed = value === '' ? null : printDlist(line.value, 'log');
    return yield* putItem(context, 'annotation', name.join('\0'), printed);
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

/** Returns the state with an annotation set, or removed if the value is empty. */
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

/**
 * Checks a mailbox received from a master. Throws 'bad-parameters' if an annotation lacks the keys
 * that identify it.
 */
export function requireAnnotations(mailbox: KeyValues): void {
  for (const item of optionalList(mailbox, 'ANNOTATIONS') ?? []) nameOf(toKeyValues(item, 'ANNOTATIONS'));
}

/** Returns the annotations in a mailbox's state, each %(ENTRY USERID MODSEQ VALUE). */
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
