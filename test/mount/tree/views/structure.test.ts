import { expect } from 'chai';
import type { LiveMailbox } from '../../../../src/index/types.ts';
import { livingMail } from '../../../../mount/tree/views/shownMailboxes.ts';
import { buildStructure, folderAt } from '../../../../mount/tree/views/structure.ts';
import type { StructureFolder } from '../../../../mount/tree/views/structure.ts';

function mailbox(id: number, name: string, changed = 100, highestmodseq = '1'): LiveMailbox {
  const state = { uidvalidity: 1, lastUid: 0, deleted: null, state: '', since: 0 };
  const sums = {
    crc: 0,
    crcAnnot: 0,
    crcPadding: 0,
    sentCrc: null,
    sentCrcAnnot: null,
    resend: 'none' as const,
    missingFrom: null,
  };
  return { id, uniqueid: `u${id}`, name, highestmodseq, ...state, ...sums, changed };
}

function pathsOf(folder: StructureFolder): string[] {
  const below = [...folder.children.values()].flatMap(pathsOf);
  return folder.mailbox === null ? below : [`${folder.path} = ${folder.mailbox.uniqueid}`, ...below];
}

const build = (...names: string[]): StructureFolder =>
  buildStructure(
    livingMail(
      names.map((name, at) => mailbox(at + 1, name)),
      'DELETED',
    ),
  );

describe('a user’s folders', () => {
  it('are nested as the mailboxes are, INBOX beside the others', () => {
    const root = build('user.anne', 'user.anne.Archive', 'user.anne.Archive.2024', 'user.anne.v1^2 plans');
    expect(pathsOf(root)).to.deep.equal([
      'INBOX = u1',
      'Archive = u2',
      'Archive/2024 = u3',
      'v1.2 plans = u4',
    ]);
    expect(root.mailbox).to.equal(null);
  });

  it('are there without a mailbox where only a folder in them is one', () => {
    const root = build('user.anne.a.b.c');
    expect(folderAt(root, 'a/b')?.mailbox).to.equal(null);
    expect(folderAt(root, 'a/b/c')?.mailbox?.uniqueid).to.equal('u1');
    expect(folderAt(root, 'a/c')).to.equal(undefined);
    expect(folderAt(root, 'a/b/c/d/e')).to.equal(undefined);
    expect(folderAt(root, '')).to.equal(root);
  });

  it('do not show what is in the deleted namespace, behind a domain or not, and do show what only looks like it', () => {
    const root = build(
      'DELETED.user.anne.Old.5F000000',
      'example.com!DELETED.user.anne.Old.5F000000',
      'user.anne.DELETED.x',
      'user.anne.UNDELETED',
    );
    expect(pathsOf(root)).to.deep.equal(['DELETED/x = u3', 'UNDELETED = u4']);
  });

  it('keep users’ domains out of the path and shared mailboxes’ in it', () => {
    expect(pathsOf(build('example.com!user.anne', 'example.com!user.anne.a'))).to.deep.equal([
      'INBOX = u1',
      'a = u2',
    ]);
    expect(pathsOf(build('example.com!team', 'team.minutes'))).to.deep.equal([
      'example.com!team = u1',
      'team/minutes = u2',
    ]);
  });

  it('tell the bytes of one name from the others’', () => {
    const root = build('user.anne.INBOX', 'user.anne.Entw&APw-rfe', 'user.anne.5^eml', 'user.anne.a/b');
    expect(pathsOf(root)).to.deep.equal(['%49NBOX = u1', 'Entwürfe = u2', '5%2Eeml = u3', 'a%2Fb = u4']);
  });

  it('are as new as the newest thing in them', () => {
    const mailboxes = [
      mailbox(1, 'user.anne.a', 100, '7'),
      mailbox(2, 'user.anne.a.b', 200, '9007199254740993'),
    ];
    const root = buildStructure(livingMail(mailboxes, 'DELETED'));
    const times = ['', 'a', 'a/b'].map((path) => folderAt(root, path)?.changedMs);
    expect(Math.floor(times[0] as number)).to.be.within(200_000, 200_999);
    expect(new Set(times.map((time) => Math.floor((time ?? 0) / 1000)))).to.deep.equal(new Set([200]));
    expect(times[0]).to.equal(times[1]);
    expect(folderAt(root, 'a')?.firstId).to.equal(1);
  });

  it('have another time after each change within a second, in whichever of their mailboxes', () => {
    const states = [
      [mailbox(1, 'user.anne', 100, '9'), mailbox(2, 'user.anne.a', 100, '7')],
      [mailbox(1, 'user.anne', 100, '9'), mailbox(2, 'user.anne.a', 100, '8')],
      [mailbox(1, 'user.anne', 100, '8'), mailbox(2, 'user.anne.a', 100, '8')],
      [mailbox(1, 'user.anne', 100, '8')],
    ];
    const times = states.map((state) => buildStructure(livingMail(state, 'DELETED')).changedMs);
    expect(new Set(times).size).to.equal(states.length);
  });

  it('are as new as what has gone from them, by the log', () => {
    const living = [
      mailbox(1, 'user.anne', 100),
      mailbox(2, 'user.anne.a', 100),
      mailbox(3, 'user.anne.a.b', 100),
    ];
    const departed = [{ path: ['a', 'gone', 'c'], until: 300 }];
    const root = buildStructure(livingMail(living, 'DELETED'), departed);
    const seconds = ['', 'a', 'a/b', 'INBOX'].map((path) =>
      Math.floor((folderAt(root, path)?.changedMs ?? 0) / 1000),
    );
    expect(seconds).to.deep.equal([300, 300, 100, 100]);
  });

  it('have another time after each change within a second, also one that moves no modseq', () => {
    const states = [
      mailbox(1, 'user.anne', 100, '7'),
      mailbox(1, 'user.anne', 100, '8'),
      mailbox(1, 'user.anne', 100, '1007'),
      { ...mailbox(1, 'user.anne', 100, '7'), crc: 0xfedcba98 },
      { ...mailbox(1, 'user.anne', 100, '7'), crc: 1 },
    ];
    const times = states.map((state) => buildStructure(livingMail([state], 'DELETED')).changedMs);
    expect(new Set(times).size).to.equal(states.length);
  });
});
