import { expect } from 'chai';
import fc from 'fast-check';
import { fold } from '../../../src/index/fold/fold.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { livingMailboxes, mailboxesAt } from '../../../src/index/queries/mailboxes.ts';
import { recordsOf } from '../../../src/index/queries/records.ts';
import { START, line, mailboxLine } from '../../support/backups.ts';

type Step =
  | {
      readonly kind: 'mailbox';
      readonly id: number;
      readonly name: number;
      readonly uids: readonly number[];
      readonly flag: string;
    }
  | { readonly kind: 'expunge'; readonly id: number; readonly uid: number }
  | { readonly kind: 'rename'; readonly from: number; readonly to: number }
  | { readonly kind: 'unmailbox'; readonly name: number };

/** What a mailbox is, said without SQL: its name while it lives, and each record's flags. */
interface Model {
  readonly name: string | null;
  /** null: expunged. */
  readonly flags: ReadonlyMap<number, string | null>;
}

type State = ReadonlyMap<string, Model>;

const small = fc.integer({ min: 1, max: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('mailbox' as const),
    id: small,
    name: small,
    uids: fc.uniqueArray(small),
    flag: fc.constantFrom('', '\\Seen', '\\Flagged', '\\Expunged'),
  }),
  fc.record({ kind: fc.constant('expunge' as const), id: small, uid: small }),
  fc.record({ kind: fc.constant('rename' as const), from: small, to: small }),
  fc.record({ kind: fc.constant('unmailbox' as const), name: small }),
);
const steps = fc.array(fc.record({ step, after: fc.integer({ min: -1, max: 2 }) }), { maxLength: 30 });

const nameOf = (number: number): string => `user.anne.${number}`;

/** The state with the living mailbox of a name ended, unless it is the one. */
function without(state: State, name: string, but?: string): Map<string, Model> {
  const ended = ([id, model]: [string, Model]): [string, Model] =>
    model.name === name && id !== but ? [id, { ...model, name: null }] : [id, model];
  return new Map([...state].map(ended));
}

/** What the step makes of a state; null where it is refused. */
function apply(state: State, step: Step): State | null {
  if (step.kind === 'unmailbox') return without(state, nameOf(step.name));
  if (step.kind === 'rename') {
    const found = [...state].find(([, { name }]) => name === nameOf(step.from));
    if (found === undefined) return null;
    return without(state, nameOf(step.to), found[0]).set(found[0], { ...found[1], name: nameOf(step.to) });
  }
  const id = `u${step.id}`;
  const old = state.get(id);
  const flags = new Map(old?.flags);
  if (step.kind === 'expunge') {
    if (old === undefined) return null;
    if (flags.has(step.uid)) flags.set(step.uid, null);
    return new Map(state).set(id, { ...old, flags });
  }
  for (const uid of step.uids) flags.set(uid, step.flag === '\\Expunged' ? null : step.flag);
  return without(state, nameOf(step.name), id).set(id, { name: nameOf(step.name), flags });
}

function foldStep(index: IndexFile, step: Step, time: number): boolean {
  index.begin();
  try {
    if (step.kind === 'unmailbox') fold(index, line(time, 'UNMAILBOX', nameOf(step.name)), 1);
    else if (step.kind === 'rename') {
      const names = `OLDMBOXNAME ${nameOf(step.from)} NEWMBOXNAME ${nameOf(step.to)}`;
      fold(index, line(time, 'RENAME', `%(${names} PARTITION default UIDVALIDITY 17)`), 1);
    } else if (step.kind === 'expunge') {
      fold(index, line(time, 'EXPUNGE', `%(MBOXNAME x UNIQUEID u${step.id} UID (${step.uid}))`), 1);
    } else {
      const records = step.uids.map((uid) => ({ uid, message: `m${uid}`, flags: step.flag }));
      fold(index, mailboxLine(time, { uniqueid: `u${step.id}`, name: nameOf(step.name), records }), 1);
    }
    index.commit();
    return true;
  } catch {
    index.rollback();
    return false;
  }
}

type Shown = Record<string, Record<number, string>>;

function shownOf(state: State): Shown {
  const shown: Shown = {};
  for (const [id, { name, flags }] of state) {
    if (name === null) continue;
    const living = [...flags].filter((entry): entry is [number, string] => entry[1] !== null);
    shown[`${id} ${name}`] = Object.fromEntries(living);
  }
  return shown;
}

function shownAt(index: IndexFile, time: number | null): Shown {
  const mailboxes = time === null ? [...livingMailboxes(index)] : mailboxesAt(index, time);
  const shown: Shown = {};
  for (const { id, uniqueid, name } of mailboxes) {
    const rows = [...recordsOf(index, id, time, 'living')];
    shown[`${uniqueid} ${name}`] = Object.fromEntries(rows.map(({ uid, flags }) => [uid, flags]));
  }
  return shown;
}

function checksums(index: IndexFile): unknown[] {
  const sum = new Map<number, number>();
  for (const { mailboxId, crc } of index.all<{ mailboxId: number; crc: number }>(
    'SELECT mailbox_id AS mailboxId, crc FROM record',
  )) {
    sum.set(mailboxId, ((sum.get(mailboxId) ?? 0) ^ crc) >>> 0);
  }
  return index
    .all<{ id: number; crc: number }>('SELECT id, crc FROM mailbox')
    .filter(({ id, crc }) => crc !== (sum.get(id) ?? 0));
}

describe('the fold and a model without SQL', () => {
  it('agree on what is, and on what was at every second', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const index = IndexFile.create(':memory:');
        try {
          const history = new Map<number, State>([[START, new Map()]]);
          let state: State = new Map();
          let now = START;
          for (const { step, after } of sequence) {
            const clock = Math.max(START, now + after);
            const next = apply(state, step);
            expect(foldStep(index, step, clock)).to.equal(next !== null);
            if (next === null) continue;
            state = next;
            // A clock that is set back stands still.
            now = Math.max(now, clock);
            history.set(now, state);
          }
          expect(shownAt(index, null)).to.deep.equal(shownOf(state));
          for (const [time, past] of history) expect(shownAt(index, time)).to.deep.equal(shownOf(past));
          expect(checksums(index)).to.deep.equal([]);
        } finally {
          index.close();
        }
      }),
      { numRuns: 300 },
    );
  });
});
