/** Rows of the matrix in docs/reference/interop.md that no other test has, on Debian's Cyrus; test/interop/matrix.ts does all, on every version. */
import { expect } from 'chai';
import { mailFamilies } from '../interop/mailFamilies.ts';
import { Site } from '../interop/site.ts';
import { userFamilies } from '../interop/userFamilies.ts';
import { buildMailboxes } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';

/** By how their names begin; they go on from one another in this order. */
const rows = [
  'threads',
  'a folder made anew',
  'deleted folders purged',
  'quota',
  'sieve scripts',
  'shared mailboxes',
  'a user of a virtual domain',
  'a message lost here',
  'records lost here',
  'a user deleted',
];

describe('on a real master', function () {
  this.timeout(60_000);
  const families = [...mailFamilies, ...userFamilies];
  let site: Site;

  before(async function () {
    needs(this, ...cyrusRequirements);
    site = await Site.start(undefined);
    await site.createUser('anne');
    await buildMailboxes(site.master, 'anne', { hasLarge: false });
    await site.sync('-u', 'anne');
  });

  after(() => site?.stop());

  for (const row of rows) {
    const family = families.find(({ name }) => name.startsWith(row));
    it(family?.name ?? row, async () => {
      const own = family?.own === undefined ? undefined : await Site.start(undefined, family.own);
      try {
        await family?.run(own ?? site);
        expect(await (own ?? site).differences()).to.deep.equal([]);
      } finally {
        await own?.stop();
      }
    });
  }
});
