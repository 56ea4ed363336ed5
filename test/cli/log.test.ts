import { expect } from 'chai';
import { createLog } from '../../src/cli/log.ts';

describe('the daemon’s log', () => {
  const lines: string[] = [];
  const log = createLog(
    'backupd',
    () => false,
    (line) => void lines.push(line),
  );

  beforeEach(() => void lines.splice(0));

  it('quotes the beginning of a long name alone', () => {
    log.warn(`refused: ${'x'.repeat(1 << 20)}`);
    expect(lines[0]?.length).to.be.lessThan(5000);
    expect(lines[0]).to.match(/^backupd: refused: x+\.\.\.\n$/);
  });

  it('is one line for each message, whatever a peer puts in it', () => {
    log.info('a\nb\rc');
    expect(lines).to.deep.equal(['backupd: a | b?c\n']);
  });
});
