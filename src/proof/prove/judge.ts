/**
 * Judges a user's differences in the light of earlier runs. A difference that could be a recent
 * change counts as wrong once it has been there for longer than the grace period: replication does
 * not bring it.
 */
import { timestampText } from '../../mailbox/timestamp.ts';
import { fingerprintOf } from './difference.ts';
import type { Difference } from './difference.ts';
import type { UserMemory } from './memory.ts';

export type UserVerdict =
  | 'proved' // the backup is what the server has
  | 'behind' // the server has moved on; all else is proved
  | 'wrong' // something differs that no later change explains
  | 'no backup' // the server has the user, no backup does
  | 'failed'; // it could not be looked at

export interface JudgedDifference extends Difference {
  /** When a run first saw the difference, unix seconds. */
  readonly firstSeen: number;
}

export interface Judgement {
  readonly verdict: 'proved' | 'behind' | 'wrong';
  readonly differences: readonly JudgedDifference[];
  readonly memory: UserMemory;
}

export interface JudgeOptions {
  /** Unix seconds. */
  readonly now: number;
  readonly graceSeconds: number;
}

export function judge(
  differences: readonly Difference[],
  before: UserMemory | undefined,
  { now, graceSeconds }: JudgeOptions,
): Judgement {
  const open: Record<string, number> = {};
  const judged = differences.map((difference): JudgedDifference => {
    const key = fingerprintOf(difference);
    const firstSeen = before?.open[key] ?? now;
    open[key] = firstSeen;
    if (difference.verdict === 'wrong' || now - firstSeen < graceSeconds) return { ...difference, firstSeen };
    const note = `has been so since ${timestampText(firstSeen)}`;
    const notes = difference.note === undefined ? note : `${difference.note}; ${note}`;
    return { ...difference, verdict: 'wrong', note: notes, firstSeen };
  });
  const isWrong = judged.some(({ verdict }) => verdict === 'wrong');
  const verdict = judged.length === 0 ? 'proved' : isWrong ? 'wrong' : 'behind';
  const proved = verdict === 'proved' ? now : (before?.proved ?? null);
  return { verdict, differences: judged.toSorted(worstFirst), memory: { checked: now, proved, open } };
}

function worstFirst(a: JudgedDifference, b: JudgedDifference): number {
  const rank = Number(b.verdict === 'wrong') - Number(a.verdict === 'wrong');
  return rank === 0 ? a.firstSeen - b.firstSeen : rank;
}
