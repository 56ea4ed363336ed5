import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import { FileLiteral } from '../../src/protocol/dlist.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import { readLogLine } from '../../src/protocol/logDriver.ts';
import { guidOne, guidTwo, twoMessages } from './sessions.ts';
import { TextSource } from './sources.ts';

const chunk = `# cyrus backup: chunk start\r\n1795383420 ${twoMessages}1795383421 APPLY UNUSER anne\r\n`;

describe('log lines', () => {
  it('tell where the files lie, and skip them', () => {
    const source = new TextSource(chunk);
    const line = readLogLine(source, defaultLimits)!;
    expect(line.time).to.equal(1795383420);
    const files = line.value as FileLiteral[];
    expect(files.map(({ guid }) => guid)).to.deep.equal([guidOne, guidTwo]);
    expect(files.map(({ position, size }) => chunk.slice(position, position + size))).to.deep.equal([
      'One\r\n)\r\n\r',
      'Two',
    ]);
    expect(readLogLine(source, defaultLimits)).to.deep.include({ name: 'UNUSER', value: 'anne' });
    expect(readLogLine(source, defaultLimits)).to.equal(null);
  });

  it('hand the files to who wants them', () => {
    const files: string[] = [];
    readLogLine(new TextSource(chunk), defaultLimits, (file, source) =>
      source.stream(file.size, (piece) => files.push(piece.toString('latin1'))),
    );
    expect(files).to.deep.equal(['One\r\n)\r\n\r', 'Two']);
  });

  it('are refused where the chunk is cut inside of one, at any byte', () => {
    const start = chunk.indexOf('1795383420');
    const end = chunk.indexOf('1795383421');
    for (let length = start + 1; length < end - 3; length += 1) {
      expect(
        () => readLogLine(new TextSource(chunk.slice(0, length)), defaultLimits),
        `at ${length}`,
      ).to.throw(BackupError);
    }
  });

  it('are refused without a time', () => {
    expect(() => readLogLine(new TextSource('APPLY UNUSER anne\r\n'), defaultLimits)).to.throw(/unix time/);
  });
});
