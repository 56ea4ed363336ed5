/**
 * Describes in one line what the backup contains but the destination cannot hold, so that nothing
 * is left out silently.
 */
import { optionalList, optionalString } from '../../protocol/dlist.ts';
import type { What } from '../cyrus/job.ts';
import type { Move } from '../destination.ts';
import type { RestoreSource } from '../source.ts';

/**
 * Returns undefined if the destination holds everything that is wanted. `isWholeUser`: includes
 * settings that belong to no mailbox.
 */
export function notCarried(
  source: RestoreSource,
  moves: readonly Move[],
  wanted: ReadonlySet<What>,
  carries: ReadonlySet<What>,
  isWholeUser: boolean,
): string | undefined {
  const isLost = (what: What): boolean => wanted.has(what) && !carries.has(what);
  const parts: string[] = [];
  const add = (count: number, one: string, many = `${one}s`): void => {
    if (count > 0) parts.push(`${count} ${count === 1 ? one : many}`);
  };
  const states = moves.map(({ selected }) => selected.state);
  const isShared = (acl: string): boolean =>
    acl.split('\t').some((word, at) => at % 2 === 0 && word !== '' && word !== source.userid);
  if (isLost('acl')) {
    const shared = states.filter((state) => isShared(optionalString(state, 'ACL') ?? ''));
    add(shared.length, 'ACL that gives rights to others', 'ACLs that give rights to others');
  }
  if (isLost('annotations')) {
    add(
      states.filter((state) => (optionalList(state, 'ANNOTATIONS') ?? []).length > 0).length,
      'annotated mailbox',
      'annotated mailboxes',
    );
    add(annotatedMessages(moves), 'annotated message');
  }
  if (isWholeUser) {
    if (isLost('sieve')) add(source.items('sieve').length, 'sieve script');
    if (isLost('subs')) add(source.items('sub').length, 'subscription');
    if (isLost('quota')) add(source.items('quota').length, 'quota limit');
    if (isLost('seen'))
      add(source.items('seen').length, 'seen state of shared folders', 'seen states of shared folders');
  }
  return parts.length === 0 ? undefined : `not carried by this destination: ${parts.join(', ')}`;
}

/** Annotations that Cyrus itself keeps about a message: threads, save date and creation modseq. */
const INTERNAL = /\/vendor\/cmu\/cyrus-imapd\/(?:thrid|basethrid|savedate|createdmodseq)/g;

function annotatedMessages(moves: readonly Move[]): number {
  let count = 0;
  for (const { selected } of moves) {
    for (const { annotations, expunged } of selected.allRecords()) {
      if (annotations === null || expunged !== null) continue;
      const entries = annotations.match(/\bENTRY /g)?.length ?? 0;
      if (entries > (annotations.match(INTERNAL)?.length ?? 0)) count += 1;
    }
  }
  return count;
}
