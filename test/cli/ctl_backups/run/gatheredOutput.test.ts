import { expect } from 'chai';
import { gathered } from '../../../../src/cli/ctl_backups/run/gatheredOutput.ts';

describe('gathered output', () => {
  function recording(): { pieces: string[]; io: Parameters<typeof gathered>[0] } {
    const pieces: string[] = [];
    const stream = (name: string) => ({
      write: (piece: string | Uint8Array) =>
        pieces.push(`${name}:${Buffer.from(piece as Uint8Array).toString('latin1')}`),
    });
    return { pieces, io: { stdout: stream('out'), stderr: stream('err') } };
  }

  it('writes many small pieces as few large ones, and all of them in the end', () => {
    const { pieces, io } = recording();
    const output = gathered(io);
    for (let at = 0; at < 10_000; at += 1) output.stdout.write('0123456789\n');
    output.flush();
    expect(pieces.length).to.be.below(20);
    expect(pieces.join('').replaceAll('out:', '')).to.equal('0123456789\n'.repeat(10_000));
  });

  it('keeps the order of the two streams', () => {
    const { pieces, io } = recording();
    const output = gathered(io);
    output.stdout.write('a');
    output.stderr.write('b');
    output.stdout.write('c');
    output.flush();
    expect(pieces).to.deep.equal(['out:a', 'err:b', 'out:c']);
  });

  it('changes no byte', () => {
    const { pieces, io } = recording();
    const output = gathered(io);
    output.stdout.write('text ');
    output.stdout.write(Buffer.from([0x80, 0xff, 0]));
    output.flush();
    expect(pieces).to.deep.equal(['out:text \x80\xff\0']);
  });
});
