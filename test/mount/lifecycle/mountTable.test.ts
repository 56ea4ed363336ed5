import { expect } from 'chai';
import { isOurs, parseMountInfo } from '../../../mount/lifecycle/mountTable.ts';

describe('the mount table', () => {
  it('is read with any number of optional fields, and escapes undone', () => {
    const text = [
      '22 1 0:21 / /proc rw shared:13 - proc proc rw',
      String.raw`36 35 0:45 / /a\040b\134c ro,nosuid - fuse.cyrus-backups cyrus-backups ro,user_id=0`,
      '37 35 8:1 / /x rw shared:1 master:2 propagate_from:3 - ext4 /dev/sda1 rw',
      '',
    ].join('\n');
    const entries = parseMountInfo(text);
    expect(entries).to.deep.equal([
      { device: '0:21', mountpoint: '/proc', type: 'proc' },
      { device: '0:45', mountpoint: String.raw`/a b\c`, type: 'fuse.cyrus-backups' },
      { device: '8:1', mountpoint: '/x', type: 'ext4' },
    ]);
    expect(entries.map(isOurs)).to.deep.equal([false, true, false]);
  });
});
