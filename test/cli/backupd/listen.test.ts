import { expect } from 'chai';
import { inheritedSockets, listenAddress, socketModeOf } from '../../../src/cli/backupd/listen.ts';
import { BackupError } from '../../../src/errors.ts';

describe('--listen', () => {
  const addresses: [text: string, address: object][] = [
    ['localhost:2005', { host: 'localhost', port: 2005, isTls: false }],
    ['[::1]:0/tls', { host: '::1', port: 0, isTls: true }],
    [':2005', { host: '', port: 2005, isTls: false }],
    ['/run/backupd/socket', { path: '/run/backupd/socket', mode: 0o660 }],
  ];
  for (const [text, address] of addresses) {
    it(text, () => expect(listenAddress(text, 0o660)).to.deep.equal(address));
  }

  for (const text of ['', 'host', 'host:', 'host:70000', 'run/socket', '::1:2005', 'host:1/ssl']) {
    it(`${JSON.stringify(text)} is no address`, () => {
      expect(() => listenAddress(text, 0o600)).to.throw(BackupError, `--listen ${text}: `);
    });
  }

  it('takes octal modes for sockets, and nothing else', () => {
    expect(socketModeOf('0660')).to.equal(0o660);
    expect(socketModeOf('600')).to.equal(0o600);
    for (const text of ['', '0', '888', '4755', 'rw']) {
      expect(() => socketModeOf(text), text).to.throw(BackupError, '--socket-mode');
    }
  });
});

describe('sockets from systemd', () => {
  it('are those that were passed to this very process', () => {
    const environment = { LISTEN_PID: '77', LISTEN_FDS: '2', LISTEN_FDNAMES: 'csync:tls' };
    expect(inheritedSockets(environment, 77)).to.deep.equal([
      { fd: 3, isTls: false },
      { fd: 4, isTls: true },
    ]);
    expect(inheritedSockets(environment, 78)).to.deep.equal([]);
    expect(inheritedSockets({}, 77)).to.deep.equal([]);
    for (const LISTEN_FDS of ['', '0', '-1', 'x', '99999999']) {
      expect(inheritedSockets({ LISTEN_PID: '77', LISTEN_FDS }, 77), LISTEN_FDS).to.deep.equal([]);
    }
  });
});
