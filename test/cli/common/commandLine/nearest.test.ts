import { expect } from 'chai';
import { nearest } from '../../../../src/cli/common/commandLine/nearest.ts';

describe('nearest', () => {
  const cases: [word: string, names: string[], near: string[]][] = [
    ['copmact', ['compact', 'list'], ['compact']],
    ['--forse-clock', ['--force-clock', '--force-drop'], ['--force-clock']],
    ['--forse', ['--force-clock', '--force-drop', '--jobs'], ['--force-clock', '--force-drop']],
    ['--forse', ['--force-clock', '--force'], ['--force']],
    ['--human-readable', ['--human'], []],
    ['-q', ['-v', '-w'], []],
    ['zebra', ['list', 'stat'], []],
  ];
  for (const [word, names, near] of cases) {
    it(`of ${names.join(', ')} for ${word}: ${near.join(', ') || 'none'}`, () => {
      expect(nearest(word, names)).to.deep.equal(near);
    });
  }
});
