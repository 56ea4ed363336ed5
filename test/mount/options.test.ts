import { expect } from 'chai';
import { parseMountOptions } from '../../mount/options.ts';

describe('mount options', () => {
  it('takes several lists, later ones over earlier ones', () => {
    const options = parseMountOptions([
      'transport=kernel,allow_other,uid=10',
      'gid=20,cache=3M,uid=11,threads=3',
      'nonempty,log=/x',
    ]);
    expect(options).to.deep.equal({
      ...parseMountOptions([]),
      transport: 'kernel',
      allowOther: true,
      nonempty: true,
      uid: 11,
      gid: 20,
      cacheBytes: 3 * 1024 * 1024,
      threads: 3,
      logFile: '/x',
    });
  });

  it('takes what the tree is to show', () => {
    const list = 'view=mh,listall,hardlinks,snapshot,at=@17,users=a*,users=b,owner=/etc/owners';
    expect(parseMountOptions([list])).to.deep.equal({
      ...parseMountOptions([]),
      view: 'mh',
      listAll: true,
      hardlinks: true,
      snapshot: true,
      at: 17,
      users: ['a*', 'b'],
      ownerMap: '/etc/owners',
    });
    expect(parseMountOptions(['at=now']).at).to.be.below(Date.now() / 1000);
  });

  it('ignores what fstab is full of', () => {
    const fromFstab =
      'rw,ro,_netdev,nofail,x-systemd.automount,X-mount.mkdir=0700,noauto,user,nosuid,dev,noexec,noatime,defaults,,comment=a';
    expect(parseMountOptions([fromFstab])).to.deep.equal(parseMountOptions([]));
  });

  for (const option of [
    'allow_root',
    'allow_other=1',
    'umask=8',
    'dmode=rwx',
    'fmode=77777',
    'constructor',
    '__proto__=1',
    'transport',
    'uid=',
    'x',
  ]) {
    it(`names the option it does not know: ${option}`, () => {
      expect(() => parseMountOptions([option]))
        .to.throw(option)
        .with.property('kind', 'usage');
    });
  }

  for (const option of [
    'uid=-1',
    'uid=root',
    'gid=4294967295',
    'cache=64Q',
    'cache=-1',
    'threads=0',
    'threads=17',
    'transport=nfs',
    'view=pop',
    'owner=x',
    'at=@99999999999',
    'at=soon',
  ]) {
    it(`refuses the value of ${option}`, () => {
      expect(() => parseMountOptions([option]))
        .to.throw(option)
        .with.property('subject', option);
    });
  }
});
