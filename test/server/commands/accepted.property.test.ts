/**
 * Whatever a master may send, and is accepted, must survive: random commands, of any sense or none, then GET, verify, reindex and
 * compact all work, and all say the same as before.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { CommandSite, compact, faultsOf, reindex } from '../commandSite.ts';
import { crcOf, madeRecord, message, upload } from '../made.ts';

const START = 1_700_000_000;
/** So many histories. */
const RUNS = Number(process.env['RUNS'] ?? 60);
const BODIES = ['one', 'two', 'three', 'four'].map(message);

/** Any string as a master could write it: atom, quoted or literal. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('A', 'b.c', 'NIL', '17', 'user.anne', '\\Seen', 'x') },
  fc.constantFrom(
    '""',
    '"a b"',
    '"NIL"',
    '"\\\\Seen"',
    '"\\\\Expunged"',
    '"a\\"b"',
    '{3+}\r\na)b',
    '{4+}\r\n\xe9\r\n\0',
  ),
  fc.constantFrom('{0+}\r\n', '%(k v)', '(x)', '()', '%()', '00017', '-1', '"\t"', '\\', '\\a(b)'),
);
const flag = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('\\Seen', '\\Flagged', '$Label', '\\Expunged', '\\expunged') },
  { weight: 1, arbitrary: text },
);
const name = fc.constantFrom(
  'user.anne',
  'user.anne.A',
  'user.anne.B',
  'user.anne.A.b',
  'DELETED.user.anne.A.5F3A',
);
const uniqueid = fc.constantFrom('u1', 'u2', 'u3', 'u4');
const uid = fc.integer({ min: 1, max: 4 });

const RECORD_KEYS = [
  'CID',
  'x',
  '"k y"',
  'GUID',
  'FLAGS',
  'MODSEQ',
  'INTERNALDATE',
  'SIZE',
  'UID',
  'ANNOTATIONS',
] as const;
const MAILBOX_KEYS = [
  'ACL',
  'x',
  '"k y"',
  'RECORD',
  'LAST_UID',
  'UIDVALIDITY',
  'SYNC_CRC',
  'MBOXNAME',
  'ANNOTATIONS',
] as const;

const record = fc
  .record({
    uid,
    body: fc.nat(3),
    modseq: fc.integer({ min: 1, max: 9 }),
    flags: fc.array(flag, { maxLength: 2 }),
    // Of a key that comes twice the first one counts.
    extra: fc.option(fc.tuple(fc.constantFrom(...RECORD_KEYS), text), { freq: 8 }),
  })
  .map(({ uid, body, modseq, flags, extra }) => {
    const made = madeRecord(uid, modseq, BODIES[body] as string, flags);
    const more = extra === null ? '' : `${extra.join(' ')} `;
    return { made, text: recordText(made, more) };
  });

function recordText({ uid, modseq, guid, size, flags }: ReturnType<typeof madeRecord>, more: string): string {
  const times = `LAST_UPDATED ${START} FLAGS (${flags.join(' ')}) INTERNALDATE ${START + uid}`;
  return `%(${more}UID ${uid} MODSEQ ${modseq} ${times} SIZE ${size} GUID ${guid})`;
}

const mailbox = fc
  .record({
    name,
    uniqueid,
    records: fc.uniqueArray(record, { selector: ({ made }) => made.uid, maxLength: 4 }),
    crc: fc.constantFrom('listed', 'zero', 'none', '5', '6'),
    isIntermediate: fc.integer({ max: 9 }).map((n) => n === 9),
    since: fc.constantFrom('', ' SINCE_MODSEQ 0', ' SINCE_MODSEQ 3'),
    extra: fc.option(
      fc.tuple(
        fc.constantFrom(...MAILBOX_KEYS),
        fc.oneof(text, fc.constant('(%(ENTRY /comment USERID "" VALUE v))')),
      ),
      { freq: 6 },
    ),
  })
  .map(({ name, uniqueid, records, crc, isIntermediate, since, extra }) => {
    if (isIntermediate) return `APPLY MAILBOX %(UNIQUEID ${uniqueid} MBOXNAME ${name} CREATEDMODSEQ 1)\r\n`;
    const listed = records.map(({ made }) => made);
    const sums = { listed: crcOf(listed), zero: 0, none: null, 5: 5, 6: 6 }[crc];
    const crcs = sums === null ? '' : ` SYNC_CRC ${sums} SYNC_CRC_ANNOT ${crc === 'zero' ? 0 : 12345678}`;
    const more = extra === null ? '' : `${extra.join(' ')} `;
    const state = `${more}UNIQUEID ${uniqueid} MBOXNAME ${name} LAST_UID 4 HIGHESTMODSEQ 9 UIDVALIDITY 17${crcs}${since}`;
    return `APPLY MAILBOX %(${state} RECORD (${records.map((each) => each.text).join(' ')}))\r\n`;
  });

const keyed = (
  words: string,
  ...keys: readonly (readonly [string, fc.Arbitrary<string>])[]
): fc.Arbitrary<string> =>
  fc
    .tuple(...keys.map(([, value]) => value))
    .map((values) => `APPLY ${words} %(${keys.map(([key], at) => `${key} ${values[at]}`).join(' ')})\r\n`);

const anne = ['USERID', fc.constant('anne')] as const;
const command = fc.oneof(
  { weight: 12, arbitrary: mailbox },
  fc
    .array(fc.constantFrom(...BODIES), { minLength: 1, maxLength: 3 })
    .map((some) => upload(...some).toString('latin1')),
  keyed('EXPUNGE', ['MBOXNAME', name], ['UNIQUEID', uniqueid], ['UID', uid.map((one) => `(${one})`)]),
  keyed(
    'RENAME',
    ['OLDMBOXNAME', name],
    ['NEWMBOXNAME', name],
    ['PARTITION', text],
    ['UIDVALIDITY', fc.constantFrom('18', 'NIL')],
    ['UNIQUEID', fc.oneof(uniqueid, fc.constant('NIL'))],
  ),
  name.map((one) => `APPLY UNMAILBOX ${one}\r\n`),
  fc.constant('APPLY UNUSER anne\r\n'),
  keyed('SEEN', anne, ['UNIQUEID', fc.oneof(uniqueid, text)], ['LASTREAD', text], ['SEENUIDS', text]),
  keyed('SUB', anne, ['MBOXNAME', fc.oneof(name, text)]),
  keyed('UNSUB', anne, ['MBOXNAME', fc.oneof(name, text)]),
  keyed(
    'SIEVE',
    anne,
    ['FILENAME', fc.oneof(fc.constant('main.script'), text)],
    ['LAST_UPDATE', text],
    ['CONTENT', text],
  ),
  keyed('UNSIEVE', anne, ['FILENAME', fc.oneof(fc.constant('main.script'), text)]),
  keyed('ACTIVATE_SIEVE', anne, ['FILENAME', fc.oneof(fc.constant('main.bc'), text)]),
  keyed('UNACTIVATE_SIEVE', anne, ['x', text]),
  keyed('QUOTA', ['ROOT', name], ['STORAGE', text]),
  name.map((one) => `APPLY UNQUOTA ${one}\r\n`),
  keyed('ANNOTATION', ['MBOXNAME', name], ['ENTRY', text], ['USERID', text], ['VALUE', text]),
  keyed('UNANNOTATION', ['MBOXNAME', name], ['ENTRY', text], ['USERID', text]),
);
const history = fc.array(
  fc.record({
    command,
    after: fc.constantFrom(0, 0, 1, 2, 3),
    endsSession: fc.integer({ max: 4 }).map((n) => n === 4),
  }),
  { minLength: 3, maxLength: 25 },
);

describe('random commands that are accepted', () => {
  it('are the same by GET, after verify, reindex and compaction, at any horizon', async function () {
    this.timeout(60_000 + 200 * RUNS);
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.array(fc.nat(40), { minLength: 1, maxLength: 2 }),
        async (steps, horizons) => {
          const site = new CommandSite();
          site.nowS = START;
          try {
            for (const { command, after, endsSession } of steps) {
              site.nowS += after;
              await site.run(command);
              if (endsSession) await site.release();
            }
            const asked = await site.ask();
            const path = site.catalog.find('anne');
            if (path === null) return;
            expect(await faultsOf(path)).to.deep.equal([]);
            await reindex(path);
            expect(await site.ask(), 'after a reindex').to.deep.equal(asked);
            for (const horizon of [0, ...horizons]) {
              await compact(path, START + horizon);
              expect(await site.ask(), `after a compaction at ${horizon}`).to.deep.equal(asked);
              expect(await faultsOf(path)).to.deep.equal([]);
            }
          } finally {
            site.remove();
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});
