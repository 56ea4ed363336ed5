import { expect } from 'chai';
import { BackupError } from '../../../src/errors.ts';
import { HostLimits, hostOf, unlimitedHosts } from '../../../src/server/limits/hostLimits.ts';

const LIMITS = {
  connections: 2,
  failedLogins: 3,
  failedLoginWindowMs: 1000,
  unlimited: ['127.0.0.0/8', '::1'],
};

describe('a host', () => {
  const hosts: [address: string, host: string][] = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:2::', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ];
  for (const [address, host] of hosts) {
    it(`${address} is ${host}`, () => expect(hostOf(address)).to.equal(host));
  }
});

describe('limits per host', () => {
  let nowMs: number;
  let limits: HostLimits;

  beforeEach(() => {
    nowMs = 0;
    limits = new HostLimits(LIMITS, () => nowMs);
  });

  it('counts connections of a host, and no other’s', () => {
    expect(limits.connect('2001:db8::1')).to.equal(null);
    expect(limits.connect('2001:db8::2')).to.equal(null);
    expect(limits.connect('2001:db8::3')).to.equal('2 connections of 2001:db8:0:0::/64 are open');
    expect(limits.connect('2001:db8:0:1::1')).to.equal(null);
    limits.disconnect('2001:db8::1');
    expect(limits.connect('2001:db8::3')).to.equal(null);
  });

  it('turns a host away after its failed logins, until the window is over', () => {
    for (let time = 0; time < 3; time += 1) {
      expect(limits.isLockedOut('192.0.2.7')).to.equal(false);
      limits.loginFailed('::ffff:192.0.2.7');
      nowMs += 100;
    }
    expect(limits.isLockedOut('192.0.2.7')).to.equal(true);
    expect(limits.connect('192.0.2.7')).to.equal('too many failed logins of 192.0.2.7');
    expect(limits.connect('192.0.2.8')).to.equal(null);
    nowMs = 1000;
    expect(limits.connect('192.0.2.7')).to.equal(null);
  });

  it('leaves loopback and unix sockets alone, but remembers who is there for when that changes', () => {
    for (const address of ['127.0.0.1', '::ffff:127.0.0.5', '::1', undefined]) {
      for (let time = 0; time < 5; time += 1) {
        expect(limits.connect(address)).to.equal(null);
        limits.loginFailed(address);
      }
      expect(limits.isLockedOut(address)).to.equal(false);
    }
    limits.reconfigure({ ...LIMITS, unlimited: [] });
    expect(limits.connect('127.0.0.1')).to.equal('5 connections of 127.0.0.1 are open');
    expect(limits.connect(undefined)).to.equal(null);
  });

  it('0 is no limit', () => {
    limits.reconfigure({ ...LIMITS, connections: 0, failedLogins: 0 });
    for (let time = 0; time < 5; time += 1) {
      expect(limits.connect('192.0.2.7')).to.equal(null);
      limits.loginFailed('192.0.2.7');
    }
    expect(limits.isLockedOut('192.0.2.7')).to.equal(false);
  });

  it('hosts that failed once are not remembered without bound', () => {
    for (let host = 0; host < 20_000; host += 1) limits.loginFailed(`10.1.${host >> 8}.${host & 255}`);
    for (let time = 0; time < 3; time += 1) limits.loginFailed('10.1.0.0');
    expect(limits.isLockedOut('10.1.0.0'), 'counted from anew').to.equal(true);
  });

  for (const network of ['example.com', '10.0.0.0/33', '::/129', '10.0.0.0/', '1.2.3.4/8/9', '10.0.0.0/-1']) {
    it(`${network} is no network`, () => {
      expect(() => unlimitedHosts([network])).to.throw(BackupError, network);
    });
  }
});
