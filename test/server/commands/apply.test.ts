import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { SyncConnection } from '../../support/syncConnection.ts';
import { apply, guidOf, idOf, message, upload, valueOf } from '../made.ts';
import { TestServer } from '../testServer.ts';

const NONEXISTENT = 'NO IMAP_MAILBOX_NONEXISTENT No Such Mailbox';

describe('APPLY and what GET says afterwards', () => {
  let server: TestServer;
  let client: SyncConnection;
  const bodies = [message('one'), message('two'), message('three')];

  beforeEach(async () => {
    server = await TestServer.start();
    client = await server.login();
    await ok(upload(...bodies));
    await ok(apply({ name: 'user.anne', bodies }));
  });

  afterEach(() => server.stop());

  async function ok(command: string | Buffer): Promise<string[]> {
    const { untagged, reply } = await client.exchange(command);
    expect(reply, command.toString().slice(0, 60)).to.equal('OK Success');
    return untagged;
  }

  const apply1 = (rest: string): Promise<string[]> => ok(`APPLY ${rest}\r\n`);
  const refused = async (rest: string): Promise<string> => (await client.exchange(`APPLY ${rest}\r\n`)).reply;
  const get = (rest: string): Promise<string[]> => ok(`GET ${rest}\r\n`);

  async function meta(name: string): Promise<string[]> {
    return (await get('META anne')).filter((line) => line.startsWith(`* ${name} `));
  }

  it('EXPUNGE takes records away, and the CRC is that of a mailbox that never had them', async () => {
    await apply1(`EXPUNGE %(MBOXNAME user.anne UNIQUEID ${idOf('user.anne')} UID (3))`);
    await ok(apply({ name: 'user.bethany', bodies, uids: [1, 2] }));
    const [annes] = await get('MAILBOXES (user.anne)');
    const [bethanys] = await get('MAILBOXES (user.bethany)');
    expect(valueOf(annes, 'SYNC_CRC')).to.equal(valueOf(bethanys, 'SYNC_CRC'));
    expect(server.records('anne', 'user.anne')).to.match(/UID 3 [^%]*\\Expunged/);
    expect(await refused('EXPUNGE %(MBOXNAME user.anne UNIQUEID unknown UID (1))')).to.equal(NONEXISTENT);
  });

  it('EXPUNGE of very many UIDs is several lines, and one wrong UID refuses all', async () => {
    const names = `MBOXNAME user.anne UNIQUEID ${idOf('user.anne')}`;
    const many = Array.from({ length: 40_000 }, (_, at) => at + 2).join(' ');
    expect(await refused(`EXPUNGE %(${names} UID (${many} x))`)).to.match(
      /^NO IMAP_PROTOCOL_BAD_PARAMETERS /,
    );
    expect(server.records('anne', 'user.anne')).not.to.contain('\\Expunged');
    await apply1(`EXPUNGE %(${names} UID (${many}))`);
    expect(server.records('anne', 'user.anne').match(/\\Expunged/g)).to.have.length(2);
    expect(server.dataText('anne').match(/APPLY EXPUNGE/g)).to.have.length(3);
  });

  it('ANNOTATION makes no state larger than MAILBOX may', async () => {
    const annotate = (entry: string): string =>
      `ANNOTATION %(MBOXNAME user.anne ENTRY ${entry} USERID "" VALUE ${'x'.repeat(600_000)})`;
    await apply1(annotate('/a'));
    expect(await refused(annotate('/b'))).to.match(/^NO IMAP_PROTOCOL_BAD_PARAMETERS /);
  });

  it('RENAME moves a mailbox with its records', async () => {
    await ok(apply({ name: 'user.anne.Receipts', bodies: bodies.slice(0, 1) }));
    const names = 'OLDMBOXNAME user.anne.Receipts NEWMBOXNAME user.anne.Expenses';
    await apply1(`RENAME %(${names} PARTITION default UIDVALIDITY 1700000009)`);
    expect(await get('MAILBOXES (user.anne.Receipts)')).to.deep.equal([]);
    const [line] = await get('MAILBOXES (user.anne.Expenses)');
    expect(valueOf(line, 'UNIQUEID')).to.equal(idOf('user.anne.Receipts'));
    expect(valueOf(line, 'UIDVALIDITY')).to.equal('1700000009');
    expect(server.records('anne', 'user.anne.Expenses')).to.contain(guidOf(bodies[0] as string));
    expect(await refused(`RENAME %(${names} PARTITION default UIDVALIDITY 1)`)).to.equal(NONEXISTENT);
  });

  it('UNMAILBOX takes a mailbox off the list, whose bytes stay; again it is no error', async () => {
    await apply1('UNMAILBOX user.anne');
    expect(await get('USER anne')).to.deep.equal([]);
    expect((await client.exchange('GET FULLMAILBOX user.anne\r\n')).reply).to.equal(NONEXISTENT);
    expect(server.dataText('anne')).to.contain('about three.');
    await apply1('UNMAILBOX user.anne');
    expect(await refused('UNMAILBOX user.nobody')).to.equal(NONEXISTENT);
    expect(server.catalog.find('nobody')).to.equal(null);
  });

  it('UNUSER takes all mailboxes off the list; of an unknown user it makes no backup', async () => {
    await ok(apply({ name: 'user.anne.Archive' }));
    await apply1('UNUSER anne');
    expect(await get('USER anne')).to.deep.equal([]);
    await apply1('UNUSER nobody');
    expect(server.catalog.find('nobody')).to.equal(null);
  });

  it('a deleted mailbox is of the user in its name, a domain is part of the userid, the rest is shared', async () => {
    await ok(apply({ name: 'DELETED.user.bethany.Old.6B040911' }));
    await ok(apply({ name: 'example.com!user.carl' }));
    await ok(apply({ name: 'team.minutes' }));
    expect(await get('USER bethany')).to.have.length(1);
    expect(await get('USER carl@example.com')).to.have.length(1);
    expect(server.dataText('%SHARED')).to.contain('team.minutes');
  });

  it('SEEN, without its USERID', async () => {
    const rest = 'UNIQUEID x LASTREAD 5 LASTUID 3 LASTCHANGE 5 SEENUIDS 1:2,3';
    await apply1(`SEEN %(USERID anne ${rest})`);
    expect(await meta('SEEN')).to.deep.equal([`* SEEN %(${rest})`]);
  });

  it('SUB and UNSUB', async () => {
    await apply1('SUB %(USERID anne MBOXNAME user.anne)');
    await apply1('SUB %(USERID anne MBOXNAME "user.anne.Sent Items")');
    expect(await meta('LSUB')).to.deep.equal(['* LSUB (user.anne "user.anne.Sent Items")']);
    await apply1('UNSUB %(USERID anne MBOXNAME user.anne)');
    expect(await meta('LSUB')).to.deep.equal(['* LSUB ("user.anne.Sent Items")']);
  });

  it('SIEVE, and ACTIVATE_SIEVE by the name of the bytecode that nobody uploads', async () => {
    const script = 'keep; # "gr\xfc\xdfe"\r\n';
    await ok(
      Buffer.from(
        `APPLY SIEVE %(USERID anne FILENAME main.script LAST_UPDATE 77 CONTENT {${script.length}+}\r\n${script})\r\n`,
        'latin1',
      ),
    );
    const guid = createHash('sha1').update(script, 'latin1').digest('hex');
    const own = `* SIEVE %(FILENAME main.script LAST_UPDATE 77 GUID ${guid} ISACTIVE 0)`;
    expect(await meta('SIEVE')).to.deep.equal([own]);
    await apply1('ACTIVATE_SIEVE %(USERID anne FILENAME main.bc)');
    expect(await meta('SIEVE')).to.deep.equal([own, '* SIEVE %(FILENAME main.bc LAST_UPDATE 77 ISACTIVE 1)']);
    await apply1('UNACTIVATE_SIEVE %(USERID anne)');
    expect(await meta('SIEVE')).to.deep.equal([own]);
    await apply1('UNSIEVE %(USERID anne FILENAME main.script)');
    expect(await meta('SIEVE')).to.deep.equal([]);
  });

  it('QUOTA comes back as it was sent, with the user', async () => {
    const quota = '%(ROOT user.anne LIMIT 20480 STORAGE 20480 MESSAGE 2000 MODSEQ 80)';
    await apply1(`QUOTA ${quota}`);
    expect((await get('USER anne')).filter((line) => line.startsWith('* QUOTA'))).to.deep.equal([
      `* QUOTA ${quota}`,
    ]);
  });

  it('QUOTA and UNQUOTA, and GET QUOTA of a root', async () => {
    const quota = '%(ROOT user.anne LIMIT -1 MESSAGE 2000)';
    expect(await get('QUOTA user.anne')).to.deep.equal([]);
    await apply1(`QUOTA ${quota}`);
    expect(await get('QUOTA user.anne')).to.deep.equal([`* QUOTA ${quota}`]);
    await apply1('UNQUOTA user.anne');
    expect(await get('QUOTA user.anne')).to.deep.equal([]);
    await apply1('UNQUOTA user.nobody');
    expect(server.catalog.find('nobody')).to.equal(null);
  });

  it('ANNOTATION and UNANNOTATION change what the mailbox has, in the order of masters', async () => {
    const named = (entry: string, userid: string): string => `ENTRY ${entry} USERID ${userid}`;
    const of = (entry: string, userid: string): string => `MBOXNAME user.anne ${named(entry, userid)}`;
    const line = (entry: string, userid: string, value: string): string =>
      `* ANNOTATION %(${of(entry, userid)} VALUE ${value})`;
    const first = `ANNOTATIONS (%(${named('/comment', 'anne')} MODSEQ 4 VALUE old))`;
    await ok(apply({ name: 'user.anne', bodies, extra: ` ${first}` }));
    await apply1(`ANNOTATION %(${of('/comment', '""')} VALUE "for all")`);
    await apply1(`ANNOTATION %(${of('/comment', 'anne')} VALUE new)`);
    await apply1(`ANNOTATION %(${of('/colour', '""')} VALUE blue)`);
    expect(await get('ANNOTATION user.anne')).to.deep.equal([
      line('/colour', '""', 'blue'),
      line('/comment', '""', '"for all"'),
      line('/comment', 'anne', 'new'),
    ]);
    await apply1(`UNANNOTATION %(${of('/comment', '""')})`);
    await apply1(`ANNOTATION %(${of('/colour', '""')} VALUE "")`);
    expect((await get('MAILBOXES (user.anne)')).join('')).to.contain(
      `ANNOTATIONS (%(${named('/comment', 'anne')} MODSEQ 0 VALUE new))`,
    );
    await apply1(`UNANNOTATION %(${of('/comment', 'anne')})`);
    expect((await get('MAILBOXES (user.anne)')).join('')).not.to.contain('ANNOTATIONS');
    expect(await refused(`ANNOTATION %(${of('/a', '""').replace('anne', 'anne.No')} VALUE x)`)).to.equal(
      NONEXISTENT,
    );
  });

  it('ANNOTATION of the server, whose mailbox name is empty, is kept with what is shared', async () => {
    await apply1('ANNOTATION %(MBOXNAME "" ENTRY /motd USERID "" VALUE "Hello")');
    expect(await get('ANNOTATION ""')).to.deep.equal([
      '* ANNOTATION %(MBOXNAME "" ENTRY /motd USERID "" VALUE Hello)',
    ]);
    await apply1('UNANNOTATION %(MBOXNAME "" ENTRY /motd USERID "")');
    expect(await get('ANNOTATION ""')).to.deep.equal([]);
  });

  it('CAPABILITIES: none are taken; FORCE changes nothing', async () => {
    expect(await apply1('CAPABILITIES (SIEVE-MAILBOX)')).to.deep.equal(['* ENABLED ()']);
    expect(await apply1('FORCE NIL')).to.deep.equal([]);
  });

  it('GET FETCH sends a message as it came, NUL and 8-bit bytes too, for a record that names it', async () => {
    const body = 'Subject: odd\r\n\r\n\0\xff\r\n';
    await ok(upload(body));
    await ok(apply({ name: 'user.anne.Odd', bodies: [body] }));
    const fetch = (uid: number, guid: string): string =>
      `GET FETCH %(MBOXNAME user.anne.Odd PARTITION default UNIQUEID ${idOf('user.anne.Odd')} GUID ${guid} UID ${uid})`;
    const { untagged } = await client.exchange(`${fetch(1, guidOf(body))}\r\n`);
    expect(untagged.join('\r\n')).to.equal(`* MESSAGE %{default ${guidOf(body)} ${body.length}}\r\n${body}`);
    for (const wrong of [fetch(2, guidOf(body)), fetch(1, guidOf(bodies[0] as string))]) {
      expect((await client.exchange(`${wrong}\r\n`)).reply).to.equal(NONEXISTENT);
    }
  });

  it('GET FETCH_SIEVE sends a script as it came', async () => {
    await apply1('SIEVE %(USERID anne FILENAME main.script LAST_UPDATE 77 CONTENT keep;)');
    expect(await get('FETCH_SIEVE %(USERID anne FILENAME main.script)')).to.deep.equal([
      '* SIEVE %(USERID anne FILENAME main.script CONTENT keep;)',
    ]);
    expect((await client.exchange('GET FETCH_SIEVE %(USERID anne FILENAME no)\r\n')).reply).to.equal(
      NONEXISTENT,
    );
  });

  it('UNUSER ends subscriptions, scripts and quota, too', async () => {
    await apply1('SUB %(USERID anne MBOXNAME user.anne)');
    await apply1('QUOTA %(ROOT user.anne STORAGE 1)');
    await apply1('UNUSER anne');
    expect(await get('USER anne')).to.deep.equal([]);
  });

  it('LOCAL_MAILBOX and its like are as the plain form', async () => {
    await ok(apply({ name: 'user.anne.Local' }).replace('APPLY MAILBOX', 'APPLY LOCAL_MAILBOX'));
    expect(await get('MAILBOXES (user.anne.Local)')).to.have.length(1);
    await apply1('LOCAL_UNMAILBOX user.anne.Local');
    expect(await get('MAILBOXES (user.anne.Local)')).to.deep.equal([]);
  });

  const wrong = [
    'MAILBOX %(UNIQUEID x)',
    'MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RECORD (%(UID 1)))',
    'MAILBOX (a b)',
    'MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd LAST_UID many)',
    'RENAME %(OLDMBOXNAME user.anne)',
    'SEEN %(UNIQUEID x)',
    'SUB %(USERID anne)',
    'SIEVE %(USERID anne FILENAME x)',
    'ACTIVATE_SIEVE %(USERID anne)',
    'RESERVE %(PARTITION default GUID ())',
    'UNMAILBOX (a b)',
    'QUOTA %(LIMIT 1)',
    'EXPUNGE %(MBOXNAME user.anne UID (1))',
    'MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RESEND 1)',
    'MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd ANNOTATIONS (x))',
    `MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RECORD (%(UID 1 MODSEQ 1 LAST_UPDATED 1 FLAGS ("a b") INTERNALDATE 1 SIZE 1 GUID ${'0'.repeat(40)})))`,
    `MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RECORD (%(UID 1 MODSEQ 1 LAST_UPDATED 1 FLAGS ("") INTERNALDATE 1 SIZE 1 GUID ${'0'.repeat(40)})))`,
    `MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RECORD (%(UID 1 MODSEQ 1 LAST_UPDATED 1 FLAGS ("a)b") INTERNALDATE 1 SIZE 1 GUID ${'0'.repeat(40)})))`,
    `MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RECORD (%(UID 1 MODSEQ 1 LAST_UPDATED 1 FLAGS ({3+}\r\na\nb) INTERNALDATE 1 SIZE 1 GUID ${'0'.repeat(40)})))`,
    `MAILBOX %(MBOXNAME user.anne.Odd UNIQUEID odd RECORD (%(UID 1 MODSEQ 1 LAST_UPDATED 1 FLAGS ("\\\\a b") INTERNALDATE 1 SIZE 1 GUID ${'0'.repeat(40)})))`,
  ];
  for (const command of wrong) {
    it(`refused, and nothing of it kept: ${command}`, async () => {
      const before = server.dataText('anne');
      expect(await refused(command)).to.match(/^NO IMAP_PROTOCOL_BAD_PARAMETERS /);
      expect(server.dataText('anne')).to.equal(before);
      expect(await get('USER anne')).to.have.length(1);
    });
  }
});
