import { expect } from 'chai';
import {
  annotCrc,
  annotsCrc,
  combineCrc,
  initialAnnotCrc,
  initialRecordCrc,
  recordCrc,
} from '../../src/protocol/crc.ts';
import type { CrcAnnotation, CrcRecord } from '../../src/protocol/crc.ts';
import {
  Flag,
  getList,
  getNumber,
  getString,
  toKeyValues,
  toKeyValuesList,
} from '../../src/protocol/dlist.ts';
import type { KeyValues } from '../../src/protocol/dlist.ts';
import { fullMailbox, sentMailbox } from './sessions.ts';
import { readSession, sourceOf } from './sources.ts';

function recordOf(values: KeyValues): CrcRecord {
  return {
    uid: getNumber(values, 'UID'),
    modseq: getNumber(values, 'MODSEQ'),
    lastUpdated: getNumber(values, 'LAST_UPDATED'),
    flags: getList(values, 'FLAGS').map((flag) => (flag instanceof Flag ? flag.name : (flag as string))),
    internaldate: getNumber(values, 'INTERNALDATE'),
    guid: getString(values, 'GUID'),
  };
}

function annotationsOf(values: KeyValues): CrcAnnotation[] {
  return toKeyValuesList(values.get('ANNOTATIONS'), 'ANNOTATIONS').map((annotation) => ({
    entry: getString(annotation, 'ENTRY'),
    userid: getString(annotation, 'USERID'),
    value: getString(annotation, 'VALUE'),
  }));
}

describe('mailbox checksums', () => {
  for (const command of [fullMailbox, sentMailbox]) {
    it('are those that a master sent with the same records', async () => {
      const { commands } = await readSession(sourceOf(command));
      const mailbox = toKeyValues(commands[0]!.value, 'MAILBOX');
      let crc = initialRecordCrc;
      let annot = initialAnnotCrc;
      for (const values of toKeyValuesList(mailbox.get('RECORD'), 'RECORD')) {
        const record = recordOf(values);
        crc = combineCrc(crc, recordCrc(record));
        annot = combineCrc(annot, annotsCrc(record.uid, annotationsOf(values)));
      }
      expect(crc).to.equal(getNumber(mailbox, 'SYNC_CRC'));
      expect(annot).to.equal(getNumber(mailbox, 'SYNC_CRC_ANNOT'));
    });
  }

  const record: CrcRecord = {
    uid: 1,
    modseq: 2n,
    lastUpdated: 3,
    flags: ['\\Seen', '$Label'],
    internaldate: 4,
    guid: '0'.repeat(40),
  };

  it('do not depend on the order nor the case of flags, nor on a session’s own', () => {
    const crc = recordCrc(record);
    expect(recordCrc({ ...record, flags: ['$LABEL', '\\SEEN', '\\Recent'] })).to.equal(crc);
    expect(recordCrc({ ...record, flags: ['\\Seen'] })).to.not.equal(crc);
    expect(recordCrc({ ...record, modseq: 2 })).to.equal(crc);
  });

  it('count a conversation by its id without leading zeros, as it is not written', () => {
    const thrid = (value: string): number =>
      annotCrc(1, { entry: '/vendor/cmu/cyrus-imapd/thrid', userid: '', value });
    expect(thrid('031e0e339ed7b968')).to.equal(thrid('31e0e339ed7b968'));
    expect(annotCrc(1, { entry: '/comment', userid: '', value: '03' })).to.not.equal(
      annotCrc(1, { entry: '/comment', userid: '', value: '3' }),
    );
  });

  it('count no expunged record, and no annotation that is removed or nobody’s', () => {
    expect(recordCrc({ ...record, flags: ['\\Seen', '\\Expunged'] })).to.equal(0);
    expect(annotCrc(1, { entry: '/comment', userid: null, value: 'x' })).to.equal(0);
    expect(annotCrc(1, { entry: '/comment', userid: '', value: '' })).to.equal(0);
    expect(annotCrc(1, { entry: '/comment', userid: '', value: null })).to.equal(0);
    expect(annotCrc(1, { entry: '/comment', userid: '', value: 'x' })).to.not.equal(0);
  });
});
