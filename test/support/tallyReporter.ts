/**
 * A mocha reporter that prints what the spec reporter prints. It also appends each result at once,
 * as a line, to the file named by `--reporter-option tally=FILE`. So a run that dies half-way
 * leaves a true count. A run that ended says so in its last line, `end`.
 */
import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

class TallyReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { tally } = options.reporterOptions as { tally: string };
    const note = (word: string, title = ''): void =>
      appendFileSync(tally, `${word} ${title}`.trimEnd().replaceAll('\n', ' ') + '\n');
    runner.on('pass', (test) => note('pass', test.fullTitle()));
    runner.on('fail', (test) => note('fail', test.fullTitle()));
    runner.on('pending', (test) => note('skip', test.fullTitle()));
    runner.on('end', () => note('end'));
  }
}

// mocha loads reporters with require(), and uses the returned value as the class.
export { TallyReporter as 'module.exports' };
