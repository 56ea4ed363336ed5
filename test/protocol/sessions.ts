/** Excerpts of real sessions of sync_client 3.6.1, as it sent them. */

export const guidOne = '418e491d5d3e8308b880bf3c65fedfb83977899c';
export const guidTwo = '93a0b67159271229f632767a3f29f4ca5cd4ab29';

/** All of a mailbox's records, with the checksums that the master computed over them. */
export const fullMailbox =
  'APPLY MAILBOX %(UNIQUEID m6p1a4tlao5s9bxjscbe4uoz MBOXNAME user.ellie SYNC_CRC 1147011760 SYNC_CRC_ANNOT 595063250 ' +
  'LAST_UID 3 HIGHESTMODSEQ 6 RECENTUID 0 RECENTTIME 0 LAST_APPENDDATE 1795383420 POP3_LAST_LOGIN 0 POP3_SHOW_AFTER 0 ' +
  'UIDVALIDITY 1795383421 PARTITION default ACL "ellie\tlrswipkxtecdan\t" OPTIONS P CREATEDMODSEQ 1 FOLDERMODSEQ 6 ' +
  'ANNOTATIONS (%(ENTRY /comment USERID "" MODSEQ 0 VALUE c1) %(ENTRY /comment USERID ellie MODSEQ 0 VALUE p1)) RECORD ' +
  `(%(UID 1 MODSEQ 2 LAST_UPDATED 1795383420 FLAGS () INTERNALDATE 1795348800 SIZE 208 GUID ${guidOne} ANNOTATIONS ` +
  '(%(ENTRY /vendor/cmu/cyrus-imapd/savedate USERID "" MODSEQ 0 VALUE 1795383420) ' +
  '%(ENTRY /vendor/cmu/cyrus-imapd/createdmodseq USERID "" MODSEQ 0 VALUE 2))) ' +
  `%(UID 2 MODSEQ 3 LAST_UPDATED 1795383420 FLAGS (\\Flagged \\Seen $Label1) INTERNALDATE 1795348800 SIZE 208 GUID ${guidTwo} ` +
  'ANNOTATIONS (%(ENTRY /vendor/cmu/cyrus-imapd/savedate USERID "" MODSEQ 0 VALUE 1795383420) ' +
  '%(ENTRY /vendor/cmu/cyrus-imapd/createdmodseq USERID "" MODSEQ 0 VALUE 3))) ' +
  '%(UID 3 MODSEQ 4 LAST_UPDATED 1795383420 FLAGS () INTERNALDATE 1795348800 SIZE 247 ' +
  'GUID 0c1cd912f03e9b624f89a3fa9bc8a971a9070e9b ANNOTATIONS ' +
  '(%(ENTRY /vendor/cmu/cyrus-imapd/savedate USERID "" MODSEQ 0 VALUE 1795383420) ' +
  '%(ENTRY /vendor/cmu/cyrus-imapd/createdmodseq USERID "" MODSEQ 0 VALUE 4)))))\r\n';

/** Another: one record with a flag. */
export const sentMailbox =
  'APPLY MAILBOX %(UNIQUEID q6q0h3ap1j9h6t8jq0aoygjp MBOXNAME user.ellie.Sent SYNC_CRC 3553082768 SYNC_CRC_ANNOT 1675852556 ' +
  'LAST_UID 1 HIGHESTMODSEQ 2 RECENTUID 0 RECENTTIME 0 LAST_APPENDDATE 1795383420 POP3_LAST_LOGIN 0 POP3_SHOW_AFTER 0 ' +
  'UIDVALIDITY 1795383421 PARTITION default ACL "ellie\tlrswipkxtecdan\t" OPTIONS P CREATEDMODSEQ 1 FOLDERMODSEQ 1 RECORD ' +
  '(%(UID 1 MODSEQ 2 LAST_UPDATED 1795383420 FLAGS (\\Seen) INTERNALDATE 1795348800 SIZE 208 ' +
  'GUID ba582750bd5ef9d436f6fff8dee06d7ab051b7a4 ANNOTATIONS ' +
  '(%(ENTRY /vendor/cmu/cyrus-imapd/savedate USERID "" MODSEQ 0 VALUE 1795383420) ' +
  '%(ENTRY /vendor/cmu/cyrus-imapd/createdmodseq USERID "" MODSEQ 0 VALUE 2)))))\r\n';

/** A literal in the middle of a line: an annotation with a quote and a backslash. */
export const literalInTheMiddle =
  'APPLY MAILBOX %(UNIQUEID m6p1a4tlao5s9bxjscbe4uoz ANNOTATIONS (%(ENTRY /comment USERID "" MODSEQ 0 VALUE c2) ' +
  '%(ENTRY /vendor/x USERID "" MODSEQ 0 VALUE {5+}\r\na"b\\c)) SINCE_MODSEQ 12 RECORD ())\r\n';

export const twoMessages = `APPLY MESSAGE (%{default ${guidOne} 9}\r\nOne\r\n)\r\n\r %{default ${guidTwo} 3}\r\nTwo)\r\n`;

export const sieveScript =
  'APPLY SIEVE %(USERID ellie FILENAME main.script LAST_UPDATE 1795383420 CONTENT {7+}\r\nkeep;\r\n)\r\n';

export const wholeSession =
  'AUTHENTICATE PLAIN AHJlcGx1c2VyAHJlcGxwdw==\r\nGET USER ellie\r\n' +
  twoMessages +
  fullMailbox +
  literalInTheMiddle +
  sieveScript +
  'APPLY SUB %(USERID ellie MBOXNAME user.ellie.Sent)\r\nEXIT\r\n';
