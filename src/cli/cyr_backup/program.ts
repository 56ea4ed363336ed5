/** The command line of cyr_backup: its commands and options, as data. */
import { defineProgram } from '../common/commandLine/program.ts';
import { configOption, modeOptions } from '../common/commonOptions.ts';

const mailbox = { name: 'NAME|UNIQUEID', completion: 'mailbox' } as const;
const OF_A_TIME = ['list mailboxes', 'show mailboxes', 'dump mailbox', 'json mailboxes'];

export const cyrBackup = defineProgram({
  name: 'cyr_backup',
  summary: 'show what one backup holds',
  details: 'It takes no lock, so it can be used while a master replicates.',
  operands: [{ name: 'BACKUP', completion: 'user' }],
  commands: {
    'list all': { summary: 'list chunks, mailboxes and messages', operands: [] },
    'list chunks': {
      summary: 'list the chunks of the data file',
      operands: [],
      examples: [{ command: 'cyr_backup anne list chunks', does: "of anne's backup" }],
    },
    'list mailboxes': {
      summary: 'list the mailboxes, deleted ones too',
      operands: [],
      examples: [
        { command: 'cyr_backup anne list mailboxes', does: 'all that ever were' },
        { command: 'cyr_backup --at yesterday anne list mailboxes', does: 'those of that time' },
      ],
    },
    'list messages': { summary: 'list the GUIDs of the messages', operands: [] },
    'show chunks': {
      summary: 'show chunks in full',
      operands: [{ name: 'ID', isRepeated: true }],
    },
    'show mailboxes': {
      summary: 'show mailboxes and their messages',
      operands: [{ ...mailbox, isRepeated: true }],
      examples: [{ command: 'cyr_backup anne show mailboxes user/anne', does: "anne's INBOX" }],
    },
    'show messages': {
      summary: 'show in which mailboxes messages are, and their headers',
      operands: [{ name: 'GUID', isRepeated: true }],
    },
    'dump chunk': {
      summary: 'write the lines of a chunk to standard output',
      operands: [{ name: 'ID' }],
    },
    'dump message': {
      summary: 'write a message to standard output',
      operands: [{ name: 'GUID' }],
    },
    'dump mailbox': {
      summary: 'write the messages of a mailbox to standard output, as an mbox',
      operands: [mailbox],
      examples: [{ command: 'cyr_backup anne dump mailbox user/anne > anne.mbox', does: "anne's INBOX" }],
    },
    'json chunks': { summary: 'like list chunks, as JSON', operands: [] },
    'json mailboxes': { summary: 'like show mailboxes, of all mailboxes, as JSON', operands: [] },
    'json messages': { summary: 'like list messages, with their mailboxes, as JSON', operands: [] },
    'json headers': {
      summary: 'the header fields of messages, as JSON',
      operands: [{ name: 'GUID', isRepeated: true }],
    },
    'json history': {
      summary: 'like history, as JSON',
      operands: [{ name: 'NAME|GUID|MESSAGE-ID', isRepeated: true }],
    },
    history: {
      summary: 'show when mailboxes or messages came, changed, moved and went',
      operands: [{ name: 'NAME|GUID|MESSAGE-ID', isRepeated: true, completion: 'mailbox' }],
      examples: [
        { command: 'cyr_backup anne history user/anne/Work', does: 'what happened to a folder' },
        { command: "cyr_backup anne history '<m7@example.com>'", does: 'what became of a message' },
      ],
    },
  },
  exclusive: [['file', 'mailbox', 'user']],
  options: {
    config: configOption,
    verbose: {
      type: 'count',
      short: 'v',
      long: 'verbose',
      help: 'check the last chunk first, and say so',
    },
    at: {
      type: 'text',
      long: 'at',
      argument: 'TIME',
      of: OF_A_TIME,
      help: 'mailboxes as they were: 2026-11-20, 2026-11-20T12:00:00Z, yesterday, 3d, @1795382905',
      more:
        'The time that was meant is printed on standard error. A time to come, or before the backup begins, ' +
        'is refused.',
    },
    file: { ...modeOptions.file, help: "the path of the backup's data file" },
    mailbox: { ...modeOptions.mailbox, help: 'a mailbox that belongs to the backup' },
    user: { ...modeOptions.user, help: 'the userid (this is the default)' },
  },
});
